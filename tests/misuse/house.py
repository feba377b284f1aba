"""A hospital of 14 units at work for some weeks: who is on duty, who is a patient, and who looks at whom, and why.

Written from how hospitals work and from what peers (3, E, G, H) and ui (2.1, 4.a, 4.e, 4.f) say of it, before any rule
was tuned. It is untidy on purpose: feeds come late or not at all, doctors are asked for advice and write nothing, nurses
help out on other wards, records of namesakes are opened by mistake, reviews of emergencies are forgotten.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tests.misuse.entries import Person, broke, came, exchange, received
from trust.audit.event import Coded, NewRecord, Outcome

START = datetime(2026, 9, 1, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86400.0
_SNOMED = "2.16.840.1.113883.6.96"
PHYSICIAN = Coded("309343006", _SNOMED, "Physician")
NURSE = Coded("224535009", _SNOMED, "Registered nurse")
PHARMACIST = Coded("46255001", _SNOMED, "Pharmacist")
THERAPIST = Coded("36682004", _SNOMED, "Physiotherapist")
CLERK = Coded("224608005", _SNOMED, "Administrative healthcare staff")
WARDS = ("MED-A", "MED-B", "SURG", "ORTHO", "CARD", "PAED", "OBST", "NEURO", "ONCO", "PSYCH", "ICU")
CLINICS = ("OPD-CARD", "OPD-ORTHO", "OPD-ENDO", "OPD-EYE")
_CALLED = ("CARD", "NEURO", "PSYCH", "SURG", "ICU")  # who is asked for advice
LAKESIDE, HARBOUR, VOGT, PHARMACY = (f"urn:oid:2.999.{n}" for n in (20, 21, 22, 23))
GIVING = (LAKESIDE, HARBOUR, VOGT)
_FAMILIES = (
    (
        "Li Wang Zhang Chen Müller Schmidt Meier Keller Weber Huber Fischer Rossi Bianchi Novak Kowalski Nguyen Kim Silva "
        "Garcia Martin Bernard Dubois Andersson Hansen Jansen de_Vries Yilmaz Demir Popescu Horvat Petrov Ivanova O'Brien "
        "Murphy Smith Jones Brown Okafor Mensah Haddad Cohen Singh Patel Sharma Tanaka Sato Lindqvist Virtanen Sala Roth"
    )
    .replace("_", "\u00a0")
    .split(" ")
)
_RARE = ["".join(a + b) for a in ("Ander", "Bau", "Cor", "Dreh", "Eich", "Fal", "Grim", "Hag", "Ims", "Jau", "Kess", "Lau")
         for b in ("egger", "mann", "bach", "stein", "hofer", "etti", "inger", "wyl", "ova", "ias", "quist", "berg")]  # fmt: skip
_GIVEN = [
    "Anna",
    "Jan",
    "Wei",
    "Maria",
    "Peter",
    "Lena",
    "Paul",
    "Sofia",
    "Marco",
    "Eva",
    "Jonas",
    "Lea",
    "Tom",
    "Nina",
    "David",
    "Ines",
    "Felix",
    "Clara",
    "Hans",
    "Ruth",
    "Ali",
    "Mei",
    "Olga",
    "Ivan",
    "Rosa",
    "Luis",
    "Emma",
    "Noah",
    "Mia",
    "Liam",
    "Zoe",
    "Max",
    "Ida",
    "Kurt",
    "Vera",
    "Otto",
]


@dataclass
class Patient:
    number: str
    family: str
    given: str


@dataclass
class Worker:
    person: Person
    family: str
    unit: str
    hours: tuple[int, int]  # ordinary beginning and end
    rota: int = 0  # 0: weekdays; else one of the shifts, in turn
    tasks: str = "ward"


@dataclass
class House:
    """Everybody, and everything that happens; `records` are (time, record)."""

    seed: int
    days: int
    size: float = 1.0  # of the house; 1 is a hospital of about 400 who use the exchange
    patients: list[Patient] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    reviewed: set[tuple[str, str]] = field(default_factory=set)  # (user, patient) of emergencies that were looked at
    records: list[tuple[float, NewRecord]] = field(default_factory=list)
    stays: list[tuple[Patient, str, float, float]] = field(default_factory=list)  # who, unit, first, last

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._documents = 0
        self._holdings: dict[str, list[str]] = {}
        self._units: dict[tuple[str, Coded | None], list[Worker]] = {}
        self._hire()
        self._admit()

    # ------------------------------------------------------------ people

    def name(self) -> tuple[str, str]:
        rng = self.random
        family = rng.choice(_RARE) if rng.random() < 0.45 else rng.choice(_FAMILIES[: rng.choice((8, 50))])
        return family, rng.choice(_GIVEN)

    def hire(self, unit: str, role: Coded, hours: tuple[int, int], *, rota: int = 0, tasks: str = "ward") -> Worker:
        family, given = self.name()
        number = len(self.workers) + 1
        title = "Dr. " if role is PHYSICIAN else ""
        net = 10 + sum(map(ord, unit)) % 200
        person = Person(
            user=f"<{given[0].lower()}{number:03d}@idp.riverside.example>", name=f"{title}{given} {family}", role=role,
            address=f"10.2.{net}.{10 + number % 40}",
        )  # fmt: skip
        worker = Worker(person, family, unit, hours, rota, tasks)
        self.workers.append(worker)
        return worker

    def _hire(self) -> None:  # noqa: C901  one group after the other
        def some(count: float) -> range:
            return range(max(2, round(count * self.size)))

        for unit in (*WARDS, "ED"):
            for number in some(8):
                self.hire(unit, PHYSICIAN, (7, 17), rota=1 + number % 5)
            for number in some(16):
                self.hire(unit, NURSE, (7, 15), rota=1 + number % 4)
        for unit in CLINICS:
            for _ in some(4):
                self.hire(unit, PHYSICIAN, (8, 17), tasks="clinic")
            for _ in some(2):
                self.hire(unit, CLERK, (8, 17), tasks="clinic")
        for unit, role, count in (("RAD", PHYSICIAN, 8), ("PHARM", PHARMACIST, 5), ("PHYSIO", THERAPIST, 8)):
            for _ in some(count):
                self.hire(unit, role, (8, 17), tasks="house")
        for unit, count in (("BILLING", 8), ("RECORDS", 3), ("RESEARCH", 3), ("QUALITY", 1)):
            for _ in some(count):
                self.hire(unit, CLERK if unit != "RESEARCH" else PHYSICIAN, (8, 17), tasks=unit.lower())

    def of(self, unit: str, role: Coded | None = None) -> list[Worker]:
        if (unit, role) not in self._units:
            found = [one for one in self.workers if one.unit == unit and role in (None, one.person.role)]
            self._units[unit, role] = found
        return self._units[unit, role]

    def on_duty(self, when: float, unit: str, role: Coded) -> list[Worker]:
        """Who of a unit works then: wards in shifts, everybody else on weekdays."""
        day, hour = int((when - START) // DAY), (when - START) % DAY / HOUR
        found = []
        for number, one in enumerate(self.of(unit, role)):
            if one.rota:
                shift = (day // 3 + number + one.rota) % 4  # 0 day, 1 late, 2 night, 3 free
                begin = (7, 14, 21)[shift] if shift < 3 else None
                if begin is not None and ((hour - begin) % 24) < 8.5:
                    found.append(one)
            elif day % 7 not in (4, 5) and one.hours[0] <= hour < one.hours[1]:
                found.append(one)
        return found

    def _admit(self) -> None:
        for number in range(round(9500 * self.size * self.days / 60)):
            self.patients.append(Patient(f"{100000 + number * 7}", *self.name()))

    # ------------------------------------------------------------ acts

    def add(self, when: float, record: NewRecord) -> None:
        if START <= when < START + self.days * DAY:
            self.records.append((when, record))

    def document(self, patient: Patient) -> str:
        self._documents += 1
        name = f"2.25.{self._documents}"
        self._holdings.setdefault(patient.number, []).append(name)
        return name

    def lists(self, when: float, worker: Worker, patient: Patient, **more: str) -> None:
        self.add(when, exchange(when, "ITI-18", patient.number, worker.person, **more))

    def opens(self, when: float, worker: Worker, patient: Patient, **more: str) -> None:
        """See the list, then open one or two of what there is."""
        self.lists(when, worker, patient, **more)
        held = self._holdings.get(patient.number) or [self.document(patient)]
        for number in range(self.random.choice((1, 1, 2))):
            at = when + 20 + 40 * number + self.random.random() * 30
            self.add(at, exchange(at, "ITI-43", patient.number, worker.person, documents=(held[-1 - number % len(held)],), **more))  # fmt: skip

    def writes(self, when: float, patient: Patient, worker: Worker | None = None) -> None:
        """A document is stored: by a person on a page, mostly by a system."""
        person = worker.person if worker else None
        name = self.document(patient)
        self.add(when, exchange(when, "ITI-41", patient.number, person, documents=(name,), system="reports"))

    # ------------------------------------------------------------ days

    def work(self) -> None:
        """Everything ordinary, for the whole time."""
        rng, fresh = self.random, iter(self.patients)
        for day in range(-8, self.days):
            weekday = day % 7 not in (4, 5)
            begin = START + day * DAY
            for _ in range(round(rng.gauss(48, 6) * self.size)):
                patient = next(fresh, None) if rng.random() < 0.9 else rng.choice(self.patients)
                if patient:
                    self._stay(begin + rng.uniform(6, 22) * HOUR, patient)
            for _ in range(round((rng.gauss(112, 12) if weekday else 0) * self.size)):
                patient = next(fresh, None) if rng.random() < 0.8 else rng.choice(self.patients)
                if patient:
                    self._visit(begin + rng.uniform(8, 16) * HOUR, patient)
            if day >= 0:
                self._office(begin, weekday)
                self._mistakes(begin)
                self._elsewhere(begin)
                self._machines(begin)

    def _feed(self, when: float, patient: Patient, unit: str, *, new: bool = True) -> None:
        rng = self.random
        if rng.random() < 0.985:
            late = rng.expovariate(1 / (0.3 * HOUR)) if rng.random() < 0.15 else 30.0
            self.add(when + late, came(when + late, patient.number, unit if rng.random() < 0.97 else "", new=new))

    def _stay(self, when: float, patient: Patient) -> None:
        rng = self.random
        unit = rng.choice(WARDS)
        if rng.random() < 0.45:
            self._feed(when, patient, "ED")
            self._emergency(when, patient)
            when += rng.uniform(1, 6) * HOUR
        nights = min(int(rng.expovariate(1 / 4.0)) + 1, 28)
        self.stays.append((patient, unit, when, when + nights * DAY))
        self._feed(when, patient, unit)
        moved = nights > 3 and rng.random() < 0.2
        for night in range(nights + 1):
            if moved and night == nights // 2:
                unit = rng.choice(WARDS)
                self._feed(when + night * DAY, patient, unit, new=False)
            self._day_on_ward(when + night * DAY, patient, unit, first=night == 0)
        end = when + nights * DAY
        self.writes(end + rng.uniform(0, 9) * DAY * (rng.random() < 0.4), patient)
        if rng.random() < 0.1:  # the letter is written, or a question answered, when the patient is long at home
            author = rng.choice(self.of(unit, PHYSICIAN))
            at = _at_work(end + rng.uniform(3, 26) * DAY, rng)
            self.opens(at, author, patient)
            if rng.random() < 0.6:
                self.writes(at + 900, patient, author)

    def _day_on_ward(self, when: float, patient: Patient, unit: str, *, first: bool) -> None:
        rng = self.random
        for role, mean in ((PHYSICIAN, 1.5 if first else 0.8), (NURSE, 2.2)):
            for _ in range(int(rng.expovariate(1 / mean))):
                at = when + rng.uniform(0, 24) * HOUR
                staff = self.on_duty(at, unit, role)
                if staff and rng.random() < (0.4 if (at - START) % DAY / HOUR < 6 else 1):
                    (self.opens if rng.random() < 0.65 else self.lists)(at, rng.choice(staff), patient)
        if rng.random() < 0.35:
            self.writes(when + rng.uniform(1, 20) * HOUR, patient)
        if rng.random() < 0.025:
            self._advice(when, patient, unit)
        if rng.random() < 0.35:
            at = _at_work(when, rng)
            helpers = self.on_duty(
                at, rng.choice(("RAD", "PHARM", "PHYSIO")), rng.choice((PHYSICIAN, PHARMACIST, THERAPIST))
            )
            if helpers:
                self.opens(at, rng.choice(helpers), patient)
        if rng.random() < 0.004:  # somebody helps out on another ward for a shift
            at = when + rng.uniform(0, 8) * HOUR
            helper = rng.choice(self.of(rng.choice(WARDS), NURSE))
            others = [one for one, where, begin, end in self.stays[-400:] if where == unit and begin <= at <= end]
            for other in others[:8]:
                self.opens(at + rng.uniform(0, 7) * HOUR, helper, other)

    def _advice(self, when: float, patient: Patient, unit: str) -> None:
        """A doctor of another unit is asked; three of four write what they think."""
        rng = self.random
        at = when + rng.uniform(8, 18) * HOUR
        asked = rng.choice([one for one in _CALLED if one != unit])
        doctors = self.on_duty(at, asked, PHYSICIAN)
        if doctors:
            doctor = rng.choice(doctors)
            self.opens(at, doctor, patient)
            if rng.random() < 0.75:
                self.writes(at + rng.uniform(0.3, 20) * HOUR, patient, doctor)

    def _emergency(self, when: float, patient: Patient) -> None:
        rng = self.random
        for role in (NURSE, PHYSICIAN):
            staff = self.on_duty(when + 600, "ED", role)
            if staff:
                worker = rng.choice(staff)
                self.opens(when + rng.uniform(300, 5000), worker, patient)
                if role is PHYSICIAN and rng.random() < 0.08:
                    at = when + rng.uniform(300, 2000)
                    self.add(at, broke(at, patient.number, worker.person, "unconscious, needs treatment at once"))
                    self.opens(at + 5, worker, patient, purpose="ETREAT")
                    if rng.random() < 0.96:
                        self.reviewed.add((worker.person.user, f"2.999.1|{patient.number}"))
                if role is PHYSICIAN:
                    self.writes(when + rng.uniform(1, 5) * HOUR, patient, worker if rng.random() < 0.3 else None)

    def _visit(self, when: float, patient: Patient) -> None:
        """An appointment in a clinic; it is looked at the day before, and the letter comes later."""
        rng = self.random
        unit = rng.choice(CLINICS)
        doctors, clerks = self.on_duty(when, unit, PHYSICIAN), self.on_duty(when, unit, CLERK)
        if not doctors:
            return
        doctor = rng.choice(doctors)
        if rng.random() < 0.3:
            evening = when - (when - START) % DAY - DAY + rng.uniform(15, 20.5) * HOUR
            self.opens(evening, doctor, patient)
        self._feed(when - 600, patient, unit)
        if clerks and rng.random() < 0.5:
            self.lists(when - 300, rng.choice(clerks), patient)
        self.opens(when, doctor, patient)
        if rng.random() < 0.7:
            self.writes(when + rng.uniform(0.2, 50) * HOUR, patient, doctor if rng.random() < 0.3 else None)

    def _office(self, begin: float, weekday: bool) -> None:
        rng = self.random
        if not weekday:
            return
        known = [stay for stay in self.stays[-900:] if stay[3] < begin]
        for unit, purpose, each, recent in (("BILLING", "HPAYMT", 14, True), ("RECORDS", "PATRQT", 5, False), ("QUALITY", "HOPERAT", 4, True)):  # fmt: skip
            for worker in self.of(unit):
                for _ in range(int(rng.gauss(each, 3))):
                    patient = rng.choice(known)[0] if recent and known else rng.choice(self.patients)
                    self.opens(begin + rng.uniform(8, 16.5) * HOUR, worker, patient, purpose=purpose)
        for number, worker in enumerate(self.of("RESEARCH")):  # a study has its cohort
            for _ in range(int(rng.gauss(9, 4))):
                patient = self.patients[(rng.randrange(150) * 31 + number * 7) % len(self.patients)]
                self.opens(begin + rng.uniform(8, 16.5) * HOUR, worker, patient, purpose="HRESCH")

    def _mistakes(self, begin: float) -> None:
        """Namesakes and wrong lines: mostly noticed from the list, now and then after a document."""
        rng = self.random
        for _ in range(round(rng.uniform(0, 2.4) * self.size + 0.2)):
            at = begin + rng.uniform(7, 20) * HOUR
            staff = self.on_duty(at, rng.choice(WARDS), rng.choice((NURSE, PHYSICIAN)))
            if staff:
                (self.lists if rng.random() < 0.8 else self.opens)(at, rng.choice(staff), rng.choice(self.patients))
        if rng.random() < 0.3:  # a refusal that somebody runs into
            at = begin + rng.uniform(7, 20) * HOUR
            staff = self.on_duty(at, rng.choice(WARDS), PHYSICIAN)
            if staff and self.stays:
                one = rng.choice(self.stays[-100:])[0]
                self.add(at, exchange(at, "ITI-43", one.number, rng.choice(staff).person, outcome=Outcome.SERIOUS))

    def _elsewhere(self, begin: float) -> None:
        """Other institutions ask for their patients, and give what is asked of them."""
        rng = self.random
        for home, users, each in ((LAKESIDE, 12, 45), (HARBOUR, 4, 15), (VOGT, 1, 9), (PHARMACY, 3, 6)):
            for _ in range(round(rng.gauss(each, 3) * self.size)):
                at, patient = begin + rng.uniform(8, 18) * HOUR, rng.choice(self.patients)
                who = foreign(home, rng.randrange(users))
                self.add(at, exchange(at, "ITI-38", patient.number, who))
                if rng.random() < 0.7:
                    self.add(
                        at + 9, exchange(at + 9, "ITI-39", patient.number, who, documents=(self.document(patient),))
                    )
            if home in GIVING:
                for _ in range(round(rng.gauss(each / 3, 2) * self.size)):
                    at, patient = begin + rng.uniform(8, 18) * HOUR, rng.choice(self.patients)
                    self.add(at, received(at, patient.number, home, (f"2.26.{int(at)}",)))

    def _machines(self, begin: float) -> None:
        """Systems that look for themselves: a portal that polls, an archive that copies."""
        rng = self.random
        for number in range(round(1500 * self.size)):
            at = begin + number * 57.6 / self.size % DAY + rng.random()
            self.add(at, exchange(at, "ITI-18", rng.choice(self.patients).number, None, system="portal"))


def foreign(home: str, number: int) -> Person:
    """Somebody at another institution."""
    return Person(
        user=f"<u{number}@idp.{home.rpartition('.')[2]}.example>", name=f"Dr. Outside {home[-2:]}-{number}",
        role=PHARMACIST if home == PHARMACY else PHYSICIAN, system=f"gateway {home[-2:]}", address="192.0.2.7", home=home,
    )  # fmt: skip


def _at_work(when: float, rng: random.Random) -> float:
    """Some time between 8 and 17 o'clock of that day."""
    return when - (when - START) % DAY + rng.uniform(8, 16.9) * HOUR


def with_address(worker: Worker, address: str) -> Worker:
    """The same person elsewhere in the house, or outside it."""
    return replace(worker, person=replace(worker.person, address=address))


def ordered(house: House) -> Iterator[NewRecord]:
    """Every record in the order of time."""
    for _, record in sorted(house.records, key=lambda one: one[0]):
        yield record
