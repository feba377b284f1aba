"""The index of the audit log: a database of its own that says which records may answer a search.

It only proposes: the record itself decides (`search`), so a wrong row can never show a wrong record. It is filled
behind the ledger from committed records and may be deleted at any time. Its journal is no write-ahead log, so that
several processes may fill it; whoever searches first brings it up to the head of the log.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

import orjson

from trust.ledger import store
from trust.search import acts
from trust.search.activity import Activity, activity
from trust.search.criteria import Criteria, Facts, facts

_VERSION: Final = 3  # of the schema and of `_terms`: another one means a new index
_SHORT: Final = 512  # entries of one batch beside the traffic
_LONG: Final = 16_384  # and when somebody waits
_BLOCK_BITS: Final = 10  # entries of one row of `span`
_MOST_USERS: Final = 500
_COMMON: Final = 10_000  # counting further does not change which condition is the rarest by much

# A term is a 64-bit hash of what a record can be found by. `span` says for each block of entries which times occur in
# it: times are claimed by whoever records and need not ascend. `name` has every participant's names, for parts of them.
_SCHEMA: Final = f"""
CREATE TABLE posting (term INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (term, seq)) WITHOUT ROWID;
CREATE TABLE span (block INTEGER PRIMARY KEY, earliest TEXT NOT NULL, latest TEXT NOT NULL);
CREATE TABLE name (term INTEGER PRIMARY KEY, names TEXT NOT NULL);
{acts.SCHEMA}
CREATE TABLE state (next INTEGER NOT NULL, entry BLOB NOT NULL);
INSERT INTO state VALUES (1, x'');
PRAGMA user_version = {_VERSION};
"""  # noqa: S608  a constant
_SPAN: Final = (
    "INSERT INTO span VALUES (?, ?, ?) ON CONFLICT (block) DO UPDATE SET"
    " earliest = min(earliest, excluded.earliest), latest = max(latest, excluded.latest)"
)


class TooManyUsers(ValueError):  # noqa: N818  what happened
    """The part of a name fits so many participants that it does not narrow a search."""


def term(kind: str, value: str) -> int:
    """The term of one fact."""
    return int.from_bytes(sha256(f"{kind}\0{value}".encode()).digest()[:8], "big", signed=True)


_frequent = lru_cache(maxsize=50_000)(term)


def _terms(found: Facts) -> Iterator[int]:
    if found.patient:
        yield term("patient", found.patient)
    for one in found.documents:
        yield term("document", one)
    for one in found.incidents:
        yield term("incident", one)
    for one in found.users:
        yield _frequent("user", one)
    for one in found.communities:
        yield _frequent("community", one)
    for one in found.events:
        yield _frequent("event", one)
    if found.outcome is not None:
        yield _frequent("outcome", str(found.outcome))


class AuditIndex:
    """The index file at `path` of the ledger in the database `ledger`, for any number of threads and processes."""

    def __init__(self, path: Path, ledger: Path) -> None:
        self.path = path
        self._ledger = ledger

    def rebuild(self) -> int:
        """Throw the index away and make it anew; the number of entries in it."""
        self.path.unlink(missing_ok=True)
        return self.catch_up()

    def catch_up(self, *, idle: float = 0.0, stop: Callable[[], bool] = lambda: False) -> int:
        """Take up every record that is committed when this is called; how many entries the index has then.

        Args:
            idle: how long to rest after each batch, as a multiple of the time that it took.
            stop: asked after each batch.

        Raises:
            sqlite3.Error: the disk, or the ledger cannot be read.
        """
        with contextlib.closing(store.open_reader(self._ledger)) as ledger:
            end = (store.last_leaf(ledger) or 0) + 1
            try:
                return self._fill(ledger, end, idle, stop)
            except sqlite3.DatabaseError as damage:
                if getattr(damage, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                    raise
                self.path.unlink(missing_ok=True)
                return self._fill(ledger, end, idle, stop)

    def _fill(self, ledger: sqlite3.Connection, end: int, idle: float, stop: Callable[[], bool]) -> int:
        with self._opened() as connection:
            done = -1
            while not stop():
                began = time.monotonic()
                with _writing(connection):
                    done = _next(connection, ledger, done < 0)
                    if done >= end:
                        break
                    done = _take(connection, ledger, done, min(done + (_SHORT if idle else _LONG), end))
                if idle:
                    time.sleep(idle * (time.monotonic() - began))
            return max(done - 1, 0)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The index, made where there is none or one of another version."""
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
        with contextlib.closing(connection):
            for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "cache_size=-65536"):
                connection.execute(f"PRAGMA {pragma}")
            if not _is_current(connection):
                with _writing(connection):
                    if not _is_current(connection):
                        _create(connection)
            yield connection

    def acts(self, since: int) -> list[Activity]:
        """What people did, and what happened to patients, from a time on (seconds since 1970) to the head of the log.

        Raises:
            sqlite3.Error: the disk, or the ledger cannot be read.
        """
        self.catch_up()
        with self._opened() as connection:
            return acts.since(connection, since)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Proposals]:
        """The index for searches, as far as it has come."""
        with self._opened() as connection:
            yield Proposals(connection)


@contextlib.contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _is_current(connection: sqlite3.Connection) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version == _VERSION)


def _create(connection: sqlite3.Connection) -> None:
    for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        connection.execute(f'DROP TABLE "{table}"')
    for statement in filter(None, map(str.strip, _SCHEMA.split(";"))):
        connection.execute(statement)


def _next(connection: sqlite3.Connection, ledger: sqlite3.Connection, check: bool) -> int:  # noqa: FBT001
    """The first entry that is not in the index; an index of another ledger, or of a longer one, begins again."""
    place, entry = connection.execute("SELECT next, entry FROM state").fetchone()
    if check and place > 1 and next(store.leaves(ledger, place - 1, place), b"") != entry:
        _create(connection)
        return 1
    return int(place)


def _take(connection: sqlite3.Connection, ledger: sqlite3.Connection, start: int, end: int) -> int:
    """Take up the records `start` <= seq < `end`; one that was erased has nothing to be found by."""
    postings: list[tuple[int, int]] = []
    names: dict[int, str] = {}
    spans: dict[int, tuple[str, str]] = {}
    done: list[Activity] = []
    for seq, body in ledger.execute("SELECT seq, body FROM audit_record WHERE seq >= ? AND seq < ?", (start, end)):
        record = orjson.loads(body)
        found, act = facts(record), activity(seq, record)
        done += [act] if act else []
        postings += [(one, seq) for one in _terms(found)]
        names |= {_frequent("user", one): one for one in found.users}
        earliest, latest = spans.get(seq >> _BLOCK_BITS, (found.time, found.time))
        spans[seq >> _BLOCK_BITS] = (min(earliest, found.time), max(latest, found.time))
    postings.sort()
    connection.executemany("INSERT OR IGNORE INTO posting VALUES (?, ?)", postings)
    connection.executemany("INSERT OR IGNORE INTO name VALUES (?, ?)", names.items())
    acts.insert(connection, done)
    connection.executemany(_SPAN, [(block, *times) for block, times in spans.items()])
    entry = next(store.leaves(ledger, end - 1, end), b"")
    connection.execute("UPDATE state SET next = ?, entry = ?", (end, entry))
    return end


class Proposals:
    """Which entries may hold what a search wants, from an index that is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def newest_first(self, criteria: Criteria, before: int) -> Iterator[int]:
        """Numbers of entries below `before`, descending and each once; every one that fits is among them.

        Raises:
            TooManyUsers: the part of a user's name fits too many participants.
        """
        low, high = self._bounds(criteria, before)
        wanted = self._conditions(criteria)
        if not wanted:
            yield from range(high - 1, low - 1, -1)
            return
        driver, *others = sorted(wanted, key=self._frequency)
        also = "".join(
            f" AND EXISTS (SELECT 1 FROM posting o WHERE o.term IN ({', '.join(map(str, terms))}) AND o.seq = p.seq)"  # noqa: S608  numbers only
            for terms in others
        )
        sql = f"SELECT seq FROM posting p WHERE term = ? AND seq >= ? AND seq < ?{also} ORDER BY seq DESC"  # noqa: S608  numbers only
        rows = [self._connection.execute(sql, (one, low, high)) for one in driver]
        last = high
        for (seq,) in heapq.merge(*rows, reverse=True):
            if seq < last:
                yield seq
                last = seq

    def _bounds(self, criteria: Criteria, before: int) -> tuple[int, int]:
        """Between which entries the times that are looked for occur."""
        low, high = 1, before
        if criteria.since:
            row = self._connection.execute("SELECT min(block) FROM span WHERE latest >= ?", (criteria.since,))
            block = row.fetchone()[0]
            low = before if block is None else block << _BLOCK_BITS
        if criteria.until:
            row = self._connection.execute("SELECT max(block) FROM span WHERE earliest < ?", (criteria.until,))
            block = row.fetchone()[0]
            high = 0 if block is None else min(before, (block + 1) << _BLOCK_BITS)
        return max(low, 1), high

    def _conditions(self, criteria: Criteria) -> list[Sequence[int]]:
        """For each thing that is looked for the terms of which a record has at least one."""
        values = (
            ("patient", criteria.patient),
            ("document", criteria.document),
            ("incident", criteria.incident),
            ("community", criteria.community),
            *(("event", event.upper()) for event in criteria.events),
            ("outcome", "" if criteria.outcome is None else str(criteria.outcome)),
        )
        wanted: list[Sequence[int]] = [[term(kind, value)] for kind, value in values if value]
        wanted += [self._names(user.casefold()) for user in criteria.users]
        return wanted

    def _names(self, part: str) -> list[int]:
        rows = self._connection.execute("SELECT term FROM name WHERE instr(names, ?)", (part,))
        terms = [one for (one,) in islice(rows, _MOST_USERS + 1)]
        if len(terms) > _MOST_USERS:
            raise TooManyUsers(f"{part!r} fits more than {_MOST_USERS} users: write more of the name")
        return terms

    def _frequency(self, terms: Sequence[int]) -> int:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM posting WHERE term = ? LIMIT {_COMMON})"  # noqa: S608  a constant
        return sum(self._connection.execute(sql, (one,)).fetchone()[0] for one in terms)
