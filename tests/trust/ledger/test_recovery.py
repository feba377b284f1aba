"""What is checked before the first signature after a start: the table of audit-ledger 2.7, row by row."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.trust.ledger.ledgers import KEYS, NODE, SOURCE, Place, local
from trust.errors import LedgerBroken, RolledBack
from trust.ledger import hdn_verify, store
from trust.ledger.batch import Batch
from trust.ledger.committer import Committer
from trust.ledger.head import HeadFile
from trust.ledger.keys import CheckpointSigner
from trust.ledger.publisher import Publisher
from trust.ledger.shard import open_shard


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    """A ledger of 301 entries that was stopped in good order."""
    place = Place(tmp_path / "node")
    place.root.mkdir()
    async with place.running() as ledger:
        await ledger.record([local(f"A-{number % 5}") for number in range(300)])
    return place


def change(path: Path, sql: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql, values)
    connection.commit()
    connection.close()


def copy(place: Place, name: str) -> Place:
    shutil.copytree(place.root, place.root.parent / name)
    return Place(place.root.parent / name)


async def start(place: Place) -> int:
    async with place.running() as ledger:
        proof = await ledger.record([local("later")])
    assert hdn_verify.main(["verify", str(place.audit), "--db", str(place.database)]) == hdn_verify.GOOD
    return proof.index


async def refused(place: Place, failure: type[LedgerBroken], match: str) -> None:
    before = files(place)
    with pytest.raises(failure, match=match):
        await start(place)
    assert files(place) == before, "nothing was signed or published"


def files(place: Place) -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in place.audit.rglob("*") if path.is_file()}


async def test_all_agree(place: Place) -> None:
    assert await start(place) == 301


async def test_database_ahead_of_head_moves_the_head_forward(place: Place) -> None:
    connection = place.connect()
    (head,) = store.heads(connection)
    shard = open_shard(head, KEYS)
    connection.execute("BEGIN IMMEDIATE")
    batch = Batch(connection, head, shard.frontier, shard.subjects, SOURCE)
    batch.add([local("durable, never acknowledged")])
    assert batch.write()
    connection.execute("COMMIT")
    connection.close()
    assert await start(place) == 302


async def test_tiles_behind_are_made_anew(place: Place) -> None:
    before = files(place)
    shutil.rmtree(place.audit)
    assert await start(place) == 301
    after = files(place)
    assert {name: after[name] for name in before if name.endswith(("000", "genesis.json"))} == {
        name: before[name] for name in before if name.endswith(("000", "genesis.json"))
    }


async def test_a_checkpoint_behind_is_followed_up(place: Place) -> None:
    old = copy(place, "old")
    await start(place)
    shutil.rmtree(place.audit)
    shutil.copytree(old.audit, place.audit)
    assert await start(place) == 302


async def test_a_missing_partial_tile_is_made_anew(place: Place) -> None:
    (place.shard() / "tile/0/001.p/45").unlink()
    assert await start(place) == 301


@pytest.mark.parametrize("name", ["tile/0/000", "tile/entries/000", "tile/1/000.p/1", "tile/0/001.p/45"])
async def test_a_tile_that_contradicts_the_database_stops(place: Place, name: str) -> None:
    path = place.shard() / name
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.unlink()
    path.write_bytes(data)
    # So that all tiles are compared, and not only the last ones.
    (place.shard() / "checkpoint").unlink()
    await refused(place, LedgerBroken, "one of them was changed")


async def test_head_ahead_of_the_database_is_a_rollback(place: Place) -> None:
    old = copy(place, "old")
    await start(place)
    for path in place.root.glob("node.db*"):
        path.unlink()
    shutil.copy(old.database, place.database)
    shutil.rmtree(place.audit)
    await refused(place, RolledBack, "put back to an older state")


async def test_an_empty_database_beside_a_head_is_a_rollback(place: Place) -> None:
    place.database.unlink()
    await refused(place, RolledBack, "older than its last signed head")


async def test_a_published_checkpoint_ahead_of_everything_is_a_rollback(place: Place) -> None:
    """Database and head put back together, the published files not."""
    old = copy(place, "old")
    await start(place)
    shutil.copy(old.database, place.database)
    shutil.copy(old.head, place.head)
    await refused(place, RolledBack, "signed checkpoint of 302")


async def test_same_size_other_root_is_a_fork(place: Place) -> None:
    change(place.head, "UPDATE head SET root = ?", bytes(32))
    await refused(place, RolledBack, "another root")


async def test_a_head_that_is_no_prefix_is_a_fork(place: Place) -> None:
    other = Place(place.root.parent / "other")
    other.root.mkdir()
    async with other.running() as ledger:
        await ledger.record([local("x")])
    shutil.copy(other.head, place.head)
    await refused(place, RolledBack, "not the first ones")


async def test_a_head_file_that_was_replaced_is_refused(place: Place) -> None:
    place.head.unlink()
    await refused(place, RolledBack, "does not know")


@pytest.mark.parametrize(
    ("sql", "match"),
    [
        pytest.param("UPDATE audit_leaf SET entry = zeroblob(98) WHERE seq = 290", "missing or changed", id="leaf"),
        pytest.param("UPDATE audit_leaf SET entry = zeroblob(97) WHERE seq = 290", "not 98 bytes", id="short leaf"),
        pytest.param("DELETE FROM audit_leaf WHERE seq = 290", "missing or changed", id="a leaf is missing"),
        pytest.param("DELETE FROM audit_leaf WHERE seq = 301", "last leaf", id="the last leaf is missing"),
        pytest.param("INSERT INTO audit_leaf VALUES (302, zeroblob(98))", "last leaf", id="a leaf too many"),
        pytest.param("UPDATE audit_head SET root = zeroblob(32)", "does not give its root", id="root"),
        pytest.param("UPDATE audit_head SET frontier = zeroblob(160)", "does not give its root", id="frontier"),
        pytest.param("UPDATE audit_head SET frontier = x''", "damaged", id="no frontier"),
        pytest.param("UPDATE audit_head SET size = 300", "heads end at", id="size"),
        pytest.param("UPDATE audit_head SET first_seq = 2", "begins at", id="first"),
        pytest.param("DELETE FROM audit_head", "signed", id="no head"),
    ],
)
async def test_a_database_that_contradicts_itself_stops(place: Place, sql: str, match: str) -> None:
    change(place.database, sql)
    await refused(place, LedgerBroken, match)


async def test_a_crash_before_the_first_commit_is_no_rollback(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.connect().close()
    memory = HeadFile(place.head)
    memory.begin(f"{NODE}/audit/2026")
    memory.close()
    assert await start(place) == 1


async def test_a_crash_at_the_turn_of_the_year_is_no_rollback(place: Place) -> None:
    memory = HeadFile(place.head)
    memory.begin(f"{NODE}/audit/2027")
    memory.close()
    assert await start(place) == 301


def test_a_swap_from_another_head_changes_nothing(tmp_path: Path) -> None:
    memory = HeadFile(tmp_path / "head.db")
    memory.begin("a")
    (begun,) = memory.all().values()
    with pytest.raises(LedgerBroken, match="another process signs"):
        memory.swap((1, begun.root), begun)
    assert list(memory.all().values()) == [begun]
    assert (tmp_path / "head.db").stat().st_mode & 0o777 == 0o600
    memory.close()


def test_a_signer_takes_nothing_back() -> None:
    signer = CheckpointSigner("a", bytes(32))
    note = signer.sign(5, bytes(32))
    assert signer.sign(5, bytes(32)) == note
    for size, root in ((4, bytes(32)), (5, b"\x01" * 32)):
        with pytest.raises(LedgerBroken, match="fork"):
            signer.sign(size, root)
    signer.sign(6, bytes(32))


def test_the_thread_ends_when_it_is_told(tmp_path: Path) -> None:
    place = Place(tmp_path)
    connection = place.connect()
    memory = HeadFile(place.head)
    committer = Committer(connection, connection, memory, lambda _: None)
    committer.start()
    committer.close()
    memory.close()
    connection.close()


def test_published_files_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    connection = Place(tmp_path).connect()
    Publisher(tmp_path, connection, CheckpointSigner("a", bytes(32)).key)._write_once("a", b"x")
    assert path.stat().st_mode & 0o222 == 0  # who may read is the process's umask to say
    assert sorted(file.name for file in tmp_path.glob(".*")) == []
    connection.close()
