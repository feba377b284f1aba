"""The registry's tables and everything that knows SQL."""
