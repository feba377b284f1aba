"""All rules over the log of some time: `evaluate`. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from trust.findings.finding import Finding, Rule
from trust.findings.habits import by_habit
from trust.findings.looking import by_crowd, by_name, by_relation, unexplained
from trust.findings.picture import DAY, Known, Picture
from trust.findings.reasons import by_glass, by_institution, by_purpose
from trust.findings.relation import Relations
from trust.search.activity import Activity

LOOKED_BACK = 90 * DAY
# What says more takes the place of what says less about the same person and patient.
_STRONGER = {Rule.RELATION: frozenset({Rule.NAME, Rule.CROWD})}


def evaluate(acts: Iterable[Activity], known: Known) -> list[Finding]:
    """What the rules find in these acts, most serious and newest first."""
    picture = Picture(acts, known)
    relations = Relations(picture)
    pairs = unexplained(picture, relations)
    found = [
        *by_relation(picture, relations, pairs),
        *by_name(picture, relations, pairs),
        *by_crowd(picture, relations, pairs),
        *by_habit(picture),
        *by_glass(picture),
        *by_purpose(picture, pairs),
        *by_institution(picture),
    ]
    said = {(one.rule, one.user, one.about) for one in found}
    kept = [
        one
        for one in found
        if not (one.about and any((rule, one.user, one.about) in said for rule in _STRONGER.get(one.rule, ())))
    ]
    return sorted(kept, key=lambda one: (one.severity, -one.last))
