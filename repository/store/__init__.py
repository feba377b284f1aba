"""Where documents and their rows are kept: encrypted files, a spool, one table."""
