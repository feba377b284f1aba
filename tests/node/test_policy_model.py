"""A dry run says what the node then does, and both say what an independent model of the rule says.

Every example is one caller, one set of consents and rules, and 36 documents of two people (one of whom was merged
with another): a case for each. XDSNODE_POLICY_EXAMPLES=300 makes it ten thousand and more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.access import Policy
from tests.node import policy_bench
from tests.node.policy_bench import ANNA, ANNA_BEFORE, BEN, BETA, DOCUMENTS, GAMMA, NOW, Bench, Made
from trust.audit.event import Coded
from trust.consent.categories import CATEGORIES, CODES
from trust.consent.policy import (
    Capacity,
    Consent,
    Default,
    Effect,
    Emergency,
    Jurisdiction,
    Provision,
    Status,
)
from trust.consent.words import ACT_REASON, ROLES
from trust.identity.caller import Caller, Role

EXAMPLES = int(os.environ.get("XDSNODE_POLICY_EXAMPLES", "40"))
OWN = frozenset({"Alpha", "2.999.9"})


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from policy_bench.bench(policy_bench.config(tmp_path_factory.mktemp("policy")))


def some(*values: object) -> st.SearchStrategy:
    return st.frozensets(st.sampled_from(values), max_size=2)


NURSE, PHYSICIAN = min(ROLES["nurse"]), min(ROLES["physician"])
provisions = st.builds(
    Provision,
    effect=st.sampled_from(Effect),
    purposes=some("TREAT", "ETREAT", "HRESCH"),
    roles=some(NURSE, PHYSICIAN),
    users=some("<a@idp>"),
    organisations=some(f"{BETA}.7", f"{GAMMA}.7"),
    communities=some(BETA, GAMMA),
    author_institutions=some(BETA, GAMMA, "Alpha"),
    confidentiality=some("N", "R"),
    categories=some("mental-health", "hiv", "genetics"),
    kinds=some(("NOTE", "2.999.8.1"), ("LAB", "")),
    documents=some(*(one.unique_id for one in DOCUMENTS[::5])),
    breakable=st.booleans(),
)
# Most parts empty, so that many provisions speak of something.
sparse = provisions.flatmap(
    lambda one: st.sets(st.sampled_from(sorted(PARTS)), max_size=2).map(
        lambda kept: Provision(
            effect=one.effect, breakable=one.breakable, **{name: getattr(one, name) for name in kept}
        )
    )
)
PARTS = frozenset(Provision.__dataclass_fields__) - {"effect", "breakable"}
moments = st.sampled_from([NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)])
consents = st.lists(
    st.builds(
        Consent,
        id=st.uuids().map(str),
        version=st.just(1),
        patient=st.sampled_from([ANNA, ANNA_BEFORE, BEN]),
        status=st.sampled_from([Status.ACTIVE, Status.ACTIVE, Status.ACTIVE, Status.WITHDRAWN, Status.IGNORED]),
        start=moments,
        end=st.none() | moments,
        recorded=st.just(NOW),
        recorded_by=st.just("clerk"),
        capacity=st.sampled_from(Capacity),
        provisions=st.lists(sparse, max_size=2).map(tuple),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)
coded_roles = st.sampled_from([None, Coded(*NURSE, ""), Coded(*PHYSICIAN, ""), Coded("1", "2.999", "odd")])
purposes = st.sampled_from([None, *(Coded(one, ACT_REASON, "") for one in ("TREAT", "ETREAT", "BTG", "HRESCH", "ODD"))])
callers = st.builds(
    Caller,
    role=st.sampled_from([Role.PEER, Role.PEER, Role.PEER, Role.APPLICATION]),
    name=st.just("there"),
    fingerprint=st.just("f"),
    address=st.just(""),
    home=st.sampled_from([f"urn:oid:{BETA}", f"urn:oid:{GAMMA}"]),
    clearance=st.sampled_from(["N", "N", "R", "V", "U", "*"]),
    user=st.sampled_from(["", "<a@idp>", "<b@idp>"]),
    user_role=coded_roles,
    purpose=purposes,
    organisation=st.sampled_from(["", f"urn:oid:{BETA}.7", f"{GAMMA}.7", "https://elsewhere.example"]),
    reason=st.sampled_from(["", " ", "unconscious"]),
)
jurisdictions = st.builds(
    Jurisdiction,
    default=st.sampled_from(Default),
    purposes=st.sampled_from([frozenset({"TREAT"}), frozenset({"TREAT", "HRESCH"})]),
    sensitive=st.sampled_from([frozenset(CATEGORIES), frozenset({"hiv"})]),
    codes=st.just(CODES),
    unknown_denies=st.booleans(),
    emergency=st.builds(
        Emergency,
        roles=st.sampled_from([frozenset(), ROLES["physician"]]),
        denials=st.booleans(),
        ceiling=st.sampled_from(["N", "R"]),
        limit=st.integers(1, 2),
    ),
    own=st.just(OWN),
)
policies = st.builds(Policy, jurisdiction=jurisdictions, applications=st.booleans())


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(caller=callers, kept=consents, policy=policies)
def test_a_dry_run_is_what_the_node_then_does(
    bench: Bench, caller: Caller, kept: list[Consent], policy: Policy
) -> None:
    bench.consents(kept)
    bench.services.actors.policy = policy
    before = 0
    for person in (ANNA, BEN):
        documents = {one.unique_id: one for one in DOCUMENTS if one.person == person}
        modelled = {id_: model(caller, one, kept, policy, unreviewed=before) for id_, one in documents.items()}
        expected = {id_ for id_, answer in modelled.items() if answer != "denied"}
        explained = bench.explained(caller, person, NOW)
        assert explained.keys() == documents.keys()
        assert {id_ for id_, decision in explained.items() if decision.permit} == expected
        assert bench.found(caller, person, NOW) == expected
        assert bench.retrieved(caller, sorted(documents), NOW) == expected
        assert {id_ for id_, decision in explained.items() if decision.broken} == {
            id_ for id_, answer in modelled.items() if answer == "broken"
        }
        broken = sum(decision.broken for decision in explained.values())
        rows = bench.services.reader.execute(
            "SELECT accesses, documents FROM emergency_access WHERE patient = ?", (person,)
        ).fetchall()
        assert rows == ([(2, 2 * broken)] if broken else [])  # the query and the retrieve
        before += bool(broken)


# --- the model: the rule once more, written from its description and not from its code ------------------------------


def model(caller: Caller, document: Made, kept: list[Consent], policy: Policy, *, unreviewed: int) -> str:
    rules = policy.jurisdiction
    peer = caller.role is Role.PEER
    if (peer and caller.clearance == "*") or (not peer and not policy.applications):
        return "seen"
    levels = ["ULMNRV".index(mark) for mark, scheme in document.marks if scheme == policy_bench.CONFIDENTIALITY]
    strange = any(mark == "ODD" for mark, _ in document.marks)
    if peer and (strange or not levels or max(levels) > "ULMNRV".index(caller.clearance)):
        return "denied"
    if _wrote(caller, document, peer):
        return "seen"
    said = [
        (part, speaks)
        for consent in kept
        if person(consent.patient) == person(document.patient) and _counts(consent)
        for part in consent.provisions
        if (speaks := _speaks(part, caller, document, peer)) is not False
    ]
    silent = any(
        not consent.provisions
        for consent in kept
        if person(consent.patient) == person(document.patient) and _counts(consent)
    )
    strict = rules.unknown_denies
    denials = [part for part, speaks in said if part.effect is Effect.DENY and (speaks or strict)]
    denied = bool(denials) or (silent and strict)
    permits = [part for part, speaks in said if part.effect is Effect.PERMIT and speaks]
    if not denied and _permitted(caller, document, permits, rules):
        return "seen"
    breaks = (
        caller.purpose is not None
        and caller.purpose.code in {"ETREAT", "BTG"}
        and all(part.breakable for part in denials)
        and (rules.emergency.denials or not denied)
        and _pair(caller.user_role) in rules.emergency.roles
        and caller.user != ""
        and caller.reason.strip() != ""
        and max(levels) <= "ULMNRV".index(rules.emergency.ceiling)
        and unreviewed < rules.emergency.limit
    )
    return "broken" if breaks else "denied"


def _permitted(caller: Caller, document: Made, permits: list[Provision], rules: Jurisdiction) -> bool:
    if rules.default is not Default.OPT_OUT:
        named = {category for part in permits for category in part.categories}
        by_id = any(part.documents for part in permits)
        if not by_id and (_categories(document) & rules.sensitive) - named:
            return False
    if permits:
        return True
    if rules.default is Default.OPT_IN:
        return False
    if caller.purpose is None:
        return True
    if caller.purpose.code == "ODD":
        return not rules.unknown_denies
    return caller.purpose.code in {"TREAT", "ETREAT", "BTG"} or caller.purpose.code in rules.purposes


MERGED = {"yes": True}  # whether ANNA0 counts as ANNA


def person(patient: str) -> str:
    return ANNA if patient == ANNA_BEFORE and MERGED["yes"] else patient


def _counts(consent: Consent) -> bool:
    begun = consent.start <= NOW
    return consent.status is Status.ACTIVE and begun and (consent.end is None or consent.end > NOW)


def _categories(document: Made) -> set[str]:
    known = {"PSY": "mental-health", "HIV": "hiv", "GDIS": "genetics"}
    return {known[mark] for mark, _ in document.marks if mark in known}


def _authors(document: Made) -> set[str]:
    return {part for part in document.author.split("^") if part}


def _wrote(caller: Caller, document: Made, peer: bool) -> bool:
    if not peer:
        return bool(_authors(document) & OWN)
    home = caller.home.removeprefix("urn:oid:")
    organisation = caller.organisation.removeprefix("urn:oid:")
    ours = {home} | ({organisation} if organisation.startswith(home + ".") else set())
    return bool(_authors(document) & ours)


def _pair(role: Coded | None) -> tuple[str, str] | None:
    return (role.code, role.system) if role else None


def _speaks(part: Provision, caller: Caller, document: Made, peer: bool) -> bool | None:
    answers = [answer for wanted, answer in _answers(part, caller, document, peer) if wanted]
    return False if False in answers else None if None in answers else True


def _answers(part: Provision, caller: Caller, document: Made, peer: bool) -> list[tuple[frozenset, bool | None]]:
    home = {caller.home.removeprefix("urn:oid:")} if peer else OWN
    purpose = caller.purpose.code if caller.purpose else "ODD"
    also = {"ETREAT": {"ETREAT", "TREAT"}, "BTG": {"BTG", "ETREAT", "TREAT"}}.get(purpose, {purpose})
    kinds = {(document.kind, "2.999.8.1"), (document.kind, "")}
    organisation = caller.organisation.removeprefix("urn:oid:")
    odd = caller.user_role is None or caller.user_role.code == "1"
    return [
        (part.purposes, None if purpose == "ODD" else bool(also & part.purposes)),
        (part.roles, None if odd else _pair(caller.user_role) in part.roles),
        (part.users, caller.user in part.users if caller.user else None),
        (part.organisations, organisation in part.organisations if organisation else None),
        (part.communities, bool(home & part.communities)),
        (part.author_institutions, bool(_authors(document) & part.author_institutions) if document.author else None),
        (part.confidentiality, bool({mark for mark, _ in document.marks} & part.confidentiality)),
        (part.categories, bool(_categories(document) & part.categories)),
        (part.kinds, bool(kinds & part.kinds)),
        (part.documents, document.unique_id in part.documents),
    ]
