"""One module for each IHE transaction; the table is `node.transactions`."""
