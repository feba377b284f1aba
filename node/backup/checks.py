"""What is looked at in an unpacked backup before it becomes a node: database, documents, audit ledger."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from node import database
from node.backup.archive import files
from node.faults import refused
from node.migrations import REVISIONS
from repository.errors import BlobDamaged
from repository.store.keys import BlobKeys
from repository.store.reader import BlobReader
from trust.errors import LedgerBroken
from trust.ledger.head import HeadFile
from trust.ledger.recovery import recover

_NOTHING = "use another backup; nothing was restored"


def documents_in(blobs: Path) -> Iterator[tuple[str, Path]]:
    """The stored documents; what is still being received lies in `staging`."""
    return ((name, path) for name, path in files(blobs) if not name.startswith("staging/"))


def check_database(path: Path, source: Path) -> None:
    """The database is whole and of a schema that this program knows.

    Raises:
        Faults: it is not.
    """
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    except sqlite3.DatabaseError as problem:
        problems = [str(problem)]
    if problems != ["ok"]:
        raise refused("restore.database", str(source), f"its database is damaged: {problems[0]}", _NOTHING)
    schema = database.revision(path)
    if schema not in REVISIONS:
        cause = f"its schema is {schema}, this program knows {', '.join(REVISIONS)}"
        raise refused("database.newer", str(source), cause, "restore it with the newer program that made it")


def check_documents(held: Path, key: bytes | None, source: Path) -> None:
    """Every document that the database names is there; with the key, every one can be decrypted to its end.

    Raises:
        Faults: one is missing or damaged.
    """
    with contextlib.closing(sqlite3.connect(held / "database.db")) as connection:
        named = {bytes(row[0]).hex() for row in connection.execute("SELECT blob FROM stored_document")}
    there = {path.name: path for _, path in documents_in(held / "blobs")} if (held / "blobs").exists() else {}
    missing = named - there.keys()
    if missing:
        raise refused(
            "restore.documents", str(source), f"{len(missing)} of {len(named)} documents are missing", _NOTHING
        )
    if key is None:
        return
    keys = BlobKeys.derive(bytes.fromhex(key.decode("ascii")))
    for name in named:
        try:
            BlobReader.open(there[name], name, keys).verify()
        except BlobDamaged as problem:
            raise refused("restore.documents", str(source), f"document {name}: {problem}", _NOTHING) from None


def check_ledger(held: Path, source: Path) -> None:
    """The audit ledger's database agrees with itself and with the head that was saved before it.

    Raises:
        Faults: it does not.
    """
    if not (held / "head.db").exists():
        return
    head = HeadFile(held / "head.db")
    try:
        with contextlib.closing(sqlite3.connect(held / "database.db", isolation_level=None)) as connection:
            recover(connection, head)
    except LedgerBroken as problem:
        raise refused("restore.ledger", str(source), str(problem), _NOTHING) from None
    finally:
        head.close()
