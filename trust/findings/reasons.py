"""Rules about the reason given: broken glass, purposes that do not fit, institutions that treat nobody. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from trust.findings.finding import MOST_ENTRIES, Finding, Rule, Severity
from trust.findings.looking import TREATING, Pairs, about
from trust.findings.picture import DAY, Picture
from trust.search.activity import Activity

_TO_EXPLAIN: Final = 3 * DAY
_NEVER: Final = frozenset({"HMARKT"})
_UNUSUAL: Final = 0.1
_RECENT: Final = 120 * DAY
_RETURNS: Final = 4  # days on which one patient is looked at for a purpose that is about many
_TIMES_USUAL: Final = 2.5  # what the person does with the patients of that purpose
_ABOUT_MANY: Final = frozenset({"HRESCH", "HOPERAT", "PUBHLTH", "HPAYMT", "TRAIN"})
_LEAST_PATIENTS: Final = 50
_HOLDS_NO_DOCUMENTS: Final = frozenset({"46255001", "397897005"})  # pharmacists, paramedics
_UNJUSTIFIED: Final = "not-justified"


def by_glass(picture: Picture) -> Iterator[Finding]:
    """Emergencies that nobody has explained in time, or that a review found not to be one."""
    waiting: dict[str, list[Activity]] = defaultdict(list)
    for one in picture.broke:
        outcome = picture.known.reviews.get((one.user, one.patient), "")
        if outcome.startswith(_UNJUSTIFIED):
            yield about(picture, Rule.GLASS, "glass-bad", Severity.HIGH, [one], {"outcome": outcome})
        elif not outcome and one.time < picture.known.now - _TO_EXPLAIN:
            waiting[one.user].append(one)
    for found in waiting.values():
        away = not any(picture.came(one.patient, one.time, DAY, DAY) for one in found)
        values = {
            "patients": str(len({one.patient for one in found})),
            "days": str((picture.known.now - found[0].time) // DAY),
        }
        severity = Severity.HIGH if away or len(found) > 1 else Severity.MEDIUM
        yield about(picture, Rule.GLASS, "glass-no-contact" if away else "glass-open", severity, found, values)


def by_purpose(picture: Picture, pairs: Pairs) -> Iterator[Finding]:
    """Purposes that do not fit the person, or the patient."""
    unexplained: dict[str, list[Activity]] = defaultdict(list)
    for (user, _), each in pairs.items():
        unexplained[user] += each
    for user, looks in picture.looks.items():
        never = [one for one in looks if one.purpose in _NEVER]
        if never:
            yield about(picture, Rule.PURPOSE, "purpose-never", Severity.HIGH, never, {"purpose": never[0].purpose})
        yield from _again(picture, looks)
        yield from _unusual(picture, looks, unexplained[user])


def _again(picture: Picture, looks: Sequence[Activity]) -> Iterator[Finding]:
    """One patient on many days, for a purpose that is about many patients."""
    each: dict[tuple[str, str], list[Activity]] = defaultdict(list)
    for one in looks:
        if one.purpose in _ABOUT_MANY:
            each[one.purpose, one.patient].append(one)
    usual = median(len({one.time // DAY for one in part}) for part in each.values()) if each else 0
    for (purpose, patient), part in each.items():
        days = len({one.time // DAY for one in part})
        if days >= max(_RETURNS, _TIMES_USUAL * usual) and not picture.came(patient, part[-1].time, _RECENT, DAY):
            values = {"purpose": purpose, "days": str(days)}
            yield about(picture, Rule.PURPOSE, "purpose-one", Severity.MEDIUM, part, values)


def _unusual(picture: Picture, looks: Sequence[Activity], unexplained: Sequence[Activity]) -> Iterator[Finding]:
    """Somebody who never treats says treatment, and nothing ties them to the patient."""
    said = Counter(one.purpose for one in looks)
    usual, count = said.most_common(1)[0]
    odd = [one for one in unexplained if one.purpose in TREATING]
    if usual in TREATING or count < (1 - _UNUSUAL) * len(looks) or not odd:
        return
    odd.sort(key=lambda one: one.time)
    values = {"purpose": odd[0].purpose, "patients": str(len({one.patient for one in odd})), "usual": usual}
    yield about(picture, Rule.PURPOSE, "purpose-unusual", Severity.HIGH, odd, values)


def by_institution(picture: Picture) -> Iterator[Finding]:
    """Institutions that ask for very many in the name of treatment and have nothing that treatment leaves behind."""
    for peer, acts in picture.asked.items():
        treating = [one for one in acts if one.purpose in TREATING]
        patients = tuple(dict.fromkeys(one.patient for one in treating if one.patient))
        roles = {one.role for one in treating if one.role}
        if len(patients) < _LEAST_PATIENTS or picture.gave[peer] or roles & _HOLDS_NO_DOCUMENTS:
            continue
        yield Finding(
            rule=Rule.INSTITUTION,
            sentence="institution",
            severity=Severity.MEDIUM,
            user="",
            name="",
            peer=peer,
            patients=patients,
            first=treating[0].time,
            last=treating[-1].time,
            entries=tuple(one.seq for one in treating[-MOST_ENTRIES:]),
            values={"patients": str(len(patients))},
        )
