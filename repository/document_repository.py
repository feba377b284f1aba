"""The Document Repository actor: bytes in before their row, rows with the registration, bytes out when both agree."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from registry.errors import ErrorCode, RegistryError, XdsErrors
from repository.errors import BlobDamaged, BlobStorageFailed
from repository.store.blobs import BlobReader, BlobStore, Staged, Staging, Swept
from repository.store.catalogue import Catalogue, OtherContent, StoredDocument


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """One document as a scrub found it; `damage` is empty when it is sound. `again`: it was damaged when last seen."""

    stored: StoredDocument
    damage: str
    again: bool = False


class DocumentRepository:
    """Composes the files and the rows. `reader` is a connection that only reads; writes get theirs passed in."""

    def __init__(self, reader: sqlite3.Connection, blobs: BlobStore, repository_unique_id: str) -> None:
        self.repository_unique_id = repository_unique_id
        self._catalogue = Catalogue(reader)
        self._blobs = blobs
        self._damaged = set(self._catalogue.damaged())

    def begin(self) -> Staging:
        """Start to take a document: `write`, then `await finish()`.

        Raises:
            RepositoryOutOfResources: the disk is nearly full.
            BlobStorageFailed: the storage failed; the process must stop.
        """
        return self._blobs.begin()

    def keep(self, connection: sqlite3.Connection, unique_id: str, mime_type: str, staged: Staged) -> StoredDocument:
        """Add the row of a staged document, within the transaction that `connection` holds.

        The same content again under this uniqueId is no error. Staging it healed the file where that was damaged.

        Raises:
            XdsErrors: this uniqueId is stored with another content: XDSNonIdenticalSize, XDSNonIdenticalHash.
            BlobStorageFailed: the file has vanished since it was staged.
        """
        kept = Catalogue(connection).keep(unique_id, mime_type, staged)
        if isinstance(kept, OtherContent):
            raise XdsErrors(_differences(kept))
        if not self._blobs.holds(kept.blob):
            raise BlobStorageFailed(f"the file of document {unique_id} has vanished")
        if kept.blob in self._damaged:
            self.note(connection, kept, damaged=False, now="")
        return kept

    def rename(self, connection: sqlite3.Connection, unique_id: str, as_: str) -> StoredDocument:
        """Give a document that is kept under a name of this node's the uniqueId that its metadata says.

        Raises:
            XdsErrors: XDSNonIdenticalHash, that uniqueId has another content here.
            LookupError: there is none to be renamed.
        """
        stored = Catalogue(connection).rename(unique_id, as_)
        if stored is None:
            text = f"document {as_} is stored with another hash"
            raise XdsErrors([RegistryError(ErrorCode.NON_IDENTICAL_HASH, text)])
        return stored

    def remove(self, connection: sqlite3.Connection, unique_id: str) -> StoredDocument | None:
        """Remove a document within the transaction that `connection` holds; None when it is not here.

        Its row goes with the commit and nobody gets it from then on. The file follows: `sweep` removes what no row
        refers to, also after a crash in between. Another uniqueId with the same content keeps it.
        """
        stored = Catalogue(connection).remove(unique_id)
        if stored is not None:
            self._blobs.release(stored.blob)
        return stored

    def locate(self, unique_id: str) -> StoredDocument | None:
        """What is known of a document without touching its file; None when it is not here."""
        return self._catalogue.locate(unique_id)

    def open(self, stored: StoredDocument) -> BlobReader:
        """The document's bytes, ready to be read; its size can be announced.

        A document of one frame is checked here, whole. Of a longer one the header is checked, and each frame before it
        is given out: damage found there is known from then on (`found_damaged`), before the next answer begins.

        Raises:
            BlobDamaged: the file is not what was stored.
        """
        if stored.blob in self._damaged:
            raise BlobDamaged(f"document {stored.unique_id} was found damaged before")
        reader = self._blobs.open(stored.blob)
        if reader.size != stored.size:
            raise BlobDamaged(f"document {stored.unique_id} has {reader.size} octets instead of {stored.size}")
        if reader.is_small:
            reader.verify()
        return reader

    def found_damaged(self, stored: StoredDocument) -> bool:
        """Give out no document of this blob from now on. Whether that is news; `note` makes it last."""
        news = stored.blob not in self._damaged
        self._damaged.add(stored.blob)
        return news

    def note(self, connection: sqlite3.Connection, stored: StoredDocument, *, damaged: bool, now: str) -> None:
        """Write down what was found, within the transaction that `connection` holds; sound ones are given out again."""
        Catalogue(connection).note(stored.blob, damaged=damaged, now=now)
        if not damaged:
            self._damaged.discard(stored.blob)

    def sweep(self, connection: sqlite3.Connection, older_than_seconds: float) -> Swept:
        """Remove files that no row refers to. Blocking; `connection` reads and belongs to the thread this runs in."""
        return self._blobs.sweep(Catalogue(connection).references, older_than_seconds)

    def scrub(
        self, connection: sqlite3.Connection, *, after: str = "", pace: Callable[[int], None] = lambda _: None
    ) -> Iterator[Scrubbed]:
        """Read every document that has a row and compare size and both hashes; one result each, in order of uniqueId.

        Those that were found damaged before come first, also when the scrub goes on `after` a uniqueId: they may have
        been put right. Blocking, so run it in a thread; `pace` is called with the octets of each frame, and may wait.
        """
        catalogue = Catalogue(connection)
        for blob in catalogue.damaged():
            for stored in catalogue.in_blob(blob):
                yield Scrubbed(stored, self._damage(stored, pace), again=True)
        for stored in catalogue.documents(after):
            yield Scrubbed(stored, self._damage(stored, pace))

    def _damage(self, stored: StoredDocument, pace: Callable[[int], None]) -> str:
        try:
            digest = self._blobs.open(stored.blob).digest(pace)
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
