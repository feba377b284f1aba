"""Each rule on a small log told act by act: what it finds, and the same thing with an innocent reason (ui 4.f)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from node.auditing.names import folded, of_person
from node.auditing.telling import TITLES, sentence, threshold
from trust.findings.evaluation import evaluate
from trust.findings.finding import RULES, SENTENCES, Finding, Rule
from trust.findings.picture import DAY, Known
from trust.search.activity import Act, Activity

HOUR = 3600
NOW = 1_800_000_000 // DAY * DAY
NAMES = {"n1": ("Keller", "Mia"), "d1": ("Roth", "Jan"), "n2": ("Vogt", "Lea"), "x": ("Sala", "Ivo")}


@dataclass
class Log:
    """Two wards at work for forty days: each of their people looks at each of their patients."""

    acts: list[Activity] = field(default_factory=list)
    patients: dict[str, tuple[str, str]] = field(default_factory=dict)
    reviews: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for day in range(42, 2, -2):
            for ward, staff in (("A", ("n1", "d1")), ("B", ("n2", "x"))):
                patient = f"{ward}{day}"
                self.came(patient, day, ward)
                for number, user in enumerate(staff):
                    self.look(user, patient, day, 9 + number)

    def add(self, act: Act, user: str, patient: str, day: float, hour: float, **more: object) -> None:
        when = int(NOW - day * DAY + hour * HOUR)
        one = Activity(
            len(self.acts) + 1, when, act, user, " ".join(reversed(NAMES.get(user, ("", user)))), "physician", patient, "TREAT",
            "", f"desk-{user}", 1, True, "",
        )  # fmt: skip
        self.acts.append(replace(one, **more))  # type: ignore[arg-type]

    def look(self, user: str, patient: str, day: float, hour: float = 10, **more: object) -> None:
        self.add(Act.OPENED, user, patient, day, hour, **more)

    def came(self, patient: str, day: float, unit: str) -> None:
        self.add(Act.CAME, "", patient, day, 8, place=unit)

    def findings(self) -> list[Finding]:
        def patient(one: str):
            return folded(*self.patients.get(one, ("", "")))

        return evaluate(self.acts, Known(now=NOW, patient=patient, person=of_person, reviews=self.reviews))

    def rules(self) -> set[Rule]:
        return {one.rule for one in self.findings()}


def ex(log: Log) -> None:
    log.look("n1", "old", 9)


def seen_twice(log: Log) -> None:
    log.look("n1", "old", 9, documents=0)
    log.acts[-1] = replace(log.acts[-1], act=Act.LISTED)
    log.look("n1", "old", 5, documents=0)
    log.acts[-1] = replace(log.acts[-1], act=Act.LISTED)


def seen_once(log: Log) -> None:
    log.add(Act.LISTED, "n1", "old", 9, 10, documents=0)


def another_ward(log: Log) -> None:
    log.look("n1", "B8", 7)


def wrote_about_it(log: Log) -> None:
    another_ward(log)
    log.add(Act.WROTE, "n1", "B8", 7, 15)


def asked_by_the_patient(log: Log) -> None:
    log.look("n1", "old", 9, purpose="PATRQT")


def just_now(log: Log) -> None:
    log.look("n1", "B4", 0.3, 0)


def relative(log: Log) -> None:
    log.patients["old"] = ("Kéller", "Anton")
    seen_once(log)


def relative_on_the_own_ward(log: Log) -> None:
    log.patients["A8"] = ("Keller", "Anton")
    log.look("n1", "A8", 8)


def colleague(log: Log) -> None:
    log.patients["old"] = NAMES["d1"]
    seen_once(log)


def crowd(log: Log) -> None:
    for number, ward in enumerate("CDEF"):
        for day in range(20, 12, -2):
            log.came(f"{ward}{day}", day, ward)
            log.look(f"c{ward}", f"{ward}{day}", day)
        log.look(f"c{ward}", "star", 6 - number)


def many_in_minutes(log: Log) -> None:
    for number in range(14):
        log.look("d1", f"m{number}", 6, 10 + number / 60)


def many_but_always(log: Log) -> None:
    for day in (30, 6):
        for number in range(14):
            log.came(f"m{day}{number}", day, "A")
            log.look("d1", f"m{day}{number}", day, 10 + number / 60)


def at_three(log: Log) -> None:
    log.look("d1", "A8", 6, 3)
    log.look("d1", "A10", 6, 3.1)


def at_three_for_an_arrival(log: Log) -> None:
    log.add(Act.CAME, "", "A8", 6, 2, place="A")
    log.add(Act.CAME, "", "A10", 6, 2, place="A")
    at_three(log)


def two_places(log: Log) -> None:
    for number in range(6):
        log.look("d1", "A8", 7, 10 + number / 30, place="elsewhere" if number % 2 else "desk-d1")


def moved_once(log: Log) -> None:
    for number in range(6):
        log.look("d1", "A8", 7, 10 + number / 30, place="elsewhere" if number > 2 else "desk-d1")


def knocking(log: Log) -> None:
    for number in range(6):
        log.look("d1", f"k{number}", 6, 10 + number, good=False)


def refused_once(log: Log) -> None:
    log.look("d1", "A8", 7, good=False)


def sleeper(log: Log) -> None:
    for day in (40, 4):
        for number in range(4):
            log.came(f"s{day}{number}", day, "A")
            log.look("gone", f"s{day}{number}", day, 9 + number)


def glass(log: Log) -> None:
    log.add(Act.BROKE, "d1", "A8", 8, 10, said="unconscious")


def glass_justified(log: Log) -> None:
    glass(log)
    log.reviews["d1", "A8"] = "justified: confirmed"


def glass_not_justified(log: Log) -> None:
    glass(log)
    log.reviews["d1", "A8"] = "not-justified"


def glass_of_today(log: Log) -> None:
    log.add(Act.BROKE, "d1", "A4", 1, 10, said="unconscious")


def marketing(log: Log) -> None:
    log.look("d1", "A8", 7, purpose="HMARKT")


def clerk(log: Log) -> None:
    for day in range(30, 4, -2):
        log.look("clerk", f"A{day}", day, purpose="HPAYMT")
    log.look("clerk", "old", 5)


def study(log: Log) -> None:
    for day in range(30, 4, -2):
        log.look("study", f"A{day}", day, purpose="HRESCH")
    for day in range(10, 5, -1):
        log.look("study", "old", day, purpose="HRESCH")


def insurer(log: Log) -> None:
    for number in range(60):
        log.look("agent", f"i{number}", 20 - number / 10, peer="urn:oid:2.999.9")


def insurer_that_gives(log: Log) -> None:
    insurer(log)
    log.add(Act.GAVE, "", "i3", 9, 10, peer="urn:oid:2.999.9")


def pharmacies(log: Log) -> None:
    insurer(log)
    log.acts = [replace(one, role="46255001") if one.user == "agent" else one for one in log.acts]


CASES: list[tuple[Callable[[Log], None], set[Rule]]] = [
    (lambda _: None, set()),
    (ex, {Rule.RELATION}), (seen_twice, {Rule.RELATION}), (seen_once, set()), (another_ward, {Rule.RELATION}),
    (wrote_about_it, set()), (asked_by_the_patient, set()), (just_now, set()),
    (relative, {Rule.NAME}), (relative_on_the_own_ward, set()), (colleague, {Rule.NAME}),
    (crowd, {Rule.CROWD}),
    (many_in_minutes, {Rule.VOLUME, Rule.RELATION}), (many_but_always, set()),
    (at_three, {Rule.HOURS}), (at_three_for_an_arrival, set()),
    (two_places, {Rule.PLACES}), (moved_once, set()),
    (knocking, {Rule.REFUSED}), (refused_once, set()),
    (sleeper, {Rule.SLEEPER}),
    (glass, {Rule.GLASS}), (glass_justified, set()), (glass_not_justified, {Rule.GLASS}), (glass_of_today, set()),
    (marketing, {Rule.PURPOSE}), (clerk, {Rule.PURPOSE, Rule.RELATION}), (study, {Rule.PURPOSE}),
    (insurer, {Rule.INSTITUTION}), (insurer_that_gives, set()), (pharmacies, set()),
]  # fmt: skip


@pytest.mark.parametrize(("story", "expected"), CASES, ids=[getattr(one, "__name__", "?") for one, _ in CASES])
def test_what_is_found_and_what_is_not(story: Callable[[Log], None], expected: set[Rule]) -> None:
    log = Log()
    story(log)
    volume = {Rule.VOLUME} if story is insurer or story is insurer_that_gives or story is pharmacies else set()
    assert log.rules() - volume == expected


def test_every_rule_has_a_case() -> None:
    assert set().union(*(expected for _, expected in CASES)) == set(Rule) == set(RULES) == set(TITLES)


@pytest.mark.parametrize("story", [one for one, expected in CASES if expected], ids=lambda one: one.__name__)
def test_a_finding_says_why_in_a_sentence_and_rests_on_entries(story: Callable[[Log], None]) -> None:
    log = Log()
    story(log)
    for one in log.findings():
        said = sentence(one, str, {"urn:oid:2.999.9": "Care Plus"})
        assert said.endswith(".")
        assert not {"{", "}"} & set(said)
        assert "<" not in said
        assert threshold(one.rule, str)
        assert one.sentence in SENTENCES
        entries = {act.seq: act for act in log.acts if act.seq in one.entries}
        assert len(entries) == len(one.entries) > 0
        assert {act.user for act in entries.values()} <= {one.user, "agent"}
        assert {act.patient for act in entries.values()} <= set(one.patients)
        assert one.first <= one.last


def test_without_a_feed_nothing_is_said_about_relations() -> None:
    log = Log()
    log.acts = [one for one in log.acts if one.act is not Act.CAME]
    ex(log)
    assert log.rules() == set()


@pytest.mark.parametrize(
    ("written", "family", "given"),
    [
        ("Dr. Jane Doe", "Doe", "Jane"), ("Doe, Jane", "Doe", "Jane"), ("M. Keller", "Keller", ""),
        ("Prof. Dr. med. Jörg Müller", "Mueller", "Joerg"), ("李伟", "Li", "Wei"), ("Pieter de Vries", "de Vries", "Pieter"),
        ("", "", ""), ("Madonna", "Madonna", ""),
    ],
)  # fmt: skip
def test_names_of_users(written: str, family: str, given: str) -> None:
    assert of_person(written) == folded(family, given)
