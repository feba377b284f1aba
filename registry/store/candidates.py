"""Records that are worth comparing, found by the keys, identifiers and words that each record is filed under."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from registry.patients.demographics import Identifier
from registry.patients.profile import Profile, contact_key, keys

MOST_IN_A_BLOCK: Final = 500  # records under one key that are looked at: those of a common name are found by other keys
MOST_CANDIDATES: Final = 100  # that are compared: those that share the most keys
MOST_WITH_A_WORD: Final = 2_000
MOST_AT_A_NUMBER: Final = 40  # records that share a telephone number: a large family with some institutions
MOST_WITH_A_SLIP: Final = 1  # records that bear a word which is no name: the one in which it was mistyped
LEAST_WITH_A_NAME: Final = 8  # that bear a name: more than one person has records

_BLOCK: Final = f"SELECT identity FROM (SELECT identity FROM patient_key WHERE key = ? LIMIT {MOST_IN_A_BLOCK})"  # noqa: S608
_WORD: Final = f"SELECT identity FROM patient_word WHERE word >= ? AND word < ? LIMIT {MOST_WITH_A_WORD}"  # noqa: S608
_LAST: Final = "\U0010ffff"


class Candidates:
    """What records are filed under, over one connection; whoever changes something holds a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def file(self, record: int, person: Profile, others: Iterable[Identifier]) -> None:
        """File a record under its keys, words and further identifiers."""
        run = self._connection.executemany
        run("INSERT OR IGNORE INTO patient_key (key, identity) VALUES (?, ?)", [(key, record) for key in keys(person)])
        run("INSERT OR IGNORE INTO patient_word (word, identity) VALUES (?, ?)", [(w, record) for w in _words(person)])
        run(
            "INSERT OR IGNORE INTO patient_identifier (authority, id, identity) VALUES (?, ?, ?)",
            [(item.authority, item.id, record) for item in others],
        )

    def unfile(self, record: int, person: Profile, others: Iterable[Identifier]) -> None:
        """Undo `file`; what it was filed under follows from what it was."""
        run = self._connection.executemany
        run("DELETE FROM patient_key WHERE key = ? AND identity = ?", [(key, record) for key in keys(person)])
        run("DELETE FROM patient_word WHERE word = ? AND identity = ?", [(word, record) for word in _words(person)])
        run(
            "DELETE FROM patient_identifier WHERE authority = ? AND id = ? AND identity = ?",
            [(item.authority, item.id, record) for item in others],
        )

    def resembling(self, person: Profile) -> Sequence[int]:
        """Records that share an identifier or a key, those first that share most; at most `MOST_CANDIDATES`."""
        found = dict.fromkeys(self.with_identifiers(person.source.identifiers))
        wanted = sorted(keys(person))
        if wanted:
            blocks = " UNION ALL ".join([_BLOCK] * len(wanted))
            rows = self._connection.execute(
                f"SELECT identity, count(*) FROM ({blocks}) GROUP BY identity ORDER BY 2 DESC, 1 LIMIT ?",  # noqa: S608
                (*wanted, MOST_CANDIDATES),
            )
            found |= dict.fromkeys(no for no, _ in rows)
        return list(found)[:MOST_CANDIDATES]

    def shared_by_many(self, contacts: Iterable[str]) -> frozenset[str]:
        """Telephone numbers and e-mail addresses of so many records that they are a desk's or a home's."""
        count = "SELECT count(*) FROM (SELECT 1 FROM patient_key WHERE key = ? LIMIT ?)"
        return frozenset(
            item
            for item in contacts
            if self._connection.execute(count, (contact_key(item), MOST_AT_A_NUMBER)).fetchone()[0] == MOST_AT_A_NUMBER
        )

    def is_slip(self, one: str, other: str) -> bool:
        """Whether one of two words is a name that many here bear, and the other nobody's but a few records'."""
        few, many = sorted(self._bearing(word) for word in (one, other))
        return few <= MOST_WITH_A_SLIP and many >= LEAST_WITH_A_NAME

    def _bearing(self, word: str) -> int:
        count = "SELECT count(*) FROM (SELECT 1 FROM patient_word WHERE word = ? LIMIT ?)"
        found: int = self._connection.execute(count, (word, LEAST_WITH_A_NAME)).fetchone()[0]
        return found

    def with_identifiers(self, identifiers: Iterable[Identifier]) -> Sequence[int]:
        """Records whose own or further identifier is one of these."""
        found: dict[int, None] = {}
        for item in identifiers:
            rows = self._connection.execute(
                "SELECT no FROM patient_identity WHERE authority = ?1 AND id = ?2 "
                "UNION ALL SELECT identity FROM patient_identifier WHERE authority = ?1 AND id = ?2",
                (item.authority, item.id),
            )
            found |= dict.fromkeys(no for (no,) in rows)
        return list(found)

    def with_words(self, words: Collection[tuple[str, bool]]) -> Sequence[int]:
        """Records whose names hold every word; True beside a word: or words that begin with it."""
        found: set[int] | None = None
        for word, prefix in words:
            rows = self._connection.execute(_WORD, (word, word + (_LAST if prefix else "\0")))
            here = {no for (no,) in rows}
            found = here if found is None else found & here
        return sorted(found or ())


def _words(person: Profile) -> set[str]:
    return {word for name in person.names for word in (*name.family, *name.given)}
