"""Findings as they are kept: what the rules found, what people wrote about it, and what it became.

Functions that change something run in the sequencer's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from trust.findings.finding import Finding, Rule, Severity

_COLUMNS: Final = (
    "id, rule, version, sentence, severity, user, name, peer, patients, first, last, entries, facts, found, state"
)
_CONTENT: Final = ("version", "sentence", "severity", "name", "patients", "first", "last", "entries", "facts")
_CHANGED: Final = f"UPDATE finding SET {', '.join(f'{one} = ?' for one in _CONTENT)} WHERE id = ?"  # noqa: S608
_ADDED: Final = (
    f"INSERT INTO finding ({', '.join(_CONTENT)}, key, rule, user, peer, found, state)"  # noqa: S608
    f" VALUES ({'?, ' * len(_CONTENT)}?, ?, ?, ?, ?, 'open')"
)
_NEWEST: Final = "SELECT id, state, last, entries FROM finding WHERE key = ? ORDER BY id DESC LIMIT 1"


class State(StrEnum):
    """What became of a finding."""

    OPEN = "open"
    EXPLAINED = "explained"
    MISUSE = "misuse"
    FALSE_ALARM = "false-alarm"


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote; `state` is what the finding became by it, "" for a note alone. `written` is UTC."""

    written: str
    by: str
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A finding with its number, when it was found, its state and what was written about it, oldest first."""

    id: int
    finding: Finding
    version: int  # of the rule that found it
    found: str
    state: State
    notes: tuple[Note, ...] = ()


def update(connection: sqlite3.Connection, found: Iterable[Finding], now: str) -> int:
    """Take up what the rules found; returns how many are new.

    An open finding follows what the rules say of it. A decided one stays as it is: only what happened later begins a
    new one.
    """
    steps = changes(connection, found)
    for one, id_ in steps:
        if id_:
            connection.execute(_CHANGED, (*_content(one), id_))
        else:
            connection.execute(_ADDED, (*_content(one), one.key, one.rule, one.user, one.peer, now))
    return sum(not id_ for _, id_ in steps)


def changes(connection: sqlite3.Connection, found: Iterable[Finding]) -> list[tuple[Finding, int]]:
    """What `update` would take up: findings, with the number of the one that it changes, 0 for a new one."""
    steps = []
    for one in found:
        row = connection.execute(_NEWEST, (one.key,)).fetchone()
        if row is None or (row[1] != State.OPEN and one.last > row[2]):
            steps.append((one, 0))
        elif row[1] == State.OPEN and (row[2], row[3]) != (one.last, _json(one.entries)):
            steps.append((one, int(row[0])))
    return steps


def _content(one: Finding) -> tuple[object, ...]:
    patients, entries, facts = _json(one.patients), _json(one.entries), json.dumps(dict(one.values), ensure_ascii=False)
    return (one.version, one.sentence, one.severity, one.name, patients, one.first, one.last, entries, facts)


def _json(values: Sequence[object]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def listed(connection: sqlite3.Connection, *, closed: bool = False, limit: int = 500) -> list[Kept]:
    """Open findings, the most serious and newest first; with `closed` those that were decided, instead."""
    where = "state != 'open'" if closed else "state = 'open'"
    sql = f"SELECT {_COLUMNS} FROM finding WHERE {where} ORDER BY severity, last DESC, id DESC LIMIT ?"  # noqa: S608  constants
    return [_kept(row) for row in connection.execute(sql, (limit,))]


def counted(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """How many findings of each rule are in each state: how far its word can be trusted."""
    counts: dict[str, dict[str, int]] = {}
    for rule, state, count in connection.execute("SELECT rule, state, count(*) FROM finding GROUP BY rule, state"):
        counts.setdefault(rule, {})[state] = count
    return counts


def find(connection: sqlite3.Connection, id_: int) -> Kept | None:
    """One finding with everything that was written about it."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM finding WHERE id = ?", (id_,)).fetchone()  # noqa: S608  a constant
    if row is None:
        return None
    notes = connection.execute(
        "SELECT written, by, state, text FROM finding_note WHERE finding = ? ORDER BY id", (id_,)
    )
    return _kept(row, tuple(Note(*each) for each in notes))


def write(connection: sqlite3.Connection, id_: int, note: Note) -> bool:
    """Add a note, and decide the finding where the note says so; False when there is no such finding."""
    state = note.state or connection.execute("SELECT max(state) FROM finding WHERE id = ?", (id_,)).fetchone()[0]
    if connection.execute("UPDATE finding SET state = ? WHERE id = ?", (state, id_)).rowcount != 1:
        return False
    connection.execute(
        "INSERT INTO finding_note (finding, written, by, state, text) VALUES (?, ?, ?, ?, ?)",
        (id_, note.written, note.by, note.state, note.text),
    )
    return True


def _kept(row: Sequence[object], notes: tuple[Note, ...] = ()) -> Kept:
    id_, rule, version, sentence, severity, user, name, peer, patients, first, last, entries, facts, found, state = row
    subjects = tuple(json.loads(str(patients)))
    finding = Finding(
        rule=Rule(str(rule)),
        sentence=str(sentence),
        severity=Severity(str(severity)),
        user=str(user),
        name=str(name),
        peer=str(peer),
        about=subjects[0] if len(subjects) == 1 else "",
        patients=subjects,
        first=int(str(first)),
        last=int(str(last)),
        entries=tuple(json.loads(str(entries))),
        values=json.loads(str(facts)),
    )
    return Kept(int(str(id_)), finding, int(str(version)), str(found), State(str(state)), notes)
