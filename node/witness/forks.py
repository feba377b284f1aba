"""Communities whose audit log has forked, and what follows: care goes on with a warning, then a person decides.

For 24 hours after the proof came every exchange goes on and every record about it carries the warning; from then on
nothing is exchanged until an operator has decided (`xdsnode peer decide`), which is on record too (audit-ledger 2.10).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from trust.communities import Community
from trust.ledger import witness_store
from trust.ledger.witness import Grade

GRACE: Final = timedelta(hours=24)
CONTINUE: Final = "continue"
STOP: Final = "stop"


@dataclass(frozen=True, slots=True)
class Fork:
    """One community with a forked log: since when it is known, and what a person decided ("" for nothing yet)."""

    community: Community
    origin: str
    since: datetime
    decision: str

    @property
    def text(self) -> str:
        """What people and records are told."""
        return f"FORKED: {self.origin} has signed two histories, known since {self.since:%Y-%m-%d %H:%M} UTC"

    def closed(self, now: datetime) -> bool:
        """Whether nothing may be exchanged now."""
        if self.decision:
            return self.decision.partition(":")[0] == STOP
        return now - self.since >= GRACE


class Forks:
    """The forked communities, in memory; replaced as a whole after each change."""

    def __init__(self, directory: Callable[[], Sequence[Community]], reader: sqlite3.Connection) -> None:
        self._directory = directory
        self.by_home: Mapping[str, Fork] = {}
        self.reload(reader)

    def reload(self, reader: sqlite3.Connection) -> None:
        """Read the evidence again: after it came, after a decision, after a change of the communities."""
        found: dict[str, Fork] = {}
        for kept in witness_store.evidence(reader):
            owner = owner_of(kept.evidence.origin, self._directory())
            if kept.evidence.grade is Grade.E1 and owner is not None:
                since = datetime.fromisoformat(kept.time).astimezone(UTC)
                found.setdefault(owner.home, Fork(owner, kept.evidence.origin, since, kept.decision))
        self.by_home = found

    def warnings(self) -> Mapping[str, str]:
        """For each forked community what every record about it says."""
        return {home: fork.text for home, fork in self.by_home.items()}

    def barred(self, home: str, now: datetime) -> str:
        """Why nothing may be exchanged with this community, "" where nothing speaks against it."""
        fork = self.by_home.get(home)
        if fork is None or not fork.closed(now):
            return ""
        return f"is not asked or answered: {fork.text}; an operator decides with: xdsnode peer decide"


def owner_of(origin: str, communities: Sequence[Community]) -> Community | None:
    """The community whose log this is."""
    return next((one for one in communities if one.audit is not None and one.audit.key_of(origin) is not None), None)
