"""Subscriptions that this node holds at other communities, and what they told already. Never commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WANTED: Final = "wanted"  # to be made, or to be made again
HELD: Final = "held"
ENDING: Final = "ending"  # to be ended there
_COLUMNS: Final = "no, subscription, home, patient, token, address, state, ends, next, failures"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSubscription:
    """One subscription elsewhere, made for the subscription here with this number (None: that one is over).

    `token` is in the address where its notifications come in, `address` where it is ended. Times are 14 digits, UTC.
    """

    no: int
    subscription: int | None
    home: str
    patient: str
    token: str
    address: str
    state: str
    ends: str
    next: str
    failures: int


class RemoteSubscriptions:
    """Over one connection; what changes something needs a transaction that the caller opens and commits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, subscription: int) -> list[RemoteSubscription]:
        """All that were made for one subscription."""
        return self._rows("subscription = ?", subscription)

    def with_token(self, token: str, home: str) -> RemoteSubscription | None:
        """The one whose notifications come in with this token, from this community."""
        return next(iter(self._rows("token = ? AND home = ?", token, home)), None)

    def due(self, now: str, most: int) -> list[RemoteSubscription]:
        """Those about which something is to be done now, longest due first."""
        return self._rows("next <= ? ORDER BY next, no LIMIT ?", now, most)

    def all(self) -> list[RemoteSubscription]:
        """Every one."""
        return self._rows("1 ORDER BY no")

    def want(self, subscription: int, patients: Mapping[str, str], tokens: Mapping[str, str], now: str) -> bool:
        """Let a subscription reach these communities and no others; whether that changes anything.

        Args:
            subscription: the number of the one here.
            patients: homeCommunityId -> the patient as that community names it.
            tokens: a fresh token for each of them.
            now: 14 digits, UTC.
        """
        current = {(one.home, one.patient) for one in self.of(subscription) if one.state != ENDING}
        new = patients.items() - current
        gone = current - patients.items()
        self._connection.executemany(
            "UPDATE remote_subscription SET state = 'ending', next = ?"
            " WHERE subscription = ? AND home = ? AND patient = ?",
            [(now, subscription, home, patient) for home, patient in gone],
        )
        self._connection.executemany(
            "INSERT INTO remote_subscription (subscription, home, patient, token, address, state, ends, next, failures)"
            " VALUES (?, ?, ?, ?, '', 'wanted', '', ?, 0)",
            [(subscription, home, patient, tokens[home], now) for home, patient in new],
        )
        return bool(new or gone)

    def made(self, one: RemoteSubscription, *, token: str, address: str, ends: str, renew: str) -> None:
        """It was made there, under `token`. One that it takes the place of is ended from now on."""
        changed = self._connection.execute(
            "UPDATE remote_subscription SET token = ?, address = ?, ends = ?, failures = 0,"
            " state = CASE state WHEN 'ending' THEN 'ending' ELSE 'held' END,"
            " next = CASE state WHEN 'ending' THEN '' ELSE ? END WHERE no = ?",
            (token, address, ends, renew, one.no),
        )
        # Told of before it was known here to be made, it seemed to be nobody's.
        self._connection.execute(
            "DELETE FROM remote_subscription WHERE address = ? AND subscription IS NULL AND no != ?", (address, one.no)
        )
        if not changed.rowcount:
            self.nobodys(one.home, address, ends)
        elif one.address:
            self._connection.execute(
                "INSERT INTO remote_subscription"
                " (subscription, home, patient, token, address, state, ends, next, failures)"
                " SELECT subscription, home, patient, ?, ?, 'ending', ?, '', 0 FROM remote_subscription WHERE no = ?",
                (one.token, one.address, one.ends, one.no),
            )

    def failed(self, one: RemoteSubscription, again: str) -> None:
        """Nothing came of it; it is tried again at an instant."""
        self._connection.execute(
            "UPDATE remote_subscription SET failures = failures + 1, next = ? WHERE no = ?", (again, one.no)
        )

    def gone(self, one: RemoteSubscription) -> None:
        """There is no such subscription there any more."""
        self._connection.execute("DELETE FROM remote_subscription WHERE no = ?", (one.no,))

    def nobodys(self, home: str, address: str, ends: str) -> None:
        """End one there that nobody here has any more."""
        known = self._connection.execute("SELECT 1 FROM remote_subscription WHERE address = ?", (address,)).fetchone()
        if known is None:
            self._connection.execute(
                "INSERT INTO remote_subscription"
                " (subscription, home, patient, token, address, state, ends, next, failures)"
                " VALUES (NULL, ?, '', ?, ?, 'ending', ?, '', 0)",
                (home, address, address, ends),
            )

    def is_new(self, subscription: int, digest: bytes, now: str) -> bool:
        """Whether an object is told of for the first time; from now on it is not."""
        added = self._connection.execute(
            "INSERT INTO received_notice (subscription, digest, received) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (subscription, digest, now),
        )
        return added.rowcount == 1

    def forget(self, before: str) -> None:
        """What was told before an instant cannot come again."""
        self._connection.execute("DELETE FROM received_notice WHERE received < ?", (before,))

    def remembers(self, before: str) -> bool:
        """Whether there is something to forget."""
        found = self._connection.execute("SELECT 1 FROM received_notice WHERE received < ? LIMIT 1", (before,))
        return found.fetchone() is not None

    def _rows(self, where: str, *values: object) -> list[RemoteSubscription]:
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM remote_subscription WHERE {where}", values)  # noqa: S608
        names = _COLUMNS.split(", ")
        return [RemoteSubscription(**dict(zip(names, row, strict=True))) for row in rows]
