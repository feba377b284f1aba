"""Forty stories of misuse, planted into an ordinary log: what ui 4.f, peers (3, 44 to 46) and privacy officers tell of.

They are told as people do such things, with no look at any rule: how often, when and how much is drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.misuse.entries import Person, broke, came, exchange
from tests.misuse.house import (
    CLERK,
    CLINICS,
    DAY,
    HOUR,
    NURSE,
    PHYSICIAN,
    START,
    WARDS,
    House,
    Patient,
    Worker,
    with_address,
)
from trust.audit.event import NewRecord, Outcome


@dataclass(frozen=True)
class Story:
    """What was planted: found when every one of `users` (or of the institution `home`) is named for these patients.

    Of a crowd two thirds are enough: the finding then names the patient.
    """

    kind: str
    users: frozenset[str]
    patients: frozenset[str]
    home: str = ""


def subject(patient: Patient) -> str:
    return f"2.999.1|{patient.number}"


class Planting:
    """Plants stories into a house that has done its ordinary work."""

    def __init__(self, house: House) -> None:
        self.house, self.rng = house, house.random
        self.stories: list[Story] = []
        self._used: set[str] = set()

    def plant(self) -> list[Story]:
        for kind, count in TIMES.items():
            for number in range(count):
                self.stories.append(_KINDS[kind](self, number))
        return self.stories

    # ------------------------------------------------------------ whom

    def worker(self, *, roles: Sequence[object] = (NURSE, PHYSICIAN), units: Sequence[str] = WARDS) -> Worker:
        """Somebody who is in no other story, as long as the house is large enough for that."""
        found = [one for one in self.house.workers if one.unit in units and one.person.role in roles]
        chosen = self.rng.choice([one for one in found if one.person.user not in self._used] or found)
        self._used.add(chosen.person.user)
        return chosen

    def stranger(self) -> Patient:
        """Some patient of the house, at whatever time."""
        return self.rng.choice(self.house.patients)

    def someone_new(self, family: str = "", given: str = "") -> Patient:
        """A person who was here long ago: known, with documents, without any contact now."""
        names = self.house.name()
        patient = Patient(f"{900000 + len(self.house.patients)}", family or names[0], given or names[1])
        self.house.patients.append(patient)
        self.house.document(patient)
        return patient

    def inpatient(self, *, not_in: str) -> tuple[Patient, str, float, float]:
        """Somebody who lies for some days on a ward other than this one."""
        end = START + self.house.days * DAY
        stays = [
            one for one in self.house.stays
            if one[1] != not_in and one[3] - one[2] >= 2 * DAY and one[2] > START + self.house.days * DAY / 3 and one[3] < end
        ]  # fmt: skip
        return self.rng.choice(stays)

    def moment(self, *, first: float = 0.35, last: float = 0.97, worker: Worker | None = None) -> float:
        """A moment of the later part of the time, on duty of the worker where one is given."""
        for _ in range(400):
            when = START + self.house.days * DAY * self.rng.uniform(first, last)
            if worker is None or worker in self.house.on_duty(when, worker.unit, worker.person.role):
                return when
        return when

    def told(self, kind: str, workers: Sequence[Worker], patients: Sequence[Patient], home: str = "") -> Story:
        users = frozenset(one.person.user for one in workers)
        return Story(kind, users, frozenset(map(subject, patients)), home)


def ex_partner(plot: Planting, number: int) -> Story:
    """Looks at the record of somebody they once lived with, again and again."""
    worker = plot.worker()
    patient = plot.someone_new() if number % 2 else plot.stranger()
    for _ in range(plot.rng.randint(3, 8)):
        when = plot.moment(worker=worker)
        (plot.house.opens if plot.rng.random() < 0.6 else plot.house.lists)(when, worker, patient)
    plot.house.opens(plot.moment(worker=worker), worker, patient)
    return plot.told("ex-partner", [worker], [patient])


def relative(plot: Planting, number: int) -> Story:
    """A brother, a mother, a child after a divorce: the family name is the same."""
    worker = plot.worker(units=(*WARDS, *CLINICS), roles=(NURSE, PHYSICIAN, CLERK))
    family = worker.family.replace("ü", "ue") if number == 1 else worker.family
    patient = plot.someone_new(family=family)
    for _ in range(1 + number % 3):
        (plot.house.lists if number == 3 else plot.house.opens)(plot.moment(worker=worker), worker, patient)
    return plot.told("relative", [worker], [patient])


def neighbour(plot: Planting, number: int) -> Story:
    """One evening's curiosity: once, and several documents."""
    worker = plot.worker()
    patient = plot.someone_new() if number else plot.stranger()
    when = plot.moment(worker=worker)
    plot.house.opens(when, worker, patient)
    plot.house.opens(when + 300, worker, patient)
    return plot.told("neighbour", [worker], [patient])


def celebrity(plot: Planting, number: int) -> Story:
    """Everybody wants to know what the singer has."""
    _, unit, begin, end = plot.inpatient(not_in="")
    patient = plot.someone_new(given="Star")
    plot.house.add(begin, came(begin, patient.number, unit))
    for role in (NURSE, PHYSICIAN):
        for one in plot.house.on_duty(begin + HOUR, unit, role)[:2]:
            plot.house.opens(begin + HOUR, one, patient)
    curious = [plot.worker(units=[one for one in WARDS if one != unit]) for _ in range(plot.rng.randint(5, 9))]
    for one in curious:
        plot.house.opens(begin + plot.rng.uniform(0.1, 0.9) * min(end - begin, 3 * DAY), one, patient)
    return plot.told("celebrity", curious, [patient])


def colleague(plot: Planting, number: int) -> Story:
    """A nurse is ill on another ward; a colleague of her own looks what it is."""
    ill = plot.rng.choice([one for one in plot.house.workers if one.unit in WARDS])
    worker = plot.worker(units=[ill.unit])
    _, unit, begin, end = plot.inpatient(not_in=ill.unit)
    patient = plot.someone_new(family=ill.family, given=ill.person.name.removeprefix("Dr. ").split(" ")[0])
    plot.house.add(begin, came(begin, patient.number, unit))
    plot.house.opens(begin + plot.rng.uniform(0.2, 0.8) * (end - begin), worker, patient)
    return plot.told("colleague", [worker], [patient])


def bulk(plot: Planting, number: int) -> Story:
    """A whole screen of patients in some minutes: data leave the house."""
    worker = plot.worker(units=(*WARDS, "ED"))
    when = plot.moment(worker=worker)
    patients = plot.rng.sample(plot.house.patients, plot.rng.randint(28, 60))
    for patient in patients:
        when += plot.rng.uniform(8, 30)
        (plot.house.lists if number == 2 else plot.house.opens)(when, worker, patient)
    return plot.told("bulk", [worker], patients)


def harvest(plot: Planting, number: int) -> Story:
    """A few a day beside the work, for weeks: identities are worth money."""
    worker = plot.worker(units=(*WARDS, *CLINICS), roles=(NURSE, PHYSICIAN, CLERK))
    patients = plot.rng.sample(plot.house.patients, plot.rng.randint(25, 60))
    for patient in patients:
        plot.house.opens(plot.moment(worker=worker), worker, patient)
    return plot.told("harvest", [worker], patients)


def at_night(plot: Planting, number: int) -> Story:
    """A day worker's password at three in the morning, on patients that are even theirs."""
    worker = plot.worker(units=CLINICS, roles=(PHYSICIAN, CLERK))
    own = sorted({record.subject for _, record in plot.house.records if _took_part(worker, record)})
    patients = []
    for _ in range(plot.rng.randint(2, 3)):
        day = START + int(plot.moment() - START) // int(DAY) * DAY
        for count in range(plot.rng.randint(2, 5)):
            chosen = plot.rng.choice(own).partition("|")[2]
            patient = next(one for one in plot.house.patients if one.number == chosen)
            plot.house.opens(day + plot.rng.uniform(1, 4) * HOUR + count * 200, worker, patient)
            patients.append(patient)
    return plot.told("at-night", [worker], patients)


def glass(plot: Planting, number: int) -> Story:
    """An emergency that nobody can explain: the patient was not even here, or it happens again and again."""
    worker = plot.worker(units=(*WARDS, "ED"), roles=(PHYSICIAN,))
    patients = [plot.someone_new() if number != 2 else plot.stranger() for _ in range(4 if number == 3 else 1)]
    for patient in patients:
        when = plot.moment(last=0.9, worker=worker)
        plot.house.add(when, broke(when, patient.number, worker.person, "urgent question of a colleague"))
        plot.house.opens(when + 5, worker, patient, purpose="ETREAT")
    return plot.told("glass", [worker], patients)


def purpose(plot: Planting, number: int) -> Story:
    """Says payment, research or treatment and means something else."""
    unit, said = (("BILLING", "TREAT"), ("RESEARCH", "HRESCH"), ("ORTHO", "HMARKT"))[number % 3]
    worker = plot.worker(units=[unit], roles=(CLERK, PHYSICIAN))
    patients = [plot.someone_new() for _ in range(1 if number % 3 == 1 else plot.rng.randint(3, 6))]
    for patient in patients:
        for _ in range(6 if number % 3 == 1 else 1):
            plot.house.opens(plot.moment(worker=worker), worker, patient, purpose=said)
    return plot.told("purpose", [worker], patients)


def insurer(plot: Planting, number: int) -> Story:
    """An institution says treatment for very many and treats nobody (peers 46)."""
    home = f"urn:oid:2.999.{90 + number}"
    patients = plot.rng.sample(plot.house.patients, plot.rng.randint(110, 190))
    for patient in patients:
        when = plot.moment(first=0.4)
        user = f"<agent{plot.rng.randrange(3)}@idp.{90 + number}.example>"
        who = Person(user, "Agent of Care Plus", PHYSICIAN, f"gateway {90 + number}", "198.51.100.9", home)
        plot.house.add(
            when, exchange(when, "ITI-38", patient.number, None if number else who, home=home, system="careplus")
        )
    return plot.told("insurer", [], patients, home)


def borrowed(plot: Planting, number: int) -> Story:
    """One account, two people: on the ward and from outside at the same time."""
    worker = plot.worker(units=WARDS)
    outside = with_address(worker, f"203.0.113.{10 + number}")
    lying = [one for one in plot.house.stays if one[1] == worker.unit]
    patients = []
    for _ in range(2):
        when = plot.moment(worker=worker)
        here = [one[0] for one in lying if one[2] <= when <= one[3]] or [plot.stranger()]
        for turn in range(plot.rng.randint(4, 7)):
            patients.append(plot.rng.choice(here))
            plot.house.opens(when + turn * 150, outside if turn % 2 else worker, patients[-1])
    return plot.told("borrowed", [worker], patients)


def knocking(plot: Planting, number: int) -> Story:
    """Tries one patient after the other and is refused."""
    worker = plot.worker()
    patients = plot.rng.sample(plot.house.patients, plot.rng.randint(8, 14))
    when = plot.moment(worker=worker)
    for patient in patients:
        when += plot.rng.uniform(30, 200) if number else plot.rng.uniform(1, 5) * HOUR
        plot.house.add(when, exchange(when, "ITI-43", patient.number, worker.person, outcome=Outcome.SERIOUS))
    return plot.told("knocking", [worker], patients)


def sleeper(plot: Planting, number: int) -> Story:
    """Somebody left long ago; the account works again."""
    gone = plot.house.hire("CARD", PHYSICIAN, (8, 17), tasks="gone")
    early = [one for one in plot.house.stays if one[1] == "CARD"][:6]
    for patient, _, begin, _ in early:
        plot.house.opens(max(begin, START) + HOUR * plot.rng.uniform(1, 3), gone, patient)
    when = START + plot.house.days * DAY * plot.rng.uniform(0.85, 0.95)
    lying = [one[0] for one in plot.house.stays if one[1] == "CARD" and one[2] <= when <= one[3]]
    for count, patient in enumerate(lying[:8]):
        plot.house.opens(when + count * 400, gone, patient)
    return plot.told("sleeper", [gone], lying[:8])


def _took_part(worker: Worker, record: NewRecord) -> bool:
    return record.event is not None and record.event.participants[-1].user_id == worker.person.user


_KINDS: Final[dict[str, Callable[[Planting, int], Story]]] = {
    "ex-partner": ex_partner, "relative": relative, "neighbour": neighbour, "celebrity": celebrity,
    "colleague": colleague, "bulk": bulk, "harvest": harvest, "at-night": at_night, "glass": glass, "purpose": purpose,
    "insurer": insurer, "borrowed": borrowed, "knocking": knocking, "sleeper": sleeper,
}  # fmt: skip
TIMES: Final[dict[str, int]] = {
    "ex-partner": 4, "relative": 4, "neighbour": 3, "celebrity": 3, "colleague": 3, "bulk": 3, "harvest": 3,
    "at-night": 3, "glass": 4, "purpose": 3, "insurer": 2, "borrowed": 2, "knocking": 2, "sleeper": 1,
}  # fmt: skip
