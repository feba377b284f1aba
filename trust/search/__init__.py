"""The node's own Audit Record Repository: finding records of the ledger again (ITI TF-2: 3.81)."""
