"""Rules about who looked at whom: no relation, same name, a crowd around one patient. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from trust.findings.finding import MOST_ENTRIES, Finding, Rule, Severity
from trust.findings.picture import DAY, Name, Picture
from trust.findings.relation import Relations, Tie
from trust.search.activity import Act, Activity

SETTLED: Final = DAY  # younger looks wait: what explains them may still come
_MANY: Final = 5  # patients from which on one finding is about the person
_CROWD: Final = 4
_CROWD_UNITS: Final = 3
_CROWD_SPAN: Final = 7 * DAY
_RETURNED: Final = 3  # days on which somebody who is called to other units comes back and writes nothing
TREATING: Final = frozenset({"TREAT", "TREATMENT", "NORM", ""})

Pairs = dict[tuple[str, str], list[Activity]]


def unexplained(picture: Picture, relations: Relations) -> Pairs:
    """Looks that nothing firm ties to the patient, by person and patient; emergencies have a rule of their own."""
    found: Pairs = defaultdict(list)
    if not relations.can_judge:
        return found
    for user, looks in picture.looks.items():
        for one in looks:
            settled = one.time < picture.known.now - SETTLED
            if one.good and settled and one.purpose in TREATING and relations.tie(one) < Tie.FIRM:
                found[user, one.patient].append(one)
    return found


def by_relation(picture: Picture, relations: Relations, pairs: Pairs) -> Iterator[Finding]:
    """No treatment relation: one finding for each patient, or one about a person who does so with many."""
    by_user: dict[str, list[list[Activity]]] = defaultdict(list)
    for (user, _), looks in pairs.items():
        days = {one.time // DAY for one in looks}
        none = [one for one in looks if relations.tie(one) is Tie.NONE]
        opened = any(one.act is Act.OPENED for one in none)
        if (none and (opened or len(days) > 1)) or len(days) >= _RETURNED:
            by_user[user].append(looks)
    for user, found in by_user.items():
        if len(found) >= _MANY:
            yield _many(picture, user, found)
        else:
            yield from (_one(picture, relations, looks) for looks in found)


def _one(picture: Picture, relations: Relations, looks: Sequence[Activity]) -> Finding:
    values = {
        "days": str(len({one.time // DAY for one in looks})),
        "documents": str(sum(one.documents for one in looks)),
        "evidence": relations.why_not(looks[-1]),
    }
    severity = Severity.HIGH if len(looks) > 3 else Severity.MEDIUM
    return about(picture, Rule.RELATION, "no-relation", severity, looks, values)


def _many(picture: Picture, user: str, found: Sequence[Sequence[Activity]]) -> Finding:
    looks = sorted((one for each in found for one in each), key=lambda one: one.time)
    days = len({one.time // DAY for one in looks})
    values = {"patients": str(len(found)), "days": str(days)}
    return about(picture, Rule.RELATION, "no-relation-many", Severity.HIGH, looks, values)


def by_name(picture: Picture, relations: Relations, pairs: Pairs) -> Iterator[Finding]:
    """The patient may be family, or a colleague; for want of addresses the name is all there is."""
    names = {user: picture.known.person(name) for user, name in picture.names.items()}
    staff: dict[Name, list[str]] = defaultdict(list)
    for user, name in names.items():
        if name.family and name.given:
            staff[name].append(user)
    for (user, patient), looks in pairs.items():
        own, their = names.get(user, Name()), picture.known.patient(patient)
        evidence = {"evidence": relations.why_not(looks[-1])}
        unit = picture.main_unit(user)
        others = [one for one in staff.get(their, ()) if one != user and picture.main_unit(one) == unit != ""]
        if own.family and own.family == their.family and relations.tie(looks[-1]) is Tie.NONE:
            yield about(picture, Rule.NAME, "own-family", Severity.HIGH, looks, evidence)
        elif others:
            values = {**evidence, "colleague": picture.names.get(others[0], others[0])}
            yield about(picture, Rule.NAME, "colleague", Severity.HIGH, looks, values)


def by_crowd(picture: Picture, relations: Relations, pairs: Pairs) -> Iterator[Finding]:
    """Many who are curious about one patient, each of them once."""
    around: dict[str, list[list[Activity]]] = defaultdict(list)
    for (_, patient), looks in pairs.items():
        if relations.tie(looks[0]) not in (Tie.UNSTATED, Tie.EARLY):
            around[patient].append(looks)
    for found in around.values():
        found.sort(key=lambda looks: looks[0].time)
        crowds = ([other for other in found if 0 <= other[0].time - one[0].time <= _CROWD_SPAN] for one in found)
        crowd = next((each for each in crowds if _is_crowd(picture, each)), ())
        for looks in crowd:
            values = {"others": str(len(crowd) - 1), "days": str(_CROWD_SPAN // DAY)}
            yield about(picture, Rule.CROWD, "crowd", Severity.HIGH, looks, values)


def _is_crowd(picture: Picture, people: Sequence[Sequence[Activity]]) -> bool:
    """Many, and of several units: a message that the feed lost makes strangers of the people of one unit alone."""
    return len(people) >= _CROWD and len({picture.main_unit(looks[0].user) for looks in people}) >= _CROWD_UNITS


def about(
    picture: Picture, rule: Rule, sentence: str, severity: Severity, looks: Sequence[Activity], values: dict[str, str]
) -> Finding:
    """A finding that rests on these looks of one person, oldest first."""
    user, patients = looks[0].user, tuple(dict.fromkeys(one.patient for one in looks if one.patient))
    return Finding(
        rule=rule,
        sentence=sentence,
        severity=severity,
        user=user,
        name=picture.names.get(user, ""),
        peer=looks[0].peer,
        about=patients[0] if len(patients) == 1 else "",
        patients=patients,
        first=looks[0].time,
        last=looks[-1].time,
        entries=tuple(one.seq for one in looks[:MOST_ENTRIES]),
        values=values,
    )
