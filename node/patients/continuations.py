"""Answers that are given in parts: what is left of each, for a while, in memory (ITI-47)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from node.hl7v3.answer import Subject
from node.hl7v3.query import DemographicsQuery

MOST: Final = 200  # answers that are kept; a lost one is asked for again
KEPT: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The answer to a query and how much of it has been given, `page` at a time."""

    query: DemographicsQuery
    subjects: tuple[Subject, ...]
    given: int
    page: int
    until: datetime


class Continuations:
    """Pending answers by who asked (fingerprint of the certificate) and the query's id."""

    def __init__(self) -> None:
        self._pending: OrderedDict[tuple[str, str], Pending] = OrderedDict()

    def put(self, caller: str, pending: Pending) -> None:
        """Keep an answer; the oldest goes when there are too many."""
        key = (caller, pending.query.query_id.text)
        self._pending[key] = pending
        self._pending.move_to_end(key)
        while len(self._pending) > MOST:
            self._pending.popitem(last=False)

    def take(self, caller: str, query_id: str, now: datetime) -> Pending | None:
        """An answer, which is no longer kept; None when there is none, or no longer."""
        found = self._pending.pop((caller, query_id), None)
        return found if found and found.until > now else None
