"""Who knows a patient, as tokens: what others told this node as a locator, what it told them, what they answered.

A token stands for one word about a person (`patients.location`); nothing here names anybody. `root` stands for a set of
locators: whoever told everything under another one may have to tell more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

EVERYBODY: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One token of one record, at the locator that knows it; `only` are the homes that may learn it."""

    identity: int
    token: bytes
    locator: str
    only: str = EVERYBODY


# What this node knows as a locator ------------------------------------------------------------------------------------


def take(
    connection: sqlite3.Connection, home: str, add: Iterable[tuple[bytes, str]], remove: Iterable[bytes], day: str
) -> None:
    """What one community says of its patients, on this day (YYYYMMDD). For a write job."""
    connection.executemany("DELETE FROM location_token WHERE token = ? AND home = ?", [(one, home) for one in remove])
    connection.executemany(
        "INSERT OR REPLACE INTO location_token (token, home, only) VALUES (?, ?, ?)",
        [(token, home, only) for token, only in add],
    )
    connection.execute(
        "INSERT INTO location_source (home, root, heard) VALUES (?1, '', ?2) ON CONFLICT DO UPDATE SET heard = ?2",
        (home, day),
    )


def complete(connection: sqlite3.Connection, home: str, root: str) -> None:
    """A community has told everything under this set of locators. For a write job."""
    connection.execute(
        "INSERT INTO location_source (home, root) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET root = ?2", (home, root)
    )


def holders(connection: sqlite3.Connection, token: bytes, asker: str) -> list[str]:
    """Communities that know the patient of a token, as far as the asker may learn it."""
    rows = connection.execute("SELECT home, only FROM location_token WHERE token = ? ORDER BY home", (token,))
    return [home for home, only in rows if only == EVERYBODY or asker in only.split()]


def sources(connection: sqlite3.Connection) -> Mapping[str, str]:
    """Under which set of locators each community has told everything."""
    return dict(connection.execute("SELECT home, root FROM location_source"))


def count(connection: sqlite3.Connection, home: str) -> int:
    """How many tokens of one community are kept here."""
    (found,) = connection.execute("SELECT count(*) FROM location_token WHERE home = ?", (home,)).fetchone()
    return int(found)


def outdated(connection: sqlite3.Connection, members: Iterable[str], since: str) -> list[str]:
    """Who told something and is none of these, or has told nothing since this day (YYYYMMDD)."""
    kept = {*members}
    rows = connection.execute("SELECT home, heard FROM location_source ORDER BY home")
    return [home for home, heard in rows if home not in kept or heard < since]


def drop(connection: sqlite3.Connection, homes: Iterable[str]) -> None:
    """Forget what these communities told. For a write job."""
    gone = [(home,) for home in homes]
    connection.executemany("DELETE FROM location_source WHERE home = ?", gone)
    connection.executemany("DELETE FROM location_token WHERE home = ?", gone)


# What this node tells -------------------------------------------------------------------------------------------------


def due(connection: sqlite3.Connection, *identities: int) -> None:
    """These records have changed. For a write job."""
    connection.executemany("INSERT INTO location_due (identity) VALUES (?)", [(one,) for one in identities])


def all_due(connection: sqlite3.Connection, authority: str) -> None:
    """Every record of the own authority is looked at again. For a write job."""
    connection.execute("DELETE FROM location_due")
    connection.execute(
        "INSERT INTO location_due (identity) SELECT no FROM patient_identity WHERE authority = ?", (authority,)
    )


def next_due(connection: sqlite3.Connection, after: int, most: int, since: int = 0) -> list[tuple[int, int]]:
    """The next records that are due for changes after `since`, each with the number of its newest change."""
    return connection.execute(
        "SELECT identity, max(no) FROM location_due WHERE identity > ? AND no > ? "
        "GROUP BY identity ORDER BY identity LIMIT ?",
        (after, since, most),
    ).fetchall()


def settled(connection: sqlite3.Connection, seen: Iterable[tuple[int, int]]) -> None:
    """What was due of these records up to these changes is told. For a write job."""
    connection.executemany("DELETE FROM location_due WHERE identity = ? AND no <= ?", list(seen))


def waiting(connection: sqlite3.Connection) -> int:
    """How many changes wait to be told."""
    (found,) = connection.execute("SELECT count(*) FROM location_due").fetchone()
    return int(found)


def told_of(connection: sqlite3.Connection, identity: int) -> list[Told]:
    """What was told of one record."""
    return _told(connection, "identity = ?", identity)


def told_as(connection: sqlite3.Connection, token: bytes) -> list[Told]:
    """What was told under one token, of every record that has it."""
    return _told(connection, "token = ?", token)


def _told(connection: sqlite3.Connection, where: str, value: object) -> list[Told]:
    rows = connection.execute(f"SELECT identity, token, locator, only FROM location_told WHERE {where}", (value,))  # noqa: S608
    return [Told(identity=identity, token=token, locator=locator, only=only) for identity, token, locator, only in rows]


def told_to(connection: sqlite3.Connection) -> Mapping[str, int]:
    """How many tokens each locator has from here, as far as this node knows. Reads every one."""
    return dict(connection.execute("SELECT locator, count(DISTINCT token) FROM location_told GROUP BY locator"))


def all_lost(connection: sqlite3.Connection, own: str, locators: Iterable[str]) -> None:
    """These have nothing of what they were told; it is told anew. For a write job."""
    connection.executemany("DELETE FROM location_told WHERE locator = ?", [(home,) for home in locators])
    complete(connection, own, "")


def replace_told(connection: sqlite3.Connection, gone: Sequence[Told], new: Sequence[Told]) -> None:
    """What the locators know now. For a write job."""
    connection.executemany(
        "DELETE FROM location_told WHERE identity = ? AND token = ?", [(one.identity, one.token) for one in gone]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO location_told (identity, token, locator, only) VALUES (?, ?, ?, ?)",
        [(one.identity, one.token, one.locator, one.only) for one in new],
    )


# What locators answered -----------------------------------------------------------------------------------------------


def answered(connection: sqlite3.Connection, patient: str, person: str, root: str, now: str) -> frozenset[str] | None:
    """The communities that know a patient of ours, as locators said and as it holds now; None: they must be asked."""
    row = connection.execute(
        "SELECT homes FROM location_answer WHERE patient = ? AND person = ? AND root = ? AND until > ?",
        (patient, person, root, now),
    ).fetchone()
    return frozenset(row[0].split()) if row else None


def keep_answer(
    connection: sqlite3.Connection, patient: str, person: str, root: str, homes: Iterable[str], until: str
) -> None:
    """Keep what locators said. For a write job."""
    connection.execute(
        "INSERT OR REPLACE INTO location_answer (patient, person, root, homes, until) VALUES (?, ?, ?, ?, ?)",
        (patient, person, root, " ".join(sorted(homes)), until),
    )


def forget_answer(connection: sqlite3.Connection, patient: str) -> None:
    """The locators are asked again. For a write job."""
    connection.execute("DELETE FROM location_answer WHERE patient = ?", (patient,))


def answers_ended(connection: sqlite3.Connection, now: str) -> int:
    """How many answers hold no more."""
    (found,) = connection.execute("SELECT count(*) FROM location_answer WHERE until <= ?", (now,)).fetchone()
    return int(found)


def expire_answers(connection: sqlite3.Connection, now: str) -> int:
    """Drop what holds no more; how many. For a write job."""
    return connection.execute("DELETE FROM location_answer WHERE until <= ?", (now,)).rowcount
