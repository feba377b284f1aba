"""Document Registry: what a document is, its metadata, its index, its patient."""
