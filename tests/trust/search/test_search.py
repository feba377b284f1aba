"""Searches of the audit log: the index finds what looking through the whole log finds, whatever happens to it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.ledger.ledgers import Place, local, query_event
from trust.audit.event import AuditedObject, Coded, Kind, NewRecord, Outcome, Participant
from trust.search import index as index_module
from trust.search.criteria import Criteria, period
from trust.search.index import AuditIndex, TooManyUsers
from trust.search.search import Found, search

HOMES = ("urn:oid:2.999.20", "urn:oid:2.999.21", "")
USERS = ("dr.a", "Berta Ärztin", "ward-7 (application)", "https://x.example/iti-18")
DOCUMENTS = ("1.2.3", "1.2.4", "1.2.5")
TIMES = tuple(
    f"2026-{month:02d}-{day:02d}T{hour:02d}:00:00.000Z" for month in (1, 2) for day in (1, 9) for hour in (0, 23)
)
TYPES = (Coded("ITI-18", "IHE Transactions", "Q"), Coded("ITI-43", "IHE Transactions", "R"))


def record(patient: str, user: str, document: str, home: str, time: str, outcome: Outcome, type_: Coded, incident: str):
    event = query_event(
        patient,
        time=time,
        outcome=outcome,
        type=type_,
        incident=incident,
        participants=(Participant(user_id=f"id of {user}", user_name=user, requestor=True),),
        objects=(AuditedObject(id=document, type_code="2", role="3", id_type=Coded("9", "RFC-3881", "Report Number")),),
    )
    return NewRecord(kind=Kind.LOCAL, time=time, event=event, subject=f"2.999|{patient}" if patient else "", peer=home)


RECORDS = st.builds(
    record,
    st.sampled_from(("A", "B", "")),
    st.sampled_from(USERS),
    st.sampled_from(DOCUMENTS),
    st.sampled_from(HOMES),
    st.sampled_from(TIMES),
    st.sampled_from(Outcome),
    st.sampled_from(TYPES),
    st.sampled_from(("i-1", "i-2")),
)
CRITERIA = st.builds(
    Criteria,
    patient=st.sampled_from(("", "2.999|A", "2.999|C")),
    users=st.sampled_from(((), ("DR.A",), ("ärztin",), ("ward",), ("nobody",), ("id of", "x.example"))),
    document=st.sampled_from(("", "1.2.3", "9.9")),
    community=st.sampled_from(("", HOMES[0])),
    since=st.sampled_from(("", TIMES[2], TIMES[5])),
    until=st.sampled_from(("", TIMES[1], TIMES[6])),
    outcome=st.sampled_from((None, 0, 8)),
    events=st.sampled_from(((), ("iti-43",), ("110112", "ITI-18"), ("ITI-99",))),
    incident=st.sampled_from(("", "i-1")),
)


async def filled(root: Path, *batches: list[NewRecord]) -> Place:
    place = Place(root)
    root.mkdir(exist_ok=True)
    async with place.running() as ledger:
        for batch in batches:
            await ledger.record(batch)
    return place


def index_of(place: Place) -> AuditIndex:
    return AuditIndex(place.root / "audit-index.db", place.database)


def labels(place: Place, criteria: Criteria, *, limit: int = 1000, before: str = "", scan: bool = False) -> list[str]:
    page = search(index_of(place), place.database, criteria, limit=limit, before=before, scan=scan)
    return [one.label for one in page.entries]


@given(
    batches=st.lists(st.lists(RECORDS, min_size=1, max_size=12), min_size=1, max_size=3),
    wanted=st.lists(CRITERIA, min_size=8, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_the_index_finds_what_looking_through_everything_finds(tmp_path_factory, batches, wanted) -> None:
    place = asyncio.run(filled(tmp_path_factory.mktemp("log") / "node", *batches))
    for criteria in wanted:
        assert labels(place, criteria) == labels(place, criteria, scan=True)


def test_entries_beyond_one_block_and_times_that_do_not_ascend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_BLOCK_BITS", 2)
    batch = [
        record("A", "dr.a", "1.2.3", "", TIMES[number * 5 % len(TIMES)], Outcome.SUCCESS, TYPES[0], "i-1")
        for number in range(60)
    ]
    place = asyncio.run(filled(tmp_path / "node", batch))
    for since in ("", *TIMES):
        for until in ("", *TIMES):
            criteria = Criteria(since=since, until=until)
            assert labels(place, criteria) == labels(place, criteria, scan=True)


async def test_pages_follow_each_other_without_gap_or_repetition(tmp_path: Path) -> None:
    place = await filled(tmp_path / "node", [local(f"A-{number % 2}") for number in range(25)])
    criteria = Criteria(patient="2.999.10.100|A-0")
    everything = labels(place, criteria)
    assert everything == sorted(everything, key=lambda label: -int(label.partition("/")[2]))
    assert len(everything) == 13
    pages, before = [], ""
    while page := labels(place, criteria, limit=4, before=before):
        pages += page
        before = page[-1]
    assert pages == everything
    page = search(index_of(place), place.database, criteria, limit=13)
    assert not page.more
    assert search(index_of(place), place.database, criteria, limit=12).more


async def test_what_was_committed_before_a_search_is_in_its_answer(tmp_path: Path) -> None:
    """No lag: the index catches up first, batch after batch, while somebody else fills it too."""
    place = await filled(tmp_path / "node")
    stop = threading.Event()

    def beside() -> None:
        while not stop.is_set():
            index_of(place).catch_up()

    others = [threading.Thread(target=beside) for _ in range(2)]
    for other in others:
        other.start()
    try:
        async with place.running() as ledger:
            for number in range(1, 40):
                await ledger.record([local("A-1"), local("A-2")])
                found = await asyncio.to_thread(labels, place, Criteria(patient="2.999.10.100|A-1"))
                assert len(found) == number
    finally:
        stop.set()
        for other in others:
            other.join()
    assert labels(place, Criteria(users=("ward-7",))) == labels(place, Criteria(users=("ward-7",)), scan=True)


def _delete(path: Path) -> None:
    path.unlink()


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"something else" * 1000)


def _torn(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def _other_version(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM posting")
        connection.execute("PRAGMA user_version = 99")
        connection.commit()


@pytest.mark.parametrize("harm", [_delete, _not_a_database, _torn, _other_version])
async def test_an_index_that_is_gone_or_damaged_is_made_anew(tmp_path: Path, harm) -> None:
    place = await filled(tmp_path / "node", [local(f"A-{number}") for number in range(20)])
    criteria = Criteria(users=("ward-7",))
    before = labels(place, criteria)
    harm(place.root / "audit-index.db")
    assert labels(place, criteria) == before == labels(place, criteria, scan=True)
    assert index_of(place).rebuild() == 21


async def test_an_index_of_another_ledger_is_not_believed(tmp_path: Path) -> None:
    """A restored database is older than the index beside it, or another one."""
    place = await filled(tmp_path / "node", [local("A-1") for _ in range(30)])
    labels(place, Criteria())
    other = await filled(tmp_path / "other", [local("B-1") for _ in range(5)])
    (place.root / "audit-index.db").rename(other.root / "audit-index.db")
    assert labels(other, Criteria(patient="2.999.10.100|A-1")) == []
    assert len(labels(other, Criteria(patient="2.999.10.100|B-1"))) == 5


async def test_a_wrong_row_of_the_index_shows_no_wrong_entry(tmp_path: Path) -> None:
    place = await filled(tmp_path / "node", [local("A-1"), local("A-2")])
    labels(place, Criteria())
    with contextlib.closing(sqlite3.connect(place.root / "audit-index.db")) as connection:
        connection.execute("INSERT INTO posting VALUES (?, 3)", (index_module.term("patient", "2.999.10.100|A-1"),))
        connection.commit()
    assert labels(place, Criteria(patient="2.999.10.100|A-1")) == ["2026/1"]


async def test_the_index_is_for_the_node_alone(tmp_path: Path) -> None:
    place = await filled(tmp_path / "node", [local("A-1")])
    labels(place, Criteria())
    files = list(place.root.glob("audit-index.db*"))
    assert files
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    assert b"A-1" not in (place.root / "audit-index.db").read_bytes()


async def test_an_erased_record_is_counted_not_shown(tmp_path: Path) -> None:
    place = await filled(tmp_path / "node", [local("A-1"), local("A-1")])
    labels(place, Criteria())
    with contextlib.closing(sqlite3.connect(place.database)) as connection:
        connection.execute("DELETE FROM audit_record WHERE seq = 2")
        connection.commit()
    page = search(index_of(place), place.database, Criteria(patient="2.999.10.100|A-1"), limit=9)
    assert [one.label for one in page.entries] == ["2026/2"]
    assert page.erased == 1
    assert index_of(place).rebuild() == 3


async def test_two_years(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.time = "2025-12-31T23:00:00.000Z"
    async with place.running() as ledger:
        await ledger.record([local("A-1")])
    place.time = "2026-01-01T00:00:00.000Z"
    async with place.running() as ledger:
        await ledger.record([local("A-1")])
    criteria = Criteria(patient="2.999.10.100|A-1")
    assert labels(place, criteria) == ["2026/1", "2025/1"]
    assert labels(place, criteria, before="2026/1") == ["2025/1"]
    assert labels(place, criteria, before="1") == ["2025/1"]
    for wrong in ("2024/1", "2026/99", "x", "2026/-1", "2026/"):
        with pytest.raises(LookupError, match="there is no entry"):
            labels(place, criteria, before=wrong)


async def test_an_exchange_is_found_by_its_message_id_and_transaction(tmp_path: Path) -> None:
    asked = NewRecord(
        kind=Kind.REQUEST_SENT,
        time=TIMES[0],
        cid="urn:uuid:77",
        leg="q",
        payload=b"q" * 32,
        peer=HOMES[0],
        note={"transaction": "ITI-38", "incident": "i-9"},
    )
    place = await filled(tmp_path / "node", [asked, local("A-1")])
    for criteria in (
        Criteria(incident="urn:uuid:77"),
        Criteria(incident="i-9"),
        Criteria(events=("iti-38",)),
        Criteria(community=HOMES[0]),
    ):
        assert labels(place, criteria) == ["2026/1"]


async def test_a_name_that_fits_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_MOST_USERS", 3)
    batch = [
        replace(local("A-1"), event=query_event(participants=(Participant(user_id=f"u-{number}", requestor=True),)))
        for number in range(4)
    ]
    place = await filled(tmp_path / "node", batch)
    with pytest.raises(TooManyUsers, match="more of the name"):
        labels(place, Criteria(users=("u-",)))
    assert labels(place, Criteria(users=("u-2",))) == ["2026/3"]


async def test_an_entry_knows_its_commitment(tmp_path: Path) -> None:
    place = await filled(tmp_path / "node", [local("A-1")])
    found: Found = search(index_of(place), place.database, Criteria(), limit=1).entries[0]
    with contextlib.closing(sqlite3.connect(place.database)) as connection:
        entry, salt = connection.execute(
            "SELECT l.entry, r.salt FROM audit_leaf l JOIN audit_record r USING (seq) WHERE seq = ?", (found.seq,)
        ).fetchone()
    assert found.commits(entry, salt)
    assert not found.commits(entry, bytes(32))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("2026-02", "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"),
        ("2026-12", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("2024-02-29", "2024-02-29T00:00:00.000Z", "2024-03-01T00:00:00.000Z"),
        ("2026-03-01T10:15", "2026-03-01T10:15:00.000Z", "2026-03-01T10:16:00.000Z"),
        ("2026-03-01T10:15:59Z", "2026-03-01T10:15:59.000Z", "2026-03-01T10:16:00.000Z"),
        ("2026-03-01T00:15+01:00", "2026-02-28T23:15:00.000Z", "2026-02-28T23:16:00.000Z"),
        ("2026-03-01T10:15:59.5Z", "2026-03-01T10:15:59.500Z", "2026-03-01T10:15:59.501Z"),
        ("2026-03-01T10:15:59.123456-05:00", "2026-03-01T15:15:59.123Z", "2026-03-01T15:15:59.124Z"),
    ],
)
def test_a_date_names_a_time(text: str, start: str, end: str) -> None:
    assert period(text) == (start, end)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13", "2026-02-30", "2026-03-01T25:00", "26-03-01", "2026-03-01 10:00", "٢٠٢٦"]
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the calendar's own words are as good
        period(text)
