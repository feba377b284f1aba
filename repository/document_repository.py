"""The Document Repository actor: bytes in before their row, rows with the registration, bytes out when both agree."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from registry.errors import ErrorCode, RegistryError, XdsErrors
from repository.errors import BlobDamaged, BlobStorageFailed
from repository.store.blobs import BlobReader, BlobStore, Staged, Staging, Swept
from repository.store.catalogue import Catalogue, OtherContent, StoredDocument
from repository.store.upkeep import Checked


class DocumentRepository:
    """Composes the files and the rows. `reader` is a connection that only reads; writes get theirs passed in."""

    def __init__(self, reader: sqlite3.Connection, blobs: BlobStore, repository_unique_id: str) -> None:
        self.repository_unique_id = repository_unique_id
        self._catalogue = Catalogue(reader)
        self._blobs = blobs

    def begin(self) -> Staging:
        """Start to take a document: `write`, then `await finish()`.

        Raises:
            RepositoryOutOfResources: the disk is nearly full.
            BlobStorageFailed: the storage failed; the process must stop.
        """
        return self._blobs.begin()

    def keep(self, connection: sqlite3.Connection, unique_id: str, mime_type: str, staged: Staged) -> StoredDocument:
        """Add the row of a staged document, within the transaction that `connection` holds.

        The same content again under this uniqueId is no error.

        Raises:
            XdsErrors: this uniqueId is stored with another content: XDSNonIdenticalSize, XDSNonIdenticalHash.
            BlobStorageFailed: the file has vanished since it was staged.
        """
        kept = Catalogue(connection).keep(unique_id, mime_type, staged)
        if isinstance(kept, OtherContent):
            raise XdsErrors(_differences(kept))
        if not self._blobs.holds(kept.blob):
            raise BlobStorageFailed(f"the file of document {unique_id} has vanished")
        return kept

    def locate(self, unique_id: str) -> StoredDocument | None:
        """What is known of a document without touching its file; None when it is not here."""
        return self._catalogue.locate(unique_id)

    def open(self, stored: StoredDocument) -> BlobReader:
        """The document's bytes, ready to be read; its size can be announced.

        A document of one frame is checked here, whole. Of a longer one the header is checked; call `verify` of the
        reader (in a thread) where a damaged document must be known before the answer begins.

        Raises:
            BlobDamaged: the file is not what was stored.
        """
        reader = self._blobs.open(stored.blob)
        if reader.size != stored.size:
            raise BlobDamaged(f"document {stored.unique_id} has {reader.size} octets instead of {stored.size}")
        if reader.is_small:
            reader.verify()
        return reader

    def sweep(self, connection: sqlite3.Connection, older_than_seconds: float) -> Swept:
        """Remove files that no row refers to. Blocking; `connection` reads and belongs to the thread this runs in."""
        return self._blobs.sweep(Catalogue(connection).references, older_than_seconds)

    def scrub(self, connection: sqlite3.Connection) -> Iterator[Checked]:
        """Read every document that has a row and compare size and both hashes; one result each, named by uniqueId.

        Blocking; run it in a thread, and pause between results as the load allows.
        """
        for stored in Catalogue(connection).documents():
            yield Checked(stored.unique_id, self._damage(stored))

    def _damage(self, stored: StoredDocument) -> str:
        try:
            digest = self._blobs.open(stored.blob).digest()
        except BlobDamaged as damage:
            return str(damage)
        if (digest.size, digest.sha1, digest.sha256) != (stored.size, stored.sha1, stored.sha256):
            return f"document {stored.unique_id} has another content than its row says"
        return ""


def _differences(conflict: OtherContent) -> list[RegistryError]:
    """Which facts differ, each an error of its own.

    Source: ITI TF-3: Table 4.2.4.1-2
    """
    unique_id = conflict.stored.unique_id
    errors = [RegistryError(ErrorCode.NON_IDENTICAL_HASH, f"document {unique_id} is stored with another hash")]
    if conflict.stored.size != conflict.offered.size:
        text = f"document {unique_id} is stored with another size"
        errors.insert(0, RegistryError(ErrorCode.NON_IDENTICAL_SIZE, text))
    return errors
