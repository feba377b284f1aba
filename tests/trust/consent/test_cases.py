"""The table of policy cases (`cases.txt`): every line is a test, and says which step of the order decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trust.audit.event import Coded
from trust.consent.categories import CATEGORIES, CODES
from trust.consent.decision import decide
from trust.consent.policy import (
    CONFIDENTIALITY,
    LEVELS,
    Capacity,
    Consent,
    Default,
    Effect,
    Emergency,
    Jurisdiction,
    Provision,
    ResourceLabels,
    Status,
)
from trust.consent.words import ACT_REASON, PURPOSES, ROLES
from trust.identity.caller import Caller, Role

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OIDS = {"beta": "2.999.50", "gamma": "2.999.60", "own": "2.999.9"}
DEFAULTS = {"in": Default.OPT_IN, "out": Default.OPT_OUT, "sensitive": Default.OPT_OUT_EXCEPT_SENSITIVE}
TEXT = (Path(__file__).parent / "cases.txt").read_text(encoding="utf-8")


def rules(words: list[str]) -> Jurisdiction:
    emergency = Emergency(roles=ROLES["physician"], limit=5)
    if "nobreak" in words:
        emergency = Emergency()
    if "keepdenials" in words:
        emergency = replace(emergency, denials=False)
    return Jurisdiction(
        default=DEFAULTS[words[0]],
        purposes=frozenset({"TREAT"}),
        sensitive=frozenset(CATEGORIES),
        codes=CODES,
        unknown_denies="lenient" not in words,
        emergency=emergency,
        own=frozenset({"Alpha", OIDS["own"]}),
    )


def provision(words: list[str]) -> Provision:
    values: dict[str, object] = {"effect": Effect(words[0]), "breakable": "unbreakable" not in words}
    for name, value in (word.split("=", 1) for word in words[1:] if "=" in word):
        if name == "purpose":
            values["purposes"] = frozenset({PURPOSES[value]})
        elif name == "role":
            values["roles"] = ROLES[value]
        elif name == "category":
            values["categories"] = frozenset(CATEGORIES if value == "all" else {value})
        elif name == "kind":
            values["kinds"] = frozenset({(value, "")})
        else:
            field = {"user": "users", "community": "communities", "org": "organisations", "level": "confidentiality",
                     "id": "documents", "author": "author_institutions"}[name]  # fmt: skip
            values[field] = frozenset({OIDS.get(value, value)})
    return Provision(**values)


def consent(text: str, number: int) -> Consent:
    words = text.split()
    capacity = Capacity(words.pop(0)) if words[0] in set(Capacity) else Capacity.PATIENT
    start, end, status = NOW - timedelta(days=9), None, Status.ACTIVE
    if words[0] == "expired":
        end = NOW
    elif words[0] == "future":
        start = NOW + timedelta(seconds=1)
    elif words[0] in set(Status):
        status = Status(words[0])
    if words[0] not in {"permit", "deny", "empty"}:
        words.pop(0)
    provisions = () if words[0] == "empty" else (provision(words),)
    return Consent(
        id=f"c{number}", version=1, patient="P", status=status, start=start, end=end, recorded=start,
        recorded_by="clerk", capacity=capacity, provisions=provisions,
    )  # fmt: skip


def caller(text: str) -> tuple[Caller, int]:
    community, *words = text.split()
    given = dict(word.split("=", 1) for word in words if "=" in word)
    role = next((Coded(*min(ROLES[word]), word) for word in words if word in ROLES), None)
    if "oddrole" in words:
        role = Coded("17561000", "2.16.840.1.113883.6.96", "Cardiologist")
    purpose = next((Coded(PURPOSES[word], ACT_REASON, word) for word in words if word in PURPOSES), None)
    if "NOSUCH" in words:
        purpose = Coded("NOSUCH", ACT_REASON, "")
    made = Caller(
        role=Role.APPLICATION if community == "own" else Role.PEER,
        name=community,
        fingerprint="f",
        address="",
        home="" if community == "own" else f"urn:oid:{OIDS[community]}",
        clearance=given.get("clearance", "N"),
        user=given.get("user", ""),
        user_role=role,
        purpose=purpose,
        organisation=given.get("org", ""),
        reason=given.get("reason", "").replace("_", " "),
    )
    return made, int(given.get("waiting", 0))


def labels(words: list[str]) -> ResourceLabels:
    given = dict(word.split("=", 1) for word in words if "=" in word)
    marks = {code: (code, scheme) for code, scheme in CODES}
    level = [(word, CONFIDENTIALITY) for word in words if word in LEVELS or word == "X"]
    kind = given.get("kind", "VISIT")
    author = given.get("author", "")
    return ResourceLabels(
        patient="P",
        document=given.get("id", "1"),
        confidentiality=(*level, *(marks[word] for word in words if word in marks)),
        kinds=(marks.get(kind, (kind, "2.999.8")),),
        author_institutions=(OIDS.get(author, author),) if author else (),
    )


def cases() -> list[pytest.ParameterSet]:
    found, scene = [], ""
    for number, line in enumerate(TEXT.splitlines(), 1):
        if line.startswith("["):
            scene = line.strip("[]")
        elif line and not line.startswith("#"):
            who, document, expected = (part.strip() for part in line.split("|"))
            found.append(pytest.param(scene, who, document, expected, id=f"{number}: {scene} | {line}"))
    return found


CASES = cases()


@pytest.mark.parametrize(("scene", "who", "document", "expected"), CASES)
def test_case(scene: str, who: str, document: str, expected: str) -> None:
    default, *consents = (part.strip() for part in scene.split(";"))
    seen, step = expected.split()
    asks, waiting = caller(who)
    decided = decide(
        asks,
        labels(document.split()),
        [consent(text, number) for number, text in enumerate(consents, 1)],
        rules(default.split()),
        NOW,
        unreviewed=waiting,
    )
    assert (decided.permit, decided.broken) == (seen == "yes", step.endswith("!"))
    assert int(decided.reasons[-1].step) == int(step.rstrip("!"))
    assert all(reason.text for reason in decided.reasons)
    assert decided.permit or all(reason.who for reason in decided.reasons), "a denial says who can change it"


def test_there_are_two_hundred_cases() -> None:
    assert len({case.id.partition(": ")[2] for case in CASES}) >= 200
