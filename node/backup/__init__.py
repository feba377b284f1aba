"""Backup and restore of a node: the file, what is looked at in it, keys under a passphrase."""
