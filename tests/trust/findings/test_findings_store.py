"""Findings as they are kept: one stays one while it is open, a decision stays, what happens later is a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import create_engine

from trust.findings import store
from trust.findings.finding import Finding, Rule, Severity
from trust.findings.store import Note, State
from trust.findings.tables import metadata

ONE = Finding(
    rule=Rule.RELATION, sentence="no-relation", severity=Severity.MEDIUM, user="<a@idp>", name="A", about="2.999|1",
    patients=("2.999|1",), first=100, last=200, entries=(3, 4), values={"days": "1"},
)  # fmt: skip
NOTE = Note("2026-11-30T10:00:00Z", "auditor", "explained", "was on call that night")


@pytest.fixture
def connection(tmp_path) -> Iterator[sqlite3.Connection]:
    engine = create_engine(f"sqlite:///{tmp_path / 'findings.db'}")
    metadata.create_all(engine)
    engine.dispose()
    connection = sqlite3.connect(tmp_path / "findings.db")
    yield connection
    connection.close()


def test_the_same_again_is_no_new_finding(connection: sqlite3.Connection) -> None:
    assert store.update(connection, [ONE], "t1") == 1
    assert store.update(connection, [ONE], "t2") == 0
    more = replace(ONE, last=300, entries=(3, 4, 9), values={"days": "2"})
    assert store.update(connection, [more], "t3") == 0
    (kept,) = store.listed(connection)
    assert (kept.finding, kept.found, kept.state) == (more, "t1", State.OPEN)


def test_a_decision_stays_and_what_comes_later_is_new(connection: sqlite3.Connection) -> None:
    store.update(connection, [ONE], "t1")
    assert store.write(connection, 1, NOTE)
    assert store.listed(connection) == []
    assert store.update(connection, [ONE], "t2") == 0
    assert store.update(connection, [replace(ONE, last=900)], "t3") == 1
    assert [one.id for one in store.listed(connection)] == [2]
    assert [one.id for one in store.listed(connection, closed=True)] == [1]
    found = store.find(connection, 1)
    assert found is not None
    assert (found.state, found.notes) == (State.EXPLAINED, (NOTE,))
    assert store.counted(connection) == {"no-relation": {"explained": 1, "open": 1}}


def test_a_note_alone_decides_nothing(connection: sqlite3.Connection) -> None:
    store.update(connection, [ONE], "t1")
    store.write(connection, 1, NOTE)
    store.write(connection, 1, replace(NOTE, state="", text="one more remark"))
    found = store.find(connection, 1)
    assert found is not None
    assert found.state is State.EXPLAINED
    assert [one.text for one in found.notes] == ["was on call that night", "one more remark"]
    store.write(connection, 1, replace(NOTE, state="open"))
    assert [one.id for one in store.listed(connection)] == [1]
    assert not store.write(connection, 7, NOTE)
    assert store.find(connection, 7) is None


def test_the_most_serious_and_newest_come_first(connection: sqlite3.Connection) -> None:
    high = replace(ONE, severity=Severity.HIGH, user="h", last=50)
    newer = replace(ONE, user="n", last=500)
    store.update(connection, [ONE, high, newer], "t1")
    assert [one.finding.user for one in store.listed(connection)] == ["h", "n", "<a@idp>"]
