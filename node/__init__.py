"""The running node: endpoints, the table of transactions, federation, command line."""

__version__ = "0.1.0"
