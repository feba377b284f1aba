"""What a decision about access is made of: a patient's consents, the jurisdiction's rules, the labels of one document.

Plain values: codes are (code, code system) pairs, institutions are OIDs or URLs as text. Nothing here knows of XDS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

Pair = tuple[str, str]  # code, code system; an empty system in a rule stands for any


class Effect(StrEnum):
    """What a provision does with the documents and callers that it speaks of."""

    PERMIT = "permit"
    DENY = "deny"


class Status(StrEnum):
    """Where a version of a consent stands in its life. Only an active one counts."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"  # another consent took its place
    SUSPENDED = "suspended"  # its document is in quarantine
    IGNORED = "ignored"  # a consent document that this node cannot follow; `why` says why


class Capacity(StrEnum):
    """In which capacity somebody has decided, which is also who can change it."""

    PATIENT = "patient"
    GUARDIAN = "guardian"
    PROFESSIONAL = "professional"
    COURT = "court"


class Default(StrEnum):
    """What holds where the patient has said nothing."""

    OPT_IN = "opt-in"
    OPT_OUT = "opt-out"
    OPT_OUT_EXCEPT_SENSITIVE = "opt-out-except-sensitive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """One sentence of a consent. Every part that is not empty must hold; an empty part speaks of all.

    Of the caller: purposes, roles, users, organisations, communities. Of the document: author institutions,
    confidentiality, categories, kinds (class, type, practice setting … codes), documents (uniqueIds).
    """

    effect: Effect
    purposes: frozenset[str] = frozenset()  # codes of ActReason
    roles: frozenset[Pair] = frozenset()
    users: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()  # OIDs or URLs
    communities: frozenset[str] = frozenset()  # OIDs
    author_institutions: frozenset[str] = frozenset()
    confidentiality: frozenset[str] = frozenset()  # U L M N R V
    categories: frozenset[str] = frozenset()  # of `categories.CATEGORIES`
    kinds: frozenset[Pair] = frozenset()
    documents: frozenset[str] = frozenset()
    breakable: bool = True  # whether an emergency may set a denial aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One version of what somebody decided about a patient's documents.

    `start` and `end` are UTC; None for the end: without one. A consent without a provision is an empty policy.
    """

    id: str
    version: int
    patient: str
    status: Status
    start: datetime
    end: datetime | None
    recorded: datetime
    recorded_by: str
    capacity: Capacity
    provisions: tuple[Provision, ...]
    source: str = "form"  # form, bppc or appc
    document: str = ""  # uniqueId of the document that it was read from
    policy: str = ""  # OID of the policy that a BPPC document acknowledges
    why: str = ""  # why it is ignored

    def in_force(self, now: datetime) -> bool:
        """Whether it counts at this instant."""
        return self.status is Status.ACTIVE and self.start <= now and (self.end is None or now < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLabels:
    """The few facts of one document that a policy may look at. `patient` is its own, as it is known now."""

    patient: str
    document: str  # uniqueId
    confidentiality: tuple[Pair, ...]
    kinds: tuple[Pair, ...] = ()  # class, type, practice setting, facility, event codes
    author_institutions: tuple[str, ...] = ()  # OIDs and names


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """When the glass may be broken. Without roles: never.

    `denials`: whether an emergency sets aside what a patient denied, or only the lack of a consent. `ceiling` is the
    highest confidentiality that it reaches. `limit`: with so many accesses of one person waiting for review, no more.
    """

    roles: frozenset[Pair] = frozenset()
    denials: bool = True
    ceiling: str = "R"
    limit: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Jurisdiction:
    """The law and the institution's rules, from the configuration.

    `purposes` are those that the default permits. `sensitive` are the categories that need a consent that names them;
    `codes` says which codes stand for which category. With `unknown_denies` what cannot be judged is denied.
    `own` are the names and OIDs under which this institution itself is an author, `roles` those that are known here:
    any other one may be another word for one of them.
    """

    default: Default
    purposes: frozenset[str]
    sensitive: frozenset[str]
    codes: dict[Pair, str]
    unknown_denies: bool = True
    emergency: Emergency = Emergency()
    own: frozenset[str] = frozenset()
    roles: frozenset[Pair] = frozenset()

    def categories(self, codes: Iterable[Pair]) -> frozenset[str]:
        """The sensitive categories that these codes stand for."""
        return frozenset(category for pair in codes if (category := self.codes.get(pair)))


CONFIDENTIALITY: Final = "2.16.840.1.113883.5.25"
LEVELS: Final = {code: rank for rank, code in enumerate("ULMNRV")}
