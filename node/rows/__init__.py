"""Rows of the table of transactions, by what they are about; `node.transactions` is the table."""
