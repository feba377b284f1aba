"""Stored queries as data: what can be asked, how it is written, what it means."""
