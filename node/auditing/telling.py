"""A finding in words: what happened, why somebody should look, what the rule's threshold is. Pure.

`words` gives a text in the reader's language; the texts here are English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from trust.consent.words import word_of_purpose
from trust.findings.finding import EVIDENCE, RULES, SENTENCES, Finding, Rule

Words = Callable[[str], str]

TITLES: Final[Mapping[Rule, str]] = {
    Rule.RELATION: "No treatment relation",
    Rule.NAME: "Family or colleague",
    Rule.CROWD: "Many curious about one patient",
    Rule.VOLUME: "Very many patients",
    Rule.HOURS: "Unusual hours",
    Rule.PLACES: "Two places at once",
    Rule.REFUSED: "Refused again and again",
    Rule.SLEEPER: "Account that was not used for long",
    Rule.GLASS: "Emergency access not explained",
    Rule.PURPOSE: "Purpose that does not fit",
    Rule.INSTITUTION: "Institution that gives nothing",
}
STATES: Final[Mapping[str, str]] = {
    "open": "open",
    "explained": "explained",
    "misuse": "misuse",
    "false-alarm": "false alarm",
}
SEVERITIES: Final[Mapping[str, str]] = {"high": "high", "medium": "medium"}


def who(one: Finding, institutions: Mapping[str, str]) -> str:
    """Whom a finding is about, for people."""
    if not one.user:
        return institutions.get(one.peer, one.peer)
    place = f" ({institutions.get(one.peer, one.peer)})" if one.peer else ""
    return f"{one.name or one.user}{place}"


def sentence(one: Finding, words: Words, institutions: Mapping[str, str]) -> str:
    """Why somebody should look at this."""
    values = dict(one.values)
    if "evidence" in values:
        values["evidence"] = words(EVIDENCE[values["evidence"]])
    for name in ("purpose", "usual"):
        if name in values and not values[name].isdecimal():
            values[name] = words(word_of_purpose(values[name]) or "not stated")
    return words(SENTENCES[one.sentence]).format(who=who(one, institutions), **values)


def threshold(rule: Rule, words: Words) -> str:
    """What the rule looks for."""
    return words(RULES[rule][1])


def title(rule: Rule, words: Words) -> str:
    """The name of a rule for people."""
    return words(TITLES[rule])


def instant(seconds: int) -> str:
    """A time as records write it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:23] + "Z"
