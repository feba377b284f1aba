"""Consents that are registered as documents, and the rules that a configuration makes of `[consent]`."""
