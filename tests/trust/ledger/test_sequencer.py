"""Group commit: what callers may rely on (audit-ledger 2.6)."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.trust.ledger.ledgers import KEYS, NODE, TIME, Place, local
from trust.audit.event import Kind, NewRecord
from trust.errors import LedgerBroken, LedgerBusy, StorageFailed
from trust.ledger import flush, hdn_verify, publisher, sequencer
from trust.ledger.checkpoint import open_checkpoint
from trust.ledger.keys import CheckpointSigner
from trust.ledger.merkle import leaf_hash, root_of
from trust.ledger.sequencer import AuditProof
from trust.ledger.shard_files import ShardFiles

KEY = CheckpointSigner(f"{NODE}/audit/2026", KEYS.seed).key


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def put(name: str, value: str = ""):
    """A job that writes one row and records it."""

    def work(connection: sqlite3.Connection):
        connection.execute("INSERT INTO thing VALUES (?, ?)", (name, value))
        return name, [local(name)]

    return work


def rows(place: Place, sql: str = "SELECT name FROM thing ORDER BY rowid"):
    connection = sqlite3.connect(place.database)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def names(place: Place) -> list[str]:
    return [name for (name,) in rows(place)]


def verified(place: Place) -> int:
    """Exit status of the offline verifier over files and database."""
    return hdn_verify.main(["verify", str(place.audit), "--db", str(place.database)])


async def test_a_proof_is_index_entry_and_signed_checkpoint(place: Place) -> None:
    async with place.running() as ledger:
        proof = await ledger.record([local("A-1"), local("A-2")])
        statement = open_checkpoint(proof.checkpoint, KEY)
        assert (proof.first_index, proof.index, len(proof.entries)) == (1, 2, 2)
        assert statement.size == 3
        entries = [entry for (entry,) in rows(place, "SELECT entry FROM audit_leaf ORDER BY seq")]
        assert (proof.entries[0], proof.entry) == (entries[1], entries[2])
        assert root_of(map(leaf_hash, entries)) == statement.root
    assert verified(place) == hdn_verify.GOOD


async def test_effect_and_record_come_together(place: Place) -> None:
    async with place.running() as ledger:
        result, proof = await ledger.transact(put("a"))
        assert (result, proof.index) == ("a", 1)
        assert names(place) == ["a"]
        body = json.loads(rows(place, "SELECT body FROM audit_record WHERE seq = 2")[0][0])
        assert (body["i"], body["subject"]) == (1, "2.999.10.100|a")
        assert body["dicom"].startswith("<?xml")


async def test_jobs_run_in_the_order_in_which_they_came_and_share_a_checkpoint(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flush, "BATCH_SECONDS", 60.0)  # a busy machine would cut the batch
    async with place.running() as ledger:
        answers = await asyncio.gather(*(ledger.transact(put(f"n{number:02d}")) for number in range(20)))
    assert [result for result, _ in answers] == [f"n{number:02d}" for number in range(20)]
    assert [proof.index for _, proof in answers] == list(range(1, 21))
    assert len({proof.checkpoint for _, proof in answers}) == 1
    assert names(place) == [f"n{number:02d}" for number in range(20)]
    assert verified(place) == hdn_verify.GOOD


async def test_a_job_that_fails_harms_no_other(place: Place) -> None:
    def broken(connection: sqlite3.Connection):
        connection.execute("INSERT INTO thing VALUES ('half', '')")
        raise KeyError("refused")

    async with place.running() as ledger:
        one, two, three, four = await asyncio.gather(
            ledger.transact(put("a")),
            ledger.transact(broken),
            ledger.transact(put("a")),  # the name is taken
            ledger.transact(put("b")),
            return_exceptions=True,
        )
    assert one[1].index == 1
    assert isinstance(two, KeyError)
    assert isinstance(three, sqlite3.IntegrityError)
    assert four[1].index == 2
    assert names(place) == ["a", "b"]
    assert verified(place) == hdn_verify.GOOD


async def test_a_batch_of_nothing_but_failures_leaves_nothing(place: Place) -> None:
    def broken(_: sqlite3.Connection):
        raise KeyError("refused")

    async with place.running() as ledger:
        before = ledger.head
        with pytest.raises(KeyError):
            await ledger.transact(broken)
        assert ledger.head == before
        await ledger.record([local()])


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([], id="no record"),
        pytest.param([NewRecord(kind=Kind.LOCAL, time=TIME)], id="kind 5 without an event"),
        pytest.param([local("x"), NewRecord(kind=Kind.REQUEST_SENT, time=TIME, leg="z")], id="unknown leg"),
    ],
)
async def test_an_effect_without_a_proper_record_does_not_happen(place: Place, records: list[NewRecord]) -> None:
    def work(connection: sqlite3.Connection):
        connection.execute("INSERT INTO thing VALUES ('a', '')")
        return None, records

    async with place.running() as ledger:
        with pytest.raises(ValueError, match=r"record|leg"):
            await ledger.transact(work)
        if not records:
            with pytest.raises(ValueError, match="record"):
                await ledger.record(records)
        await ledger.record([local("x")])
    assert names(place) == []
    assert verified(place) == hdn_verify.GOOD, "a number of a subject that was taken back is given again"


async def test_each_subject_is_numbered_without_a_gap(place: Place) -> None:
    async with place.running() as ledger:
        await asyncio.gather(*(ledger.record([local(f"P{number % 3}"), local("P0")]) for number in range(10)))
    async with place.running() as ledger:
        await ledger.record([local("P0")])
    found = rows(place, "SELECT ctr FROM audit_subject WHERE subject LIKE '%|P0' ORDER BY ctr")
    assert [number for (number,) in found] == list(range(4 + 10 + 1))
    assert verified(place) == hdn_verify.GOOD


async def test_text_from_the_outside_never_stops_the_ledger(place: Place) -> None:
    hostile = ["\udc80", "\x00", "\uffff", "'; DROP TABLE thing; --", "\u2028", "<&>\"'"]
    async with place.running() as ledger:
        await asyncio.gather(*(ledger.record([local(text)]) for text in hostile))
    assert verified(place) == hdn_verify.GOOD


# ---------------------------------------------------------------- when a batch goes


async def test_who_comes_in_one_stretch_of_work_goes_together(place: Place) -> None:
    async with place.running() as ledger:
        waiting = []
        for name in "abcd":
            waiting.append(asyncio.ensure_future(ledger.record([local(name)])))
            for _ in range(sequencer.QUIET_TURNS):
                await asyncio.sleep(0)
        proofs = await asyncio.gather(*waiting)
    assert len({proof.checkpoint for proof in proofs}) == 1


async def test_who_comes_alone_waits_for_nobody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "WAIT_SECONDS", 3600)
    async with place.running() as ledger:
        assert (await ledger.record([local()])).index == 1


async def test_others_who_come_and_come_hold_nobody_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "WAIT_SECONDS", 0)
    async with place.running() as ledger:
        first = asyncio.ensure_future(ledger.record([local("a")]))
        others = []
        while not first.done():
            others.append(asyncio.ensure_future(ledger.record([local("b")])))
            await asyncio.sleep(0)
        proofs = await asyncio.gather(first, *others)
    assert len({proof.checkpoint for proof in proofs}) > 1


# ---------------------------------------------------------------- cancellation


async def test_cancelled_before_its_batch_nothing_happens(place: Place) -> None:
    async with place.running() as ledger:
        first = asyncio.ensure_future(ledger.transact(put("a")))
        second = asyncio.ensure_future(ledger.transact(put("b")))
        await asyncio.sleep(0)
        second.cancel()
        await first
        with pytest.raises(asyncio.CancelledError):
            await second
        await ledger.record([local()])
    assert names(place) == ["a"]
    assert verified(place) == hdn_verify.GOOD


@pytest.mark.parametrize("turns", range(1, 7))
async def test_cancelled_at_any_moment_all_or_nothing_and_settled(place: Place, turns: int) -> None:
    async with place.running() as ledger:
        task = asyncio.ensure_future(ledger.transact(put("a")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        now = names(place)  # what the caller finds when it is told stays so
        await ledger.record([local()])
        assert names(place) == now
        recorded = rows(place, "SELECT count(*) FROM audit_subject WHERE subject LIKE '%|a'")[0][0]
        assert len(now) == recorded
        if not isinstance(outcome, BaseException):
            assert now == ["a"]
    assert verified(place) == hdn_verify.GOOD


# ---------------------------------------------------------------- limits and failures


async def test_a_full_queue_refuses_before_any_work(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "QUEUE_RECORDS", 3)
    async with place.running() as ledger:
        outcomes = await asyncio.gather(*(ledger.transact(put(str(n))) for n in range(5)), return_exceptions=True)
        assert [type(one) for one in outcomes[3:]] == [LedgerBusy, LedgerBusy]
        await ledger.transact(put("later"))
    assert names(place) == ["0", "1", "2", "later"]


async def test_a_job_too_large_for_the_disk_fails_alone(place: Place) -> None:
    async with place.running() as ledger:
        await ledger.transact(put("a"))
        limit = rows(place, "PRAGMA page_count")[0][0] + 60
        ledger._connection.execute(f"PRAGMA max_page_count = {limit}")
        outcomes = await asyncio.gather(
            ledger.transact(put("b")), ledger.transact(put("big", "x" * 400_000)), return_exceptions=True
        )
        assert isinstance(outcomes[1], StorageFailed)
        ledger._connection.execute("PRAGMA max_page_count = 1000000")
        await ledger.transact(put("c"))
    assert "big" not in names(place)
    assert names(place)[-1] == "c"
    assert verified(place) == hdn_verify.GOOD


class Failing(sqlite3.Connection):
    """A connection whose next COMMIT meets a disk error, as SQLite reports it."""

    code = 0

    def execute(self, sql: str, *rest):  # type: ignore[override]
        if sql == "COMMIT" and self.code:
            failure = sqlite3.OperationalError("database or disk is full" if self.code == 13 else "disk I/O error")
            failure.sqlite_errorcode = self.code
            self.code = 0
            raise failure
        return super().execute(sql, *rest)


async def test_a_full_disk_fails_the_batch_and_the_service_goes_on(place: Place) -> None:
    async with place.running(Failing) as ledger:
        await ledger.transact(put("a"))
        before = ledger.head
        ledger._connection.code = sqlite3.SQLITE_FULL
        outcomes = await asyncio.gather(ledger.transact(put("b")), ledger.record([local("a")]), return_exceptions=True)
        assert [type(one) for one in outcomes] == [StorageFailed, StorageFailed]
        assert ledger.head == before
        _, proof = await ledger.transact(put("c"))
        assert proof.index == 2
    assert names(place) == ["a", "c"]
    assert place.fatal == []
    assert verified(place) == hdn_verify.GOOD


async def test_any_other_disk_error_is_the_end(place: Place) -> None:
    async with place.running(Failing) as ledger:
        await ledger.transact(put("a"))
        ledger._connection.code = sqlite3.SQLITE_IOERR_FSYNC
        outcomes = await asyncio.gather(ledger.transact(put("b")), ledger.record([local("a")]), return_exceptions=True)
        assert [type(one) for one in outcomes] == [LedgerBroken, LedgerBroken]
        with pytest.raises(LedgerBroken):
            await ledger.record([local("a")])
        assert len(place.fatal) == 1
    assert names(place) == ["a"]


async def test_a_job_that_ends_the_transaction_is_the_end(place: Place) -> None:
    def work(connection: sqlite3.Connection):
        connection.execute("COMMIT")
        return None, [local()]

    async with place.running() as ledger:
        with pytest.raises(LedgerBroken):
            await ledger.transact(work)
        assert len(place.fatal) == 1


async def test_what_lies_on_disk_is_read_back_before_it_is_signed(place: Place) -> None:
    """A leaf that changes between its writing and its commit gets no signature (fault F7)."""

    class Flipping(sqlite3.Connection):
        armed = False

        def execute(self, sql: str, *rest):  # type: ignore[override]
            if sql == "COMMIT" and self.armed:
                super().execute(
                    "UPDATE audit_leaf SET entry = zeroblob(98) WHERE seq = (SELECT max(seq) FROM audit_leaf)"
                )
            return super().execute(sql, *rest)

    async with place.running(Flipping) as ledger:
        signed = ledger.checkpoint
        ledger._connection.armed = True
        with pytest.raises(LedgerBroken, match="not what was written"):
            await ledger.record([local()])
        assert ledger.checkpoint == signed
        assert len(place.fatal) == 1


async def test_tiles_may_wait_for_space(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with place.running() as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(publisher.os, "fsync", full)
            assert (await ledger.record([local()])).index == 1
            with pytest.raises(OSError, match="No space"):
                await ledger._publication.now()
            assert (await ledger.record([local()])).index == 2, "the tiles lag, the service goes on"
        await ledger._publication.now()
        assert ledger.published == 3
    assert place.fatal == []
    assert verified(place) == hdn_verify.GOOD


async def test_who_has_the_log_published_finds_it_published(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    began, release, fsync = threading.Event(), threading.Event(), os.fsync

    def slow(descriptor: int) -> None:
        began.set()
        release.wait(60)
        fsync(descriptor)

    async with place.running() as ledger:

        async def publish() -> int:
            await ledger.publish()
            return ShardFiles(place.shard()).size

        monkeypatch.setattr(publisher.os, "fsync", slow)
        await ledger.record([local()])
        first = asyncio.create_task(publish())
        assert await asyncio.to_thread(began.wait, 60)
        await ledger.record([local()])  # while the files of the one before are written
        others = [asyncio.create_task(publish()) for _ in range(3)]
        await asyncio.sleep(0)
        release.set()
        assert await first >= 2
        assert await asyncio.gather(*others) == [3, 3, 3]
        assert await publish() == 3, "there is nothing to do"


async def test_a_failed_fsync_of_a_tile_is_the_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with place.running() as ledger:
        await ledger.record([local()])
        with monkeypatch.context() as patch:
            patch.setattr(publisher.os, "fsync", broken)
            with pytest.raises(OSError, match="Input/output"):
                await ledger._publication.now()
        assert len(place.fatal) == 1
        with pytest.raises(LedgerBroken):
            await ledger.record([local()])


async def test_stopping_finishes_what_was_taken(place: Place) -> None:
    connection = place.connect()
    ledger = place.sequencer(connection)
    await ledger.start()
    tasks = [asyncio.ensure_future(ledger.transact(put(str(number)))) for number in range(10)]
    await asyncio.sleep(0)
    await ledger.stop()
    assert [result for result, _ in await asyncio.gather(*tasks)] == [str(number) for number in range(10)]
    with pytest.raises(LedgerBusy):
        await ledger.record([local()])
    connection.close()
    assert verified(place) == hdn_verify.GOOD


async def test_before_its_start_nothing_is_taken(place: Place) -> None:
    connection = place.connect()
    with pytest.raises(LedgerBusy):
        await place.sequencer(connection).record([local()])
    connection.close()


# ---------------------------------------------------------------- years


async def test_a_new_year_begins_a_log_that_commits_to_the_old_one(place: Place) -> None:
    async with place.running() as ledger:
        old = await ledger.record([local("a")])
        place.time = "2027-01-01T00:00:00.000Z"
        new = await ledger.record([local("a")])
        assert open_checkpoint(old.checkpoint, KEY).size == 2
        assert new.index == 1
        assert ledger.head.origin == f"{NODE}/audit/2027"
        place.time = TIME  # a clock that goes back does not reopen a closed year
        assert (await ledger.record([local("a")])).index == 2
    assert (place.shard(2026) / "checkpoint").read_bytes() == old.checkpoint
    genesis = json.loads((place.shard(2027) / "genesis.json").read_bytes())
    assert genesis["kind"] == Kind.KEY
    assert genesis["event"]["note"]["previous_size"] == "2"
    assert verified(place) == hdn_verify.GOOD
    async with place.running() as ledger:
        await ledger.record([local("a")])
    assert verified(place) == hdn_verify.GOOD


async def test_a_year_that_does_not_continue_the_one_before_is_found(place: Place) -> None:
    async with place.running() as ledger:
        await ledger.record([local("a")])
        place.time = "2027-01-01T00:00:00.000Z"
        await ledger.record([local("a")])
    other = Place(place.root / "other")
    other.root.mkdir()
    async with other.running() as ledger:
        await ledger.record([local("b")])
    checkpoint = place.shard(2026) / "checkpoint"
    checkpoint.unlink()
    checkpoint.write_bytes((other.shard(2026) / "checkpoint").read_bytes())
    assert hdn_verify.main(["verify", str(place.shard(2027))]) == hdn_verify.INVALID


def test_nobody_else_makes_a_proof() -> None:
    with pytest.raises(TypeError, match="only the sequencer"):
        AuditProof(object(), 0, [], b"", None)
    with pytest.raises(TypeError, match="only the sequencer"):
        AuditProof(None, 0, [], b"", None)
    with pytest.raises(TypeError):
        AuditProof()  # type: ignore[call-arg]


async def test_a_start_does_not_need_space_for_tiles(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with place.running() as ledger:
        await ledger.record([local()])
    shutil.rmtree(place.audit)
    with monkeypatch.context() as patch:
        patch.setattr(publisher.os, "fsync", full)
        async with place.running() as ledger:
            assert (await ledger.record([local()])).index == 2
            patch.undo()
            await ledger._publication.now()
            assert ledger.published == 3
    assert verified(place) == hdn_verify.GOOD
