"""Subscriptions, and notifications that wait for their subscribers, durable with what caused them (ITI-52, ITI-53)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.metadata.objects import DocumentEntry, Slot, SubmissionSet
from registry.queries.criteria import Criteria
from registry.queries.subscriptions import Offered, Topic, Wanted, keys_of, keys_of_submission, read_filter, wanted

_COLUMNS: Final = "no, id, topic, filter, consumer, subscriber, created, ends, reach"
_CANDIDATES: Final = """
SELECT no, filter FROM subscription
WHERE no IN (SELECT k.subscription FROM subscription_key AS k WHERE k.key IN (SELECT value FROM json_each(?)))
AND ends > ? ORDER BY no
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscription. `subscriber` is the text its owner gave; times are 14 digits, UTC.

    `reach` says whether other communities that know the patient are asked as well: federation or local.
    """

    no: int = 0
    id: str
    topic: Topic
    filter: AdhocQuery
    consumer: str
    subscriber: str
    created: str
    ends: str
    reach: str = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One notification that waits: which objects matched, and since when.

    `content` is what is sent of objects that are not registered here, as whoever queued it wrote it; "" for what is
    read from the registry when it leaves. `producer` is who told of them.
    """

    no: int
    subscription: Subscription
    objects: tuple[str, ...]
    queued: str
    content: str = ""
    producer: str = ""


class Subscriptions:
    """Over one connection; what changes something needs a transaction that the caller opens and commits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, subscription: Subscription) -> Criteria:
        """Keep a subscription and give its criteria.

        Raises:
            XdsErrors: its filter is not valid; nothing was written.
        """
        found = read_filter(subscription.filter)
        text = json.dumps(
            [subscription.filter.query_id, [[one.name, *one.values] for one in subscription.filter.slots]]
        )
        row = (
            *(subscription.id, str(subscription.topic), text, subscription.consumer, subscription.subscriber),
            *(subscription.created, subscription.ends, subscription.reach),
        )
        added = self._connection.execute(
            "INSERT INTO subscription (id, topic, filter, consumer, subscriber, created, ends, reach)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        self._connection.executemany(
            "INSERT INTO subscription_key (key, subscription) VALUES (?, ?)",
            [(key, added.lastrowid) for key in dict.fromkeys(keys_of(found))],
        )
        return found

    def end(self, id_: str) -> bool:
        """Forget a subscription and what waits for it; whether there was one."""
        row = self._connection.execute("SELECT no FROM subscription WHERE id = ?", (id_,)).fetchone()
        if row is None:
            return False
        self._connection.execute(
            "DELETE FROM notification_content WHERE notification IN"
            " (SELECT no FROM notification WHERE subscription = ?)",
            row,
        )
        self._connection.execute("DELETE FROM notification WHERE subscription = ?", row)
        self._connection.execute("DELETE FROM received_notice WHERE subscription = ?", row)
        self._connection.execute(
            "UPDATE remote_subscription SET subscription = NULL, state = 'ending', next = '' WHERE subscription = ?",
            row,
        )
        self._connection.execute("DELETE FROM subscription_key WHERE subscription = ?", row)
        self._connection.execute("DELETE FROM subscription WHERE no = ?", row)
        return True

    def numbered(self, number: int) -> Subscription | None:
        """One subscription by its number."""
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM subscription WHERE no = ?", (number,)).fetchone()  # noqa: S608
        return _subscription(row) if row else None

    def reaching(self, after: int, now: str, most: int) -> list[Subscription]:
        """Subscriptions in force that other communities are to be asked for too, in order, after a number."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM subscription WHERE no > ? AND reach = 'federation' AND ends > ?"  # noqa: S608
            " ORDER BY no LIMIT ?",
            (after, now, most),
        )
        return [_subscription(row) for row in rows]

    def outlived(self, before: str) -> list[str]:
        """Ids of subscriptions that ended by themselves before an instant and have nothing waiting."""
        rows = self._connection.execute(
            "SELECT id FROM subscription WHERE ends < ?"
            " AND NOT EXISTS (SELECT 1 FROM notification AS n WHERE n.subscription = subscription.no) LIMIT 100",
            (before,),
        )
        return [row[0] for row in rows]

    def get(self, id_: str) -> Subscription | None:
        """One subscription by its id."""
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM subscription WHERE id = ?", (id_,)).fetchone()  # noqa: S608
        return _subscription(row) if row else None

    def all(self) -> list[Subscription]:
        """Every subscription, oldest first."""
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM subscription ORDER BY no")  # noqa: S608  own names
        return [_subscription(row) for row in rows]

    def count(self, mark: str, now: str) -> int:
        """How many are in force at an instant (14 digits, UTC) whose subscriber's text contains `mark`."""
        query = "SELECT count(*) FROM subscription WHERE ends > ? AND instr(subscriber, ?)"
        found: int = self._connection.execute(query, (now, mark)).fetchone()[0]
        return found

    def any(self) -> bool:
        """Whether there is any subscription: where there is none, a submission costs one look."""
        return self._connection.execute("SELECT 1 FROM subscription_key LIMIT 1").fetchone() is not None

    def note(
        self,
        patients: Sequence[str],
        documents: Sequence[DocumentEntry],
        submission_set: SubmissionSet | None,
        now: str,
    ) -> int:
        """Queue a notification for every subscription that a submission matches; how many.

        In the transaction that registers it: there is no registered document whose notification is lost.

        Args:
            patients: all identities of the submission's patient.
            documents: its entries as registered.
            submission_set: the set as registered.
            now: 14 digits, UTC.
        """
        queued = [
            (no, json.dumps([item.entry_uuid for item in objects]), now)
            for no, objects in self.matched(patients, documents, submission_set, now)
        ]
        if queued:
            self._connection.executemany(
                "INSERT INTO notification (subscription, objects, queued) VALUES (?, ?, ?)", queued
            )
        return len(queued)

    def matched(
        self,
        patients: Sequence[str],
        documents: Sequence[DocumentEntry],
        submission_set: SubmissionSet | None,
        now: str,
    ) -> list[tuple[int, list[DocumentEntry | SubmissionSet]]]:
        """Numbers of the subscriptions that objects match, and which of them each one selects; as for `note`."""
        keys = json.dumps(keys_of_submission(patients, documents))
        offered = Offered(documents, submission_set)
        found = self._connection.execute(_CANDIDATES, (keys, now)).fetchall()
        return [(no, objects) for no, text in found if (objects := offered.matching(_wanted(text)))]

    def tell(self, number: int, objects: Sequence[str], content: str, producer: str, now: str) -> None:
        """Queue for one subscription what is not registered here."""
        queued = self._connection.execute(
            "INSERT INTO notification (subscription, objects, queued) VALUES (?, ?, ?)",
            (number, json.dumps(list(objects)), now),
        )
        self._connection.execute(
            "INSERT INTO notification_content (notification, producer, content) VALUES (?, ?, ?)",
            (queued.lastrowid, producer, content),
        )

    def consumers(self) -> list[str]:
        """Addresses for which something waits."""
        rows = self._connection.execute(
            "SELECT DISTINCT s.consumer FROM notification AS n JOIN subscription AS s ON s.no = n.subscription"
        )
        return [row[0] for row in rows]

    def next(self, consumer: str) -> Notification | None:
        """What an address gets next: the oldest that waits for it, whichever subscription it is of."""
        row = self._connection.execute(
            "SELECT n.no, n.objects, n.queued, coalesce(c.content, ''), coalesce(c.producer, ''),"  # noqa: S608
            f" {', '.join(f's.{name}' for name in _COLUMNS.split(', '))}"
            " FROM notification AS n JOIN subscription AS s ON s.no = n.subscription"
            " LEFT JOIN notification_content AS c ON c.notification = n.no"
            " WHERE s.consumer = ? ORDER BY n.no LIMIT 1",
            (consumer,),
        ).fetchone()
        if row is None:
            return None
        return Notification(
            no=row[0],
            objects=tuple(json.loads(row[1])),
            queued=row[2],
            content=row[3],
            producer=row[4],
            subscription=_subscription(row[5:]),
        )

    def done(self, number: int) -> None:
        """A notification has arrived, or will never be wanted."""
        self._connection.execute("DELETE FROM notification_content WHERE notification = ?", (number,))
        self._connection.execute("DELETE FROM notification WHERE no = ?", (number,))

    def waiting_by_subscription(self) -> dict[int, int]:
        """How many notifications wait, by the number of their subscription."""
        return dict(
            self._connection.execute("SELECT subscription, count(*) FROM notification GROUP BY subscription").fetchall()
        )

    def waiting(self) -> tuple[int, str]:
        """How many wait, and since when the oldest does; "" when none does."""
        count, oldest = self._connection.execute("SELECT count(*), min(queued) FROM notification").fetchone()
        return count, oldest or ""


def _subscription(row: Sequence[object]) -> Subscription:
    no, id_, topic, text, consumer, subscriber, created, ends, reach = row
    return Subscription(
        no=int(str(no)),
        id=str(id_),
        topic=Topic(str(topic)),
        filter=_filter(str(text)),
        consumer=str(consumer),
        subscriber=str(subscriber),
        created=str(created),
        ends=str(ends),
        reach=str(reach),
    )


@lru_cache(maxsize=16_384)
def _wanted(text: str) -> Wanted:
    return wanted(read_filter(_filter(text)))


def _filter(text: str) -> AdhocQuery:
    query_id, slots = json.loads(text)
    return AdhocQuery(
        query_id, LEAF_CLASS, None, tuple(Slot(name=name, values=tuple(values)) for name, *values in slots)
    )
