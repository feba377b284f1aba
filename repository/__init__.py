"""Document Repository: documents as bytes."""
