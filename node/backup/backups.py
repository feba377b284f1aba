"""Backup and restore of a node as one consistent set, while it runs or not (interfaces: Command line).

The order of copying is what makes the set consistent: first the head that the audit ledger remembers, then its tiles,
then the database in one snapshot, then documents. So the database holds at least what head and tiles speak of, and
every document that the database names (they are written once, and before their rows) is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node import database
from node.backup.archive import ABOUT, FORMAT, ArchiveWriter, files, unpack
from node.backup.checks import check_database, check_documents, check_ledger, documents_in
from node.backup.key_wrap import WrongPassphrase, unwrap, wrap
from node.configuration.config import Config, parse
from node.faults import refused
from node.folder import Folder

Advance = Callable[[int], None]
Passphrase = Callable[[], str]
_PRIVATE: Final = b"PRIVATE KEY"
_PUBLIC: Final = b"-----BEGIN "  # certificates, requests for them, revocation lists, public keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a backup holds or a restore brought back."""

    documents: int
    octets: int
    keys: bool
    schema: str
    made: str
    node: str


def create(
    config: Config, target: Path, *, now: str, passphrase: str | None = None, advance: Advance = lambda _: None
) -> Saved:
    """Save the node of `config` to `target`.

    Args:
        config: the node; it may be running.
        target: the file to make; it must not exist.
        now: instant of the backup, for people.
        passphrase: wraps the private keys; without it they are left out.
        advance: told the number of bytes copied, as they are.

    Raises:
        Faults: the target exists or cannot be written, or there is no database.
    """
    folder, schema = config.folder, _schema_to_save(config, target)
    about: dict[str, object] = {
        "format": FORMAT,
        "made": now,
        "node": config.node.name,
        "home": config.node.home_community_id,
    }
    about |= {"schema": schema, "keys": passphrase is not None}
    try:
        with ArchiveWriter(target, advance) as archive:
            archive.add_bytes(ABOUT, json.dumps(about).encode())
            sizes = list(_add_everything(archive, folder, target))
            _add_keys(archive, folder, passphrase)
    except OSError as problem:
        cause = problem.strerror or type(problem).__name__
        raise refused(
            "backup.write", str(target), cause, "choose a place with enough space that you may write"
        ) from None
    return Saved(
        documents=len(sizes),
        octets=sum(sizes),
        keys=passphrase is not None,
        schema=schema,
        made=now,
        node=config.node.name,
    )


def _schema_to_save(config: Config, target: Path) -> str:
    folder = config.folder
    if target.exists():
        raise refused(
            "backup.exists", str(target), "this file exists; a backup never overwrites", "choose another name"
        )
    schema = database.revision(folder.database)
    if schema is None:
        raise refused(
            "backup.empty", str(folder.database), "this node has no database yet", "start it once: xdsnode serve"
        )
    return schema


def _add_everything(archive: ArchiveWriter, folder: Folder, target: Path) -> Iterator[int]:
    """Head, tiles, database, documents, configuration, in the order that keeps them consistent; sizes of documents."""
    if folder.head.exists():
        with _snapshot(folder.head, target) as copy:
            archive.add_file("head.db", copy)
    for name, path in files(folder.audit):
        archive.add_file(f"audit/{name}", path)
    with _snapshot(folder.database, target) as copy:
        archive.add_file("database.db", copy)
    for name, path in documents_in(folder.blobs):
        with contextlib.suppress(FileNotFoundError):  # a document whose registration failed, swept meanwhile
            archive.add_file(f"blobs/{name}", path)
            yield path.stat().st_size
    archive.add_file("node.toml", folder.config)


def restore(source: Path, root: Path, *, passphrase: Passphrase, advance: Advance = lambda _: None) -> Saved:
    """Make the node of a backup in `root`, verified before anything appears there.

    Args:
        source: the backup.
        root: the folder of the node; it must be missing or empty.
        passphrase: asked only when the backup holds wrapped keys.
        advance: told the number of bytes copied, as they are.

    Raises:
        Faults: `root` is in use, or anything in the backup is not what was saved.
    """
    if root.exists() and any(root.iterdir()):
        raise refused("restore.not-empty", str(root), "this folder is not empty", "choose a new folder with --dir")
    staging = root.with_name(f".{root.name}.restoring")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700, parents=True)
    try:
        about = unpack(source, staging / "set", advance)
        config = parse((staging / "set" / "node.toml").read_text(encoding="utf-8"), root)
        check_database(staging / "set" / "database.db", source)
        keys = _unwrapped(staging / "set" / "keys.wrapped", passphrase)
        check_documents(staging / "set", keys.get(config.folder.blob_key.name), source)
        check_ledger(staging / "set", source)
        saved = _counted(staging / "set" / "blobs", about)
        _place(staging / "set", config, keys)
    except OSError as problem:
        cause = problem.strerror or type(problem).__name__
        raise refused("restore.read", str(problem.filename or source), cause, "correct this and try again") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return saved


@contextlib.contextmanager
def _snapshot(path: Path, target: Path) -> Iterator[Path]:
    """A consistent copy of a database that another process may be writing, beside the backup while it is needed."""
    copy = target.with_name(f".{target.name}.{path.name}")
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    source = database.open_reader(path)
    try:
        destination = sqlite3.connect(copy)
        try:
            source.backup(destination)  # in one step: later commits of the node do not touch it
            destination.execute("PRAGMA journal_mode=DELETE")
        finally:
            destination.close()
        yield copy
    finally:
        source.close()
        copy.unlink(missing_ok=True)


def _add_keys(archive: ArchiveWriter, folder: Folder, passphrase: str | None) -> None:
    """Certificates as they are; private keys, and whatever else is no certificate, only under a passphrase."""
    private: dict[str, bytes] = {}
    for name, path in files(folder.keys):
        if path.resolve().name.startswith(folder.head.name):
            continue
        content = path.read_bytes()
        if path.suffix == ".key" or _PRIVATE in content or _PUBLIC not in content:
            private[name] = content
        else:
            archive.add_bytes(f"certificates/{name}", content)
    if passphrase is not None:
        archive.add_bytes("keys.wrapped", wrap(private, passphrase))


def _unwrapped(wrapped: Path, passphrase: Passphrase) -> dict[str, bytes]:
    if not wrapped.exists():
        return {}
    try:
        return unwrap(wrapped.read_bytes(), passphrase())
    except WrongPassphrase as problem:
        raise refused(
            "restore.passphrase", str(wrapped.name), str(problem), "give the passphrase of this backup"
        ) from None


def _counted(blobs: Path, about: dict[str, object]) -> Saved:
    sizes = [path.stat().st_size for _, path in documents_in(blobs)] if blobs.exists() else []
    return Saved(
        documents=len(sizes),
        octets=sum(sizes),
        keys=bool(about["keys"]),
        schema=str(about["schema"]),
        made=str(about["made"]),
        node=str(about["node"]),
    )


def _place(held: Path, config: Config, keys: dict[str, bytes]) -> None:
    """Move what was unpacked to where the configuration wants it; the configuration itself last: it makes the node."""
    folder = config.folder
    folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (folder.keys, folder.data, folder.run, folder.head.parent):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    moves = (
        ("database.db", folder.database),
        ("head.db", folder.head),
        ("blobs", folder.blobs),
        ("audit", folder.audit),
        *((f"certificates/{name}", folder.keys / name) for name, _ in list(files(held / "certificates"))),
    )
    for name, place in moves:
        if (held / name).exists():
            if place.exists():
                raise refused("restore.exists", str(place), "this file exists", "move it away, or choose a new folder")
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.move(held / name, place)
    for name, content in keys.items():
        write_private(folder.keys / name, content)
    shutil.move(held / "node.toml", folder.config)


def write_private(path: Path, content: bytes) -> None:
    """A new file of mode 0400."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
