"""The patient's will: what is kept of it, and whether it lets somebody see something."""
