"""The Initiating Gateway and what it needs to ask other communities."""
