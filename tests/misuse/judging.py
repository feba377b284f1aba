"""How well the rules do on a log whose misuse is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from node.auditing.names import folded, of_person
from tests.misuse.house import House, ordered
from tests.misuse.stories import Story
from trust.findings.finding import Finding
from trust.findings.picture import Known, Name
from trust.ledger.record import _fields
from trust.search.activity import Activity, activity

_CROWD = 2 / 3


@dataclass
class Score:
    """What came out."""

    found: list[Story] = field(default_factory=list)
    missed: list[Story] = field(default_factory=list)
    wrong: dict[str, list[Finding]] = field(default_factory=dict)  # patient -> findings that no story explains
    patients: int = 0

    @property
    def share(self) -> float:
        return len(self.wrong) / self.patients

    def rules(self) -> Counter[str]:
        return Counter(str(one.rule) for each in self.wrong.values() for one in each)


def acts_of(house: House) -> list[Activity]:
    """The acts in the records of a house, without a ledger under them."""
    found = []
    for seq, new in enumerate(ordered(house), 1):
        record = orjson.loads(orjson.dumps(_fields(new, seq, 0, "")))
        one = activity(seq, record)
        if one is not None:
            found.append(one)
    return found


def known_of(house: House) -> Known:
    """What the node knows beside the log."""
    names = {f"2.999.1|{one.number}": folded(one.family, one.given) for one in house.patients}
    return Known(
        now=int(max(when for when, _ in house.records)) + 4 * 86_400,
        patient=lambda patient: names.get(patient, Name()),
        person=of_person,
        reviews=dict.fromkeys(house.reviewed, "justified"),
    )


def judge(stories: Sequence[Story], findings: Iterable[Finding], patients: int) -> Score:
    """A story is found when its people are named together with its patients; a patient is flagged wrongly when a
    finding names them that no story is about."""
    score, findings = Score(patients=patients), list(findings)
    for story in stories:
        fitting = [one for one in findings if _fits(story, one)]
        named = {one.user for one in fitting} & story.users
        enough = len(named) >= _CROWD * len(story.users) if story.users else bool(fitting)
        (score.found if enough else score.missed).append(story)
    for one in findings:
        if not any(_fits(story, one) for story in stories):
            for patient in one.patients:
                score.wrong.setdefault(patient, []).append(one)
    return score


def _fits(story: Story, one: Finding) -> bool:
    who = one.user in story.users or (bool(story.home) and one.peer == story.home)
    return who and bool(story.patients & set(one.patients))
