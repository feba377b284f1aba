"""What the master index holds: a record for each identifier, and what was decided of two records. Pure.

A record is what one source says of one patient under its own identifier. Records are one person where a merge or a link
joins them, directly or through others; nothing is ever copied between them, so that undoing either restores everything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from registry.patients.demographics import Demographics, Identifier
from registry.patients.matching import Match


class PairState(StrEnum):
    """What holds of two records."""

    LINKED = "linked"
    DISTINCT = "distinct"
    REVIEW = "review"


class Origin(StrEnum):
    """Who says so: the matching, anew after each change of either record; or a person or a feed, for good."""

    AUTOMATIC = "automatic"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record. `person.identifiers` are those beside its own; `changed` is 14 digits, UTC."""

    no: int
    identifier: Identifier
    person: Demographics
    changed: str
    subsumed_by: int | None = None

    @property
    def whole(self) -> Demographics:
        """The demographics with the record's own identifier among the others, as they are matched."""
        person = self.person
        others = tuple(item for item in person.identifiers if item != self.identifier)
        return replace(person, identifiers=(self.identifier, *others))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What was decided of two records, when (14 digits, UTC), and what the matching said then, in bits."""

    one: Identifier
    other: Identifier
    state: PairState
    origin: Origin
    weight: float
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What storing a record brought about: whether it is new, and the records it was linked to or resembles."""

    new: bool
    linked: tuple[Identifier, ...] = ()
    doubtful: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A record that resembles what was asked for, and how well."""

    record: Record
    match: Match
