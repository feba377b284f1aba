"""One batch of the ledger while its transaction is open: records get their place, leaf and rows (audit-ledger 2.2)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from trust.audit.dicom import render
from trust.audit.event import Kind, NewRecord
from trust.audit.source import AuditSource
from trust.ledger import store
from trust.ledger.merkle import Frontier, Growth, leaf_hash
from trust.ledger.record import NOISE_BYTES, plain, seal, subject_key
from trust.ledger.store import Head, LeafRow, OpenRow, ReceiptRow, RecordRow, SubjectRow

_REMEMBERED: Final = 50_000
_WITH_MESSAGE: Final = frozenset(
    {Kind.RESPONSE_SENT, Kind.RESPONSE_RECEIVED, Kind.LOCAL, Kind.EXCHANGE_FAILED, Kind.SECURITY}
)
_OUTCOMES: Final = frozenset({Kind.RESPONSE_RECEIVED, Kind.EXCHANGE_FAILED})


class Subjects:
    """Keys and next numbers of the subjects of one shard: a bounded memory over the database."""

    def __init__(self, shard: int, master: bytes) -> None:
        self.shard = shard
        self.key = lru_cache(maxsize=_REMEMBERED)(lambda subject: subject_key(master, subject))
        self._next: dict[str, int] = {}

    def next(self, connection: sqlite3.Connection, subject: str) -> int:
        """The number of the next leaf about `subject`."""
        found = self._next.get(subject)
        return store.counter(connection, subject, self.shard) if found is None else found

    def committed(self, taken: dict[str, int]) -> None:
        """Remember what a batch has made durable."""
        if len(self._next) > _REMEMBERED:
            self._next.clear()
        self._next.update(taken)


class Batch:
    """The records of one transaction on their way into the ledger. What `add` refuses leaves no trace."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        head: Head,
        frontier: Frontier,
        subjects: Subjects,
        source: AuditSource,
        warnings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.before = head
        self.after = head
        self.frontier_before = frontier
        self.frontier_after = frontier
        self.taken: dict[str, int] = {}
        self._connection = connection
        self._subjects = subjects
        self._source = source
        self._warnings = warnings  # what every record about a peer must say, by its home
        self._rows: list[RecordRow] = []
        self._leaves: list[LeafRow] = []
        self._about: list[SubjectRow] = []
        self._receipts: list[ReceiptRow] = []
        self._begun: list[OpenRow] = []
        self._ended: list[tuple[str]] = []
        self._growth: Growth | None = None

    def __len__(self) -> int:
        return len(self._leaves)

    def add(self, records: Sequence[NewRecord]) -> list[bytes]:
        """Give each record its place at the end of the log; the entries, in their order.

        Raises:
            ValueError: a record of which no entry can be made; none of these records is added.
        """
        before, subjects = self.before, self._subjects
        taken: dict[str, int] = {}
        rows: list[RecordRow] = []
        leaves: list[LeafRow] = []
        about: list[SubjectRow] = []
        for index, new in enumerate(records, before.size + len(self._leaves)):
            seq = before.first_seq + index
            if new.peer in self._warnings:
                new = replace(new, note={**new.note, "warning": self._warnings[new.peer]})  # noqa: PLW2901
            subject = plain(new.subject)
            counter, key = (self._number(subject, taken), subjects.key(subject)) if subject else (0, b"")
            sealed = seal(
                new,
                index=index,
                counter=counter,
                subject_key=key,
                dicom=self._message(new),
                noise=os.urandom(NOISE_BYTES),
            )
            rows.append((seq, int(new.kind), new.time, sealed.salt, sealed.body))
            leaves.append((seq, sealed.entry))
            if subject:
                about.append((subject, before.shard, counter, seq))
        for new, (seq, _) in zip(records, leaves, strict=True):
            self._exchange(new, seq)
        self._rows += rows
        self._leaves += leaves
        self._about += about
        self.taken |= taken
        return [entry for _, entry in leaves]

    def _exchange(self, new: NewRecord, seq: int) -> None:
        """What a record says about an exchange beyond itself: a receipt, a beginning, an end."""
        if new.receipt:
            self._receipts.append((seq, plain(new.cid), new.receipt))
        if new.kind is Kind.REQUEST_SENT:
            self._begun.append((plain(new.cid), seq))
        elif new.kind in _OUTCOMES:
            self._ended.append((plain(new.cid),))

    def growth(self) -> Growth:
        """What this batch adds to the tree, for proofs of its entries; made when the first of them is asked for."""
        if self._growth is None:
            self._growth = Growth(self.frontier_before, (leaf_hash(entry) for _, entry in self._leaves))
        return self._growth

    def _number(self, subject: str, taken: dict[str, int]) -> int:
        number = taken.get(subject)
        if number is None:
            number = self.taken.get(subject)
        if number is None:
            number = self._subjects.next(self._connection, subject)
        taken[subject] = number + 1
        return number

    def _message(self, new: NewRecord) -> str:
        """Kinds 3 to 7 carry exactly one AuditMessage, the others none (interfaces: Audit entries)."""
        if new.kind not in _WITH_MESSAGE:
            return ""
        if new.event is None:
            raise ValueError(f"a record of kind {int(new.kind)} needs an event")
        return render(new.event, self._source)

    def write(self) -> bool:
        """Write rows and the moved head; False when the database did not stand where it was expected to."""
        frontier = self.frontier_before.copy()
        for _, entry in self._leaves:
            frontier.append(leaf_hash(entry))
        self.frontier_after = frontier
        self.after = replace(self.before, size=frontier.size, root=frontier.root(), frontier=frontier.to_bytes())
        store.insert_entries(self._connection, self._rows, self._leaves, self._about)
        if self._receipts:
            store.insert_receipts(self._connection, self._receipts)
        if self._begun or self._ended:
            store.move_open(self._connection, self._begun, self._ended)
        return store.move_head(self._connection, self.before, self.after)
