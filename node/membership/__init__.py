"""This node as a member of a federation: the directory in force, joining, renewal, and what a signer does."""
