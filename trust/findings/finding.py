"""What a rule found: one suspicion, with the reason in words, what it rests on, and how sure the rule is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MOST_ENTRIES: Final = 20  # of the log that a finding shows as its evidence; the search shows the others


class Rule(StrEnum):
    """What is looked for."""

    RELATION = "no-relation"
    NAME = "same-name"
    CROWD = "crowd"
    VOLUME = "volume"
    HOURS = "odd-hours"
    PLACES = "two-places"
    REFUSED = "refused"
    SLEEPER = "unused-account"
    GLASS = "break-glass"
    PURPOSE = "purpose"
    INSTITUTION = "institution"


# Of each rule: its version, which changes with its thresholds, and the thresholds as a sentence.
RULES: Final[Mapping[Rule, tuple[int, str]]] = {
    Rule.RELATION: (1, "documents opened, or the list seen on two days, and nothing on record ties person and patient"),
    Rule.NAME: (1, "the family name of the person or the name of a colleague, and no treatment relation"),
    Rule.CROWD: (1, "within 7 days 4 people of 3 units without a relation of their own looked at one patient"),
    Rule.VOLUME: (1, "12 patients in 15 minutes, or 25 in a day, and more than twice the person's own other days"),
    Rule.HOURS: (1, "2 accesses at hours at which the person does not work, of patients who did not just come"),
    Rule.PLACES: (1, "4 changes between two places within 15 minutes, one of them unusual for the person"),
    Rule.REFUSED: (1, "5 patients refused to one person within 3 days"),
    Rule.SLEEPER: (1, "an account that was not used for 30 days is used for 4 patients"),
    Rule.GLASS: (1, "an emergency access not justified after 3 days, or that a review found not justified"),
    Rule.PURPOSE: (1, "a purpose that no treatment has, or that the person does not otherwise give"),
    Rule.INSTITUTION: (1, "50 patients asked for in the name of treatment, and documents given of none"),
}

# What each finding says, by its code; the names in braces are its values. Pages translate these sentences.
SENTENCES: Final[Mapping[str, str]] = {
    "no-relation": "{who} looked at this patient (days: {days}, documents opened: {documents}) without a treatment "
    "relation on record: {evidence}.",
    "no-relation-many": "{who} looked at {patients} patients to whom nothing on record ties them (days: {days}).",
    "own-family": "{who} looked at a patient of the same family name without a treatment relation: {evidence}.",
    "colleague": "{who} looked at a patient who has the name of a colleague, {colleague}, without a treatment "
    "relation: {evidence}.",
    "crowd": "{who} and {others} others looked at this patient within {days} days without a relation of their own.",
    "volume-minutes": "{who} opened records of {patients} patients within 15 minutes; on other days at most {usual}.",
    "volume-day": "{who} opened records of {patients} patients in a day; on other days at most {usual}.",
    "odd-hours": "{who} looked at records around {hour}:00 UTC (patients: {patients}); on {active} other days never "
    "at such an hour.",
    "two-places": "{who} was at {place} and at {other} at the same time: {changes} changes within 15 minutes.",
    "refused": "{who} tried {patients} patients within 3 days and was refused.",
    "unused-account": "{who} was not seen for {days} days and then looked at {patients} patients.",
    "glass-open": "{who} broke the glass (patients: {patients}), and nobody has justified it for {days} days.",
    "glass-bad": "{who} broke the glass. The review found: {outcome}.",
    "glass-no-contact": "{who} broke the glass for somebody who was not here then (patients: {patients}), and nobody "
    "has justified it for {days} days.",
    "purpose-never": "{who} gave the purpose {purpose}, for which no documents are opened here.",
    "purpose-unusual": "{who} gave the purpose {purpose} without a treatment relation (patients: {patients}); "
    "otherwise they give {usual}.",
    "purpose-one": "{who} gave the purpose {purpose} and looked at this one patient on {days} days.",
    "institution": "{who} asked for {patients} patients in the name of treatment, and has given documents of none.",
}
# Why there is no relation; part of the sentences above.
EVIDENCE: Final[Mapping[str, str]] = {
    "never-here": "the patient was not here at that time",
    "elsewhere": "the patient was in another unit",
    "unstated": "the patient was here, but the patient feed does not say in which unit",
    "early": "the log does not say enough yet about this person or this patient",
    "together": "others of their unit looked too, but the patient feed does not say that the patient was there",
    "called": "others of their unit are called to other units, but this person wrote nothing",
}


class Severity(StrEnum):
    """How soon somebody should look at it."""

    HIGH = "high"
    MEDIUM = "medium"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One suspicion. Two of the same `rule`, `user`, `peer` and `about` are the same one, with more evidence.

    `entries` are numbers of records in the database, oldest first, at most `MOST_ENTRIES`; times are
    seconds since 1970.
    """

    rule: Rule
    sentence: str  # code of SENTENCES
    severity: Severity
    user: str
    name: str
    peer: str = ""
    about: str = ""  # the one patient it is about, "" for several
    patients: tuple[str, ...]
    first: int
    last: int
    entries: tuple[int, ...]
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """Version of the rule."""
        return RULES[self.rule][0]

    @property
    def key(self) -> str:
        """What makes it this finding and no other."""
        return "\n".join((self.rule, self.user, self.peer, self.about))
