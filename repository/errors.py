"""What can go wrong with stored documents, besides the errors that have an XDS code."""

from __future__ import annotations


class StoreError(Exception):
    """Base of what the document store raises on purpose."""


class BlobDamaged(StoreError):
    """A stored document is not what was stored: a tag, a length or a hash does not hold, or the file is gone.

    Raised before a byte of the damaged frame is given out. It concerns this document alone.
    """


class BlobStorageFailed(StoreError):
    """The file system failed to make a document durable (fsync, rename, I/O error).

    Never retried: after a failed fsync the kernel may report success for pages that are lost, so nothing that this
    process writes to these files afterwards can be trusted. The store takes no more documents; the process must stop.
    """


class BadBlobKey(StoreError):
    """The key file of the document store is absent, open to others, or not a key."""
