"""What is erased is gone, everything else stays provable, and the log says so itself (audit-ledger 2.2)."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trust.ledger.ledgers import TIME, Place, local, query_event
from trust.audit.event import EventId, Kind, NewRecord
from trust.ledger import erasure, hdn_verify, store
from trust.ledger.erasure import Range

A, B = "2.999.10.100|A", "2.999.10.100|B"
PATIENTS = ("A", "B", "A", "A", "B", "A")  # entries 1 to 6; entry 0 is the genesis


def statement(ranges: Sequence[Range]) -> list[NewRecord]:
    event = replace(query_event(), id=EventId.SECURITY_ALERT, objects=(), patient="")
    record = NewRecord(kind=Kind.SECURITY, time=TIME, event=event)
    return [replace(record, note=note) for note in erasure.statements(ranges, "order 17/2026")]


async def filled(place: Place, patients: Sequence[str] = PATIENTS) -> None:
    async with place.running() as sequencer:
        for patient in patients:
            await sequencer.record([local(patient)])


async def erased(place: Place, **what: object) -> list[Range]:
    async with place.running() as sequencer:

        def work(connection: sqlite3.Connection) -> tuple[list[Range], list[NewRecord]]:
            ranges = erasure.select(connection, **what)  # type: ignore[arg-type]
            erasure.erase(connection, ranges)
            return ranges, statement(ranges)

        ranges, _ = await sequencer.transact(work)
        return ranges


def verified(place: Place, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = hdn_verify.main(["verify", str(place.audit / "2026"), "--db", str(place.database)])
    said = capsys.readouterr()
    return status, said.out + said.err


def records(place: Place) -> list[int]:
    with contextlib.closing(store.open_reader(place.database)) as reader:
        return [seq - 1 for (seq,) in reader.execute("SELECT seq FROM audit_record ORDER BY seq")]


@pytest.mark.parametrize(
    ("what", "gone", "left"),
    [
        pytest.param({"subjects": [A]}, ["2026:1", "2026:3-4", "2026:6"], [0, 2, 5, 7], id="a patient"),
        pytest.param({"subjects": [A, B]}, ["2026:1-6"], [0, 7], id="both identities of a patient"),
        pytest.param({"shard": "2026"}, ["2026:1-6"], [0, 7], id="a year but for its key"),
        pytest.param({"shard": "2025"}, [], [0, 1, 2, 3, 4, 5, 6], id="another year"),
        pytest.param({"subjects": [B], "before": "2026-01-01"}, [], [0, 1, 2, 3, 4, 5, 6], id="nothing that old"),
    ],
)
async def test_the_rest_stays_provable(
    what: dict[str, object], gone: list[str], left: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    await filled(place)
    if gone:
        assert [one.text for one in await erased(place, **what)] == gone
    else:
        with contextlib.closing(store.open_reader(place.database)) as reader:
            assert erasure.select(reader, **what) == []  # type: ignore[arg-type]
    assert records(place) == left
    status, said = verified(place, capsys)
    assert status == 0, said
    count = 7 - len([one for one in left if one < 7])
    assert (f"{count} records were erased, as the log itself states" in said) == bool(gone)


async def test_the_patients_entries_are_counted_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(tmp_path)
    await filled(place)
    await erased(place, subjects=[A])
    await filled(place, ["A", "B"])
    status, said = verified(place, capsys)
    assert status == 0, said
    with contextlib.closing(store.open_reader(place.database)) as reader:
        numbers = [n for (n,) in reader.execute("SELECT ctr FROM audit_subject WHERE subject = ? ORDER BY ctr", (A,))]
    assert numbers == list(range(5))


async def test_an_erasure_is_never_erased(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await filled(place)
    await erased(place, shard="2026")
    with contextlib.closing(store.open_reader(place.database)) as reader:
        assert erasure.select(reader, shard="2026") == []


async def test_a_record_that_quotes_a_statement_is_none(tmp_path: Path) -> None:
    """Words of another system cannot make a record last."""
    place = Place(tmp_path)
    words = '"note":{"entries":"2026:1","event":"erasure"}'
    async with place.running() as sequencer:
        event = replace(query_event(), id=EventId.SECURITY_ALERT, objects=(), patient="", outcome_text=words)
        await sequencer.record([NewRecord(kind=Kind.SECURITY, time=TIME, event=event)])
    assert [one.text for one in await erased(place, shard="2026")] == ["2026:1"]


@pytest.mark.parametrize("index", range(1, 7))
async def test_a_gap_that_is_not_stated_is_found(
    index: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    await filled(place)
    stated = await erased(place, subjects=[A])
    connection = place.connect()
    connection.execute("DELETE FROM audit_record WHERE seq = ?", (index + 1,))
    connection.close()
    status, said = verified(place, capsys)
    inside = any(one.first <= index <= one.last for one in stated)
    assert status == (0 if inside else 1)
    assert (f"index {index}" in said) != inside


async def test_nothing_of_it_is_left_in_the_database(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await filled(place, ["Quetzalcoatl", "B"])
    await erased(place, subjects=["2.999.10.100|Quetzalcoatl"])
    connection = place.connect()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("UPDATE audit_subject SET subject = 'x' WHERE subject LIKE '%Quetzalcoatl'")  # the count stays
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert b"Quetzalcoatl" not in place.database.read_bytes()


async def test_ranges_end_with_their_shard(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await filled(place, ["A", "A"])
    place.time = "2027-01-01T00:00:00.000Z"
    await filled(place, ["A", "A"])
    assert [one.text for one in await erased(place, subjects=[A])] == ["2026:1-2", "2027:1-2"]
