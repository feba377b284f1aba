"""Tiles as files: the given vectors byte for byte, and trees of many levels written in pieces."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.shared import SHARED, needs_shared
from tests.trust.ledger.ledgers import Place
from trust.errors import LedgerBroken
from trust.ledger import hdn_verify, publisher
from trust.ledger.keys import CheckpointSigner
from trust.ledger.merkle import Frontier, leaf_hash
from trust.ledger.publisher import Publisher
from trust.ledger.store import Head
from trust.ledger.tiles import read_bundle

ORIGIN = "node-a.example/audit/2026"
SIGNER = CheckpointSigner(ORIGIN, bytes(range(32)))


def fill(connection: sqlite3.Connection, entries: list[bytes]) -> None:
    connection.executemany("INSERT INTO audit_leaf VALUES (?, ?)", list(enumerate(entries, 1)))


def head_of(entries: list[bytes]) -> Head:
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf_hash(entry))
    return Head(2026, ORIGIN, 1, frontier.size, frontier.root(), frontier.to_bytes())


@pytest.fixture
def connection(tmp_path: Path):
    connection = Place(tmp_path).connect()
    yield connection
    connection.close()


@needs_shared
def test_vectors_files_byte_for_byte(connection: sqlite3.Connection, tmp_path: Path) -> None:
    given = SHARED / "vectors/tlog/out/log300"
    entries = [
        entry for name in ("000", "001.p/44") for entry in read_bundle((given / "tile/entries" / name).read_bytes())
    ]
    fill(connection, entries)
    folder = tmp_path / "2026"
    head = head_of(entries)
    Publisher(folder, connection, SIGNER.key).publish(head, SIGNER.sign(head.size, head.root))
    tiles = [path for path in given.rglob("*") if path.is_file() and path.name != "checkpoint"]
    assert len(tiles) == 5
    for path in tiles:
        assert (folder / path.relative_to(given)).read_bytes() == path.read_bytes()
    own, theirs = (folder / "checkpoint").read_text(), (given / "checkpoint").read_text()
    assert theirs.startswith(own), "theirs has cosignatures besides"


def test_many_levels_in_pieces(connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of four hashes instead of 256, so that 150 entries make four levels."""
    monkeypatch.setattr(publisher, "WIDTH", 4)
    monkeypatch.setattr(publisher, "LEVEL_BITS", 2)
    monkeypatch.setattr(hdn_verify, "WIDTH", 4)
    entries = [bytes([1, 5]) + bytes(94) + bytes([number // 256, number % 256]) for number in range(150)]
    fill(connection, entries)
    folder = tmp_path / "2026"
    current = Publisher(folder, connection, SIGNER.key)
    for size in (1, 3, 4, 5, 16, 17, 63, 64, 65, 100, 149, 150):
        head = head_of(entries[:size])
        current.publish(head, CheckpointSigner(ORIGIN, bytes(range(32))).sign(head.size, head.root))
        assert hdn_verify.main(["verify", str(folder)]) == hdn_verify.GOOD, size
        if size % 2:  # as after a restart
            current = Publisher(folder, connection, SIGNER.key)
    assert (folder / "tile/3/000.p/2").exists()
    fulls = [path for path in folder.rglob("*") if path.is_file() and path.with_name(path.name + ".p").exists()]
    assert fulls == [], "partial tiles go when the full one is there"


def test_a_head_that_the_leaves_do_not_give_is_not_published(connection: sqlite3.Connection, tmp_path: Path) -> None:
    entries = [bytes([1, 5]) + bytes(96)] * 3
    fill(connection, entries[:2])
    with pytest.raises(LedgerBroken, match="do not give the root"):
        Publisher(tmp_path / "2026", connection, SIGNER.key).publish(head_of(entries), b"")
    assert not (tmp_path / "2026/checkpoint").exists()


def test_after_a_failed_write_it_goes_on(connection: sqlite3.Connection, tmp_path: Path) -> None:
    entries = [bytes([1, 5]) + bytes(94) + bytes([number // 256, number % 256]) for number in range(600)]
    fill(connection, entries)
    folder = tmp_path / "2026"
    current = Publisher(folder, connection, SIGNER.key)
    head = head_of(entries)
    note = CheckpointSigner(ORIGIN, bytes(range(32))).sign(head.size, head.root)
    (folder / "tile").mkdir(parents=True)
    (folder / "tile/0").write_bytes(b"in the way")
    with pytest.raises(OSError, match="directory"):
        current.publish(head, note)
    assert not (folder / "checkpoint").exists()
    (folder / "tile/0").unlink()
    current.publish(head, note)
    assert hdn_verify.main(["verify", str(folder)]) == hdn_verify.GOOD
