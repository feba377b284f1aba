"""Rows C1 to C6, C8 to C11 and C18 of the attack catalogue (C4 also in tests/node/test_consent_documents.py)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import health
from node.access import Access, Policy
from node.faults import Faults
from node.rows.options import ITI_51
from node.transactions import ITI_38, ITI_39
from registry.ebrim.messages import adhoc_query_request
from registry.errors import TooManyResults
from repository.messages import DocumentRequest, retrieve_request
from tests.node import policy_bench
from tests.node.policy_bench import ANNA, ANNA_BEFORE, BEN, BETA, DOCUMENTS, GAMMA, NOW, Bench
from tests.node.test_policy_model import callers, consents, jurisdictions
from tests.registry.registry_bench import BOTH_STATUSES, stored_query
from trust.audit.event import Coded
from trust.consent.decision import decide
from trust.consent.policy import (
    Capacity,
    Consent,
    Default,
    Effect,
    Provision,
    ResourceLabels,
    Status,
)
from trust.consent.words import ACT_REASON, ROLES
from trust.identity.caller import Caller, Role

PLAIN, PLAIN_BEFORE, PLAIN_BEN = "2.999.4.1.1", "2.999.4.2.1", "2.999.4.3.1"
UNKNOWN = "2.999.4.9.9"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from policy_bench.bench(policy_bench.config(tmp_path_factory.mktemp("attacks")))


@pytest.fixture
def bench(made: Bench) -> Iterator[Bench]:
    made.consents([])
    policy: Policy = made.services.actors.policy
    made.services.actors.policy = replace(policy, jurisdiction=replace(policy.jurisdiction, default=Default.OPT_OUT))
    yield made
    made.services.actors.policy = policy


def row(name: str):
    return pytest.mark.parametrize("row", [pytest.param(None, id=name)])


def peer(home: str = BETA, **given: object) -> Caller:
    return Caller(role=Role.PEER, name="there", fingerprint="f", address="", home=f"urn:oid:{home}", **given)


def clinician(word: str, purpose: str, **given: object) -> Caller:
    return peer(
        user_role=Coded(*min(ROLES[word]), word),
        purpose=Coded(purpose, ACT_REASON, ""),
        **({"user": "<dr@there>", "user_name": "Dr There"} | given),
    )


def consent(*provisions: Provision, patient: str = ANNA, id_: str = "c1", **given: object) -> Consent:
    values: dict[str, object] = {"status": Status.ACTIVE, "version": 1, "start": NOW - timedelta(days=1), "end": None}
    return Consent(
        id=id_, patient=patient, recorded=NOW, recorded_by="clerk", capacity=Capacity.PATIENT, provisions=provisions,
        **(values | given),
    )  # fmt: skip


def deny(**parts: object) -> Provision:
    return Provision(effect=Effect.DENY, **parts)


def permit(**parts: object) -> Provision:
    return Provision(effect=Effect.PERMIT, **parts)


def retrieve(bench: Bench, caller: Caller, unique_id: str):
    own = bench.services.actors.own
    request = DocumentRequest(
        home_community_id=own.home, repository_unique_id=own.repository_unique_id, document_unique_id=unique_id
    )
    return bench.asked(ITI_39, retrieve_request([request]), caller, NOW)


def last_record(bench: Bench) -> dict:
    (body,) = bench.services.reader.execute("SELECT body FROM audit_record WHERE kind = 3 ORDER BY seq DESC").fetchone()
    return json.loads(body)["event"]


@row("C1")
def test_c1_a_forbidden_document_answers_as_one_that_does_not_exist(row: None, bench: Bench) -> None:
    """Byte for byte, but for what differs in every answer; the record of the node alone knows why."""
    bench.consents([consent(deny())])
    forbidden, unknown = retrieve(bench, peer(), PLAIN), retrieve(bench, peer(), UNKNOWN)
    above = retrieve(bench, peer(), "2.999.4.1.7")  # V, above the clearance

    def bare(answer) -> bytes:
        return re.sub(rb"urn:uuid:[0-9a-f-]{36}|2\.999\.4\.\d\.\d", b"", answer.envelope)

    assert bare(forbidden) == bare(unknown) == bare(above)
    assert b"XDSDocumentUniqueIdError" in forbidden.envelope
    assert b"incident" in forbidden.envelope
    assert b"c1/1" not in forbidden.envelope
    retrieve(bench, peer(), PLAIN)
    record = last_record(bench)
    assert record["outcome"] == 8
    assert record["note"]["policy"] == "3 denied by the patient [c1/1#1] (1)"


@row("C2")
def test_c2_a_retrieve_is_decided_on_the_documents_own_patient(row: None, bench: Bench) -> None:
    bench.consents([consent(deny(), patient=BEN)])
    assert PLAIN in bench.found(peer(), ANNA, NOW)
    assert bench.retrieved(peer(), [PLAIN, PLAIN_BEN], NOW) == {PLAIN}
    # What was decided for one patient stands in no record of the other.
    rows = bench.services.reader.execute("SELECT body FROM audit_record WHERE kind = 3 ORDER BY seq DESC LIMIT 2")
    noted = {event.get("patient", ""): event.get("note", {}) for event in (json.loads(one)["event"] for (one,) in rows)}
    assert noted == {ANNA: {}, "": {"policy": "3 denied by the patient [c1/1#1] (1)"}}


@row("C2 records")
def test_c2_no_record_says_what_another_patient_decided(row: None, bench: Bench) -> None:
    one, other = deny(documents=frozenset({"2.999.4.1.12"})), deny(documents=frozenset({"2.999.4.3.12"}))
    bench.consents([consent(one), consent(other, patient=BEN, id_="c2")])
    assert bench.retrieved(peer(), [PLAIN, "2.999.4.1.12", PLAIN_BEN, "2.999.4.3.12"], NOW) == {PLAIN, PLAIN_BEN}
    rows = bench.services.reader.execute("SELECT body FROM audit_record WHERE kind = 3 ORDER BY seq DESC LIMIT 3")
    noted = {event.get("patient", ""): event.get("note", {}) for event in (json.loads(one)["event"] for (one,) in rows)}
    assert noted == {
        ANNA: {"policy": "3 denied by the patient [c1/1#1] (1)"},
        BEN: {"policy": "3 denied by the patient [c2/1#1] (1)"},
        "": {},
    }


@row("C2 several patients")
def test_c2_a_query_about_several_patients_is_decided_for_each(row: None, bench: Bench) -> None:
    """ITI-51, asked by an application that is bound: by patient and about everybody; a record for each patient."""
    bench.services.actors.policy = replace(bench.services.actors.policy, applications=True)
    bench.consents([consent(deny())])
    status = {"XDSDocumentEntryStatus": BOTH_STATUSES}
    bens_and_own = {one.unique_id for one in DOCUMENTS if one.person == BEN or one.author == "Alpha"}
    for narrowed in (
        {"XDSDocumentEntryPatientId": (ANNA, BEN)},
        {"XDSDocumentEntryClassCode": ("NOTE^^2.999.8.1", "LAB^^2.999.8.1")},
    ):
        query = stored_query("urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f", **status, **narrowed)
        caller = Caller(role=Role.APPLICATION, name="ward", fingerprint="f", address="")
        answer = bench.asked(ITI_51, adhoc_query_request(query), caller, NOW)
        text = answer.envelope.decode()
        assert {one.unique_id for one in DOCUMENTS if f'value="{one.unique_id}"' in text} == bens_and_own
        rows = bench.services.reader.execute("SELECT body FROM audit_record ORDER BY seq DESC LIMIT 2")
        noted = {event["patient"]: event.get("note", {}) for event in (json.loads(one)["event"] for (one,) in rows)}
        assert noted.keys() == {ANNA, BEN}
        assert "denied by the patient" in noted[ANNA]["policy"]
        assert not noted[BEN].get("policy"), "what ANNA decided"


@row("C3")
def test_c3_a_withdrawal_between_query_and_retrieve(row: None, bench: Bench) -> None:
    """It acts on the next request. A document that is already on its way arrives whole, and is on record."""
    policy: Policy = bench.services.actors.policy
    bench.services.actors.policy = replace(policy, jurisdiction=replace(policy.jurisdiction, default=Default.OPT_IN))
    bench.consents([consent(permit())])
    assert PLAIN in bench.found(peer(), ANNA, NOW)
    under_way = retrieve(bench, peer(), PLAIN).documents[0]
    bench.order("consent withdraw", patient="ANNA")
    assert b"".join(under_way.frames) == PLAIN.encode()
    assert bench.retrieved(peer(), [PLAIN], NOW) == set()
    assert PLAIN not in bench.found(peer(), ANNA, NOW)


@row("C5")
@given(caller=callers, kept=consents, rules=jurisdictions, number=st.integers(0, len(DOCUMENTS) - 1))
def test_c5_a_denial_wins_and_silence_denies(row: None, caller, kept, rules, number) -> None:
    document = DOCUMENTS[number]
    labels = ResourceLabels(patient=document.patient, document=document.unique_id, confidentiality=document.marks)
    caller = replace(caller, role=Role.PEER, purpose=None)
    assert not decide(caller, labels, [*kept, consent(deny())], rules, NOW).permit
    strict = replace(rules, unknown_denies=True)
    assert not decide(caller, labels, [*kept, consent()], strict, NOW).permit, "an empty policy"
    unknown = replace(caller, purpose=Coded("NOSUCH", ACT_REASON, ""))
    assert not decide(unknown, labels, [], replace(strict, default=Default.OPT_OUT), NOW).permit, "an unknown code"
    assert not decide(caller, labels, [], replace(strict, default=Default.OPT_IN), NOW).permit


REFUSED = {
    "without reason": clinician("physician", "ETREAT"),
    "blank reason": clinician("physician", "BTG", reason="  "),
    "by a role not allowed": clinician("nurse", "ETREAT", reason="coma"),
    "by nobody": clinician("physician", "ETREAT", reason="coma", user=""),
    "without saying so": clinician("physician", "TREAT", reason="coma"),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"C6 {name}") for name in REFUSED])
def test_c6_the_glass_does_not_break(name: str, bench: Bench) -> None:
    bench.consents([consent(deny())])
    assert PLAIN not in bench.found(REFUSED[name], ANNA, NOW)
    assert bench.retrieved(REFUSED[name], [PLAIN], NOW) == set()
    assert bench.order("policy review list")["cases"] == []


@row("C6 with reason")
def test_c6_breaking_the_glass_is_noticed_and_reviewed(row: None, bench: Bench) -> None:
    bench.consents([consent(deny())])
    caller, alarms = clinician("physician", "ETREAT", reason="unconscious"), bench.services.alarms
    alarms.clear()
    assert PLAIN in bench.found(caller, ANNA, NOW)
    assert alarms == ["emergency-access"]
    override = bench.services.reader.execute(
        "SELECT body FROM audit_record WHERE kind = 7 ORDER BY seq DESC"
    ).fetchall()
    event = next(one for (body,) in override if (one := json.loads(body)["event"])["type"][0] == "110127")
    assert (event["patient"], event["participants"][0]["user"]) == (ANNA, "<dr@there>")
    assert "unconscious" in event["outcome_text"]
    assert "breaking the glass: unconscious" in last_record(bench)["note"]["emergency"]
    assert bench.retrieved(caller, [PLAIN], NOW) == {PLAIN}
    (case,) = bench.order("policy review list")["cases"]
    assert (case["patient"], case["user"], case["reason"], case["accesses"]) == (ANNA, "<dr@there>", "unconscious", 2)
    assert [finding.what for finding in health.emergencies(bench.services.config, NOW)] == [
        "1 accesses in an emergency wait for review"
    ]
    closed = bench.order("policy review close", case=case["id"], outcome="justified", remark="ward confirms")
    assert closed["case"]["outcome"] == "justified: ward confirms"
    assert bench.order("policy review list")["cases"] == []
    assert len(bench.order("policy review list", all=True)["cases"]) == 1
    with pytest.raises(Faults):
        bench.order("policy review close", case=case["id"], outcome="justified")


@row("C6 author")
def test_c6_an_author_breaks_nothing(row: None, bench: Bench) -> None:
    """What the asking institution wrote it sees anyway: that is no emergency, whatever the purpose says."""
    bench.consents([consent(deny())])
    caller = clinician("physician", "ETREAT", reason="unconscious")
    assert bench.retrieved(caller, ["2.999.4.1.2"], NOW) == {"2.999.4.1.2"}
    assert bench.order("policy review list")["cases"] == []


@row("C6 repeated")
def test_c6_no_more_while_too_much_waits_for_review(row: None, bench: Bench) -> None:
    policy: Policy = bench.services.actors.policy
    rules = replace(policy.jurisdiction, emergency=replace(policy.jurisdiction.emergency, limit=1))
    bench.services.actors.policy = replace(policy, jurisdiction=rules)
    bench.consents([consent(deny()), consent(deny(), patient=BEN, id_="c2")])
    caller = clinician("physician", "ETREAT", reason="unconscious")
    assert bench.retrieved(caller, [PLAIN], NOW) == {PLAIN}
    assert bench.retrieved(caller, [PLAIN], NOW) == {PLAIN}, "the same patient goes on"
    assert bench.retrieved(caller, [PLAIN_BEN], NOW) == set()
    assert bench.retrieved(replace(caller, user="<other@there>"), [PLAIN_BEN], NOW) == {PLAIN_BEN}
    case = next(one for one in bench.order("policy review list")["cases"] if one["user"] == "<dr@there>")
    bench.order("policy review close", case=case["id"], outcome="justified")
    assert bench.retrieved(caller, [PLAIN_BEN], NOW) == {PLAIN_BEN}


@row("C9")
def test_c9_consents_follow_merges_and_their_undoing(row: None, bench: Bench) -> None:
    """ANNA0 was merged into ANNA. Whatever was decided under either name holds for all documents of the person."""
    bench.consents([consent(deny(), patient=ANNA_BEFORE)])
    assert bench.retrieved(peer(), [PLAIN, PLAIN_BEFORE], NOW) == set()
    assert [one["patient"] for one in bench.order("consent list", patient="ANNA")["consents"]] == [ANNA_BEFORE]
    bench.order("patient unmerge", subsumed="ANNA0")
    try:
        assert bench.retrieved(peer(), [PLAIN, PLAIN_BEFORE], NOW) == {PLAIN}
        assert bench.order("consent list", patient="ANNA")["consents"] == []
    finally:
        bench.order("patient merge", survivor="ANNA", subsumed="ANNA0")
    assert bench.retrieved(peer(), [PLAIN, PLAIN_BEFORE], NOW) == set()


@row("C10")
def test_c10_counts_and_errors_reveal_nothing(row: None, bench: Bench) -> None:
    """Not in the number of objects, not in references, not in the limit on results. (Timing is no matter of a test.)"""
    bench.consents([consent(deny(documents=frozenset({PLAIN})))])
    query = stored_query(
        "FindDocuments", returns="ObjectRef", XDSDocumentEntryPatientId=ANNA, XDSDocumentEntryStatus=BOTH_STATUSES
    )
    actors = bench.services.actors
    view = Access(peer(), actors.policy, actors.registry, actors.reader, NOW)
    found = actors.registry.find(query, view.sees, view.judge)
    explained = bench.explained(peer(), ANNA, NOW)
    assert len(found.objects) == sum(decision.permit for decision in explained.values())
    search = actors.registry._search
    limit, search._limit = search._limit, len(found.objects)
    try:
        assert len(actors.registry.find(query, view.sees, view.judge).objects) == len(found.objects)
        with pytest.raises(TooManyResults):
            actors.registry.find(query)
    finally:
        search._limit = limit
    named = stored_query("GetDocuments", returns="ObjectRef", XDSDocumentEntryUniqueId=(PLAIN,))
    unknown = stored_query("GetDocuments", returns="ObjectRef", XDSDocumentEntryUniqueId=(UNKNOWN,))
    sizes = {
        len(bench.asked(ITI_38, adhoc_query_request(replace(one, home=actors.own.home)), peer(), NOW).envelope)
        for one in (named, unknown)
    }
    assert len(sizes) == 1


@row("C11")
def test_c11_callers_at_the_same_time_do_not_mix(row: None, bench: Bench) -> None:
    """Five hundred questions at once, of callers with other rights about other people: each answer is its own."""
    bench.consents(
        [
            consent(deny(communities=frozenset({BETA}))),
            consent(deny(communities=frozenset({GAMMA})), patient=BEN, id_="c2"),
        ]
    )
    own = bench.services.actors.own

    async def one(number: int) -> None:
        home, mine = (GAMMA, PLAIN) if number % 2 else (BETA, PLAIN_BEN)
        requests = [
            DocumentRequest(
                home_community_id=own.home, repository_unique_id=own.repository_unique_id, document_unique_id=id_
            )
            for id_ in (PLAIN, PLAIN_BEN)
        ]
        answer = await bench.ask(ITI_39, retrieve_request(requests), peer(home), NOW)
        assert [item.request.document_unique_id for item in answer.documents] == [mine]
        assert b"".join(answer.documents[0].frames) == mine.encode()

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(500)))

    bench.loop.run_until_complete(all_of_them())


@row("C18")
def test_c18_a_gateway_has_no_rights_of_its_own(row: None, bench: Bench) -> None:
    """What a patient permits to physicians is not for the gateway that asks in nobody's name, nor for a nurse."""
    policy: Policy = bench.services.actors.policy
    bench.services.actors.policy = replace(policy, jurisdiction=replace(policy.jurisdiction, default=Default.OPT_IN))
    bench.consents([consent(permit(roles=ROLES["physician"], purposes=frozenset({"TREAT"})))])
    seen = {
        name: PLAIN in bench.found(caller, ANNA, NOW) and bench.retrieved(caller, [PLAIN], NOW) == {PLAIN}
        for name, caller in {
            "gateway": peer(),
            "nurse": clinician("nurse", "TREAT"),
            "research": clinician("physician", "HRESCH"),
            "physician": clinician("physician", "TREAT"),
        }.items()
    }
    assert seen == {"gateway": False, "nurse": False, "research": False, "physician": True}
