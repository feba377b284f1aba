"""Fuzzing of the message readers: any bytes get a value or the standard refusal, never a crash and never a hang."""
