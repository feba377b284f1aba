"""Backup and restore: one consistent set, and nothing appears from a set that is not whole."""

from __future__ import annotations

import io
import shutil
import sqlite3
import stat
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from node import database
from node.backup import backups, key_wrap
from node.backup.archive import MANIFEST
from node.backup.backups import write_private
from node.configuration.config import Config, load
from node.faults import Faults
from node.making import Wanted, make
from repository.document_repository import DocumentRepository
from repository.store.blobs import BlobStore
from repository.store.keys import BlobKeys
from trust.ledger.head import HeadFile

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONTENTS = [b"one", b"two" * 100_000, b""]
PASSPHRASE = "five words that nobody guesses"


@pytest.fixture(autouse=True)
def _cheap_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_wrap, "_N", 1 << 4)


async def node(root: Path) -> Config:
    """A node with three documents, a patient and an audit folder."""
    wanted = Wanted(
        root=root, name="Klinik", host="localhost", port_base=8000, authority="", home="", public_url="", ca=None, development=True
    )  # fmt: skip
    config = make(wanted, now=NOW, new_uuid=uuid4).config
    database.migrate(config.folder.database)
    HeadFile(config.folder.head).close()
    writer, reader = database.open_writer(config.folder.database), database.open_reader(config.folder.database)
    blobs = BlobStore(config.folder.blobs, BlobKeys.read(config.folder.blob_key), min_free_bytes=0)
    repository = DocumentRepository(reader, blobs, config.node.repository_unique_id)
    for number, content in enumerate(CONTENTS):
        staging = repository.begin()
        staging.write(content)
        repository.keep(writer, f"1.2.{number}", "text/plain", await staging.finish())
    writer.execute("INSERT INTO patient (cx, added) VALUES ('P^^^&1.2&ISO', '20260101000000')")
    repository.begin()  # a document that is still being received
    (config.folder.audit / "2026").mkdir()
    (config.folder.audit / "2026" / "checkpoint").write_text("checkpoint")
    blobs.close()
    reader.close()
    writer.close()
    return config


def documents(config: Config) -> list[bytes]:
    reader = database.open_reader(config.folder.database)
    blobs = BlobStore(config.folder.blobs, BlobKeys.read(config.folder.blob_key), min_free_bytes=0)
    repository = DocumentRepository(reader, blobs, config.node.repository_unique_id)
    found = []
    for number in range(len(CONTENTS)):
        stored = repository.locate(f"1.2.{number}")
        assert stored is not None
        found.append(b"".join(repository.open(stored).frames()))
    blobs.close()
    reader.close()
    return found


def no_passphrase() -> str:
    raise AssertionError("no passphrase is needed")


async def test_drill_with_keys(tmp_path: Path) -> None:
    config = await node(tmp_path / "a")
    saved = backups.create(config, tmp_path / "set.tar", now="2026-03-01", passphrase=PASSPHRASE)
    assert (saved.documents, saved.keys) == (3, True)
    assert stat.S_IMODE((tmp_path / "set.tar").stat().st_mode) == 0o600
    restored = backups.restore(tmp_path / "set.tar", tmp_path / "b", passphrase=lambda: PASSPHRASE)
    assert (restored.documents, restored.made, restored.node) == (3, "2026-03-01", "Klinik")
    copy = load(tmp_path / "b")
    assert documents(copy) == CONTENTS
    for path in sorted(config.folder.keys.rglob("*")):
        if path.is_file() and not path.name.startswith("head.db"):
            twin = copy.folder.keys / path.relative_to(config.folder.keys)
            assert twin.read_bytes() == path.read_bytes()
            assert not twin.stat().st_mode & 0o077
    assert (copy.folder.audit / "2026" / "checkpoint").read_text() == "checkpoint"
    reader = database.open_reader(copy.folder.database)
    assert reader.execute("SELECT cx FROM patient").fetchall() == [("P^^^&1.2&ISO",)]
    reader.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "set.tar"]


async def test_without_keys_there_is_no_private_key_in_it(tmp_path: Path) -> None:
    config = await node(tmp_path / "a")
    assert not backups.create(config, tmp_path / "set.tar", now="x").keys
    content = (tmp_path / "set.tar").read_bytes()
    for path in config.folder.keys.rglob("*.key"):
        assert path.read_bytes().strip() not in content
    assert b"PRIVATE KEY" not in content
    backups.restore(tmp_path / "set.tar", tmp_path / "b", passphrase=no_passphrase)
    copy = load(tmp_path / "b")
    assert sorted(path.name for path in copy.folder.keys.rglob("*.key")) == []
    assert copy.folder.trust.exists()
    for path in config.folder.keys.glob("*.key"):
        shutil.copy(path, copy.folder.keys)
    assert documents(copy) == CONTENTS


async def test_a_certificate_comes_back_whatever_people_called_it(tmp_path: Path) -> None:
    config = await node(tmp_path / "a")
    (config.folder.keys / "IdP (new) +1 é.pem").write_bytes(config.folder.trust.read_bytes())
    backups.create(config, tmp_path / "set.tar", now="x")
    backups.restore(tmp_path / "set.tar", tmp_path / "b", passphrase=no_passphrase)
    assert (load(tmp_path / "b").folder.keys / "IdP (new) +1 é.pem").exists()


async def test_a_secret_that_is_no_pem_is_not_in_it_in_clear(tmp_path: Path) -> None:
    """As that of a client of an identity provider, which node.toml may name here."""
    config = await node(tmp_path / "a")
    write_private(config.folder.keys / "oidc-client", b"correct horse battery staple")
    assert not backups.create(config, tmp_path / "set.tar", now="x").keys
    assert b"correct horse" not in (tmp_path / "set.tar").read_bytes()
    backups.create(config, tmp_path / "whole.tar", now="x", passphrase=PASSPHRASE)
    backups.restore(tmp_path / "whole.tar", tmp_path / "b", passphrase=lambda: PASSPHRASE)
    assert (load(tmp_path / "b").folder.keys / "oidc-client").read_bytes() == b"correct horse battery staple"


async def test_a_backup_beside_a_writer(tmp_path: Path) -> None:
    config = await node(tmp_path / "a")
    writer = database.open_writer(config.folder.database)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO patient (cx, added) VALUES ('not committed', '20260101000000')")
    backups.create(config, tmp_path / "set.tar", now="x")
    writer.execute("COMMIT")
    backups.restore(tmp_path / "set.tar", tmp_path / "b", passphrase=no_passphrase)
    reader = database.open_reader(load(tmp_path / "b").folder.database)
    assert reader.execute("SELECT count(*) FROM patient").fetchone() == (1,)
    reader.close()
    writer.close()


async def test_nothing_is_overwritten(tmp_path: Path) -> None:
    config = await node(tmp_path / "a")
    backups.create(config, tmp_path / "set.tar", now="x")
    with pytest.raises(Faults, match=r"backup\.exists"):
        backups.create(config, tmp_path / "set.tar", now="x")
    with pytest.raises(Faults, match=r"restore\.not-empty"):
        backups.restore(tmp_path / "set.tar", tmp_path / "a", passphrase=no_passphrase)


async def test_wrong_passphrase(tmp_path: Path) -> None:
    config = await node(tmp_path / "a")
    backups.create(config, tmp_path / "set.tar", now="x", passphrase=PASSPHRASE)
    with pytest.raises(Faults, match=r"restore\.passphrase"):
        backups.restore(tmp_path / "set.tar", tmp_path / "b", passphrase=lambda: "something else")
    assert not (tmp_path / "b").exists()


def rewritten(source: Path, change) -> Path:
    """The archive with each member passed through `change(name, content) -> content or None`."""
    target = source.with_name("changed.tar")
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            extracted = old.extractfile(member)
            assert extracted is not None
            content = change(member.name, extracted.read())
            if content is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    return target


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda name, content: flipped(content) if name.startswith("blobs/") else content, id="a bit of a document"),
        pytest.param(lambda name, content: flipped(content) if name == "database.db" else content, id="a bit of the database"),
        pytest.param(lambda name, content: flipped(content) if name == "node.toml" else content, id="a bit of the configuration"),
        pytest.param(lambda name, content: None if name.startswith("blobs/") else content, id="documents left out"),
        pytest.param(lambda name, content: None if name == "head.db" else content, id="head left out"),
        pytest.param(lambda name, content: None if name == MANIFEST else content, id="no manifest"),
        pytest.param(lambda name, content: b"{}" if name == MANIFEST else content, id="empty manifest"),
        pytest.param(lambda name, content: b"[" if name == MANIFEST else content, id="manifest that is no JSON"),
        pytest.param(lambda name, content: content[:-1] if name == "backup.json" else content, id="cut member"),
    ],
)  # fmt: skip
async def test_a_changed_backup_is_refused(tmp_path: Path, change) -> None:
    config = await node(tmp_path / "a")
    backups.create(config, tmp_path / "set.tar", now="x")
    with pytest.raises(Faults, match=r"backup\.damaged"):
        backups.restore(rewritten(tmp_path / "set.tar", change), tmp_path / "b", passphrase=no_passphrase)
    assert not (tmp_path / "b").exists()
    assert not list(tmp_path.glob(".*restoring"))


@pytest.mark.parametrize(
    "member",
    [
        pytest.param("../evil", id="I4-parent"),
        pytest.param("/etc/evil", id="I4-absolute"),
        pytest.param("blobs/../../evil", id="I4-parent-inside"),
        pytest.param("blobs/./evil", id="I4-dot"),
        pytest.param("keys/tls.key", id="keys in clear"),
        pytest.param("blobs//x", id="I4-empty-segment"),
    ],
)
async def test_a_member_that_must_not_be_there(tmp_path: Path, member: str) -> None:
    config = await node(tmp_path / "a")
    backups.create(config, tmp_path / "set.tar", now="x")
    with tarfile.open(tmp_path / "set.tar", "a") as archive:
        info = tarfile.TarInfo(member)
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(Faults, match=r"backup\.damaged"):
        backups.restore(tmp_path / "set.tar", tmp_path / "b", passphrase=no_passphrase)
    assert not list(tmp_path.rglob("evil"))


async def test_a_link_in_a_backup_is_refused(tmp_path: Path) -> None:
    config = await node(tmp_path / "a")
    backups.create(config, tmp_path / "set.tar", now="x")
    with tarfile.open(tmp_path / "set.tar", "a") as archive:
        info = tarfile.TarInfo("blobs/aa")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(Faults, match=r"backup\.damaged"):
        backups.restore(tmp_path / "set.tar", tmp_path / "b", passphrase=no_passphrase)


async def test_a_document_that_the_database_names_must_be_there(tmp_path: Path) -> None:
    config = await node(tmp_path / "a")
    writer = sqlite3.connect(config.folder.database)
    row = ("9.9", "text/plain", 1, "0" * 40, bytes(32), bytes(32))
    writer.execute(
        "INSERT INTO stored_document (unique_id, mime_type, size, sha1, sha256, blob) VALUES (?,?,?,?,?,?)", row
    )
    writer.commit()
    writer.close()
    backups.create(config, tmp_path / "set.tar", now="x")
    with pytest.raises(Faults, match=r"restore\.documents"):
        backups.restore(tmp_path / "set.tar", tmp_path / "b", passphrase=no_passphrase)


def test_not_a_backup(tmp_path: Path) -> None:
    (tmp_path / "set.tar").write_bytes(b"hello")
    with pytest.raises(Faults, match=r"backup\.damaged"):
        backups.restore(tmp_path / "set.tar", tmp_path / "b", passphrase=no_passphrase)


def test_wrapped_keys_open_with_their_passphrase_only() -> None:
    files = {"tls.key": b"\x00secret", "applications/ca.key": b""}
    wrapped = key_wrap.wrap(files, PASSPHRASE)
    assert key_wrap.unwrap(wrapped, PASSPHRASE) == files
    assert b"secret" not in wrapped
    for changed, phrase in (
        (wrapped, "x"),
        (flipped(wrapped), PASSPHRASE),
        (b"{}", PASSPHRASE),
        (wrapped.replace(b'"r": 8', b'"r": 1'), PASSPHRASE),
    ):
        with pytest.raises(key_wrap.WrongPassphrase):
            key_wrap.unwrap(changed, phrase)
