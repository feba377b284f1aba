"""The connection doctor: the twelve steps between two institutions, and what to do where one of them fails."""
