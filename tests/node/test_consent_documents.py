"""Consents that come as documents: what is followed, what is ignored with which reason, and their fate (row C4)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.access import Policy
from node.configuration.config import parse
from node.consents import bppc as bppc_reader
from node.consents import jurisdiction
from node.documents import xml_documents
from registry.metadata.objects import RPLC
from tests.node import policy_bench
from tests.node.policy_bench import ANNA, BEN, BETA, GAMMA, NOW, Bench
from tests.registry.registry_bench import code, entry, relation, uuid
from trust.consent import store, xacml
from trust.consent.policy import Effect, Provision, Status
from trust.consent.reading import NotFollowedError
from trust.consent.words import ROLES
from trust.identity.caller import Caller, Role

DENY_BETA, PERMIT_ALL = "2.999.7.1", "2.999.7.2"
FORMATS = "1.3.6.1.4.1.19376.1.2.3"
MEANINGS = {
    DENY_BETA: Provision(effect=Effect.DENY, communities=frozenset({BETA})),
    PERMIT_ALL: Provision(effect=Effect.PERMIT),
    "urn:example:nothing": Provision(effect=Effect.DENY),
}
ANNA_ID = '<id root="2.999.1" extension="ANNA"/>'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from policy_bench.bench(policy_bench.config(tmp_path_factory.mktemp("documents")))


@pytest.fixture
def bench(made: Bench) -> Bench:
    made.consents([])
    policy: Policy = made.services.actors.policy
    made.services.actors.policy = replace(policy, meanings=MEANINGS)
    return made


def bppc(
    *, policy: str = DENY_BETA, patient: str = ANNA_ID, low: str = "20260101", high: str = "",
    document_code: str = "57016-8", template: str = "1.3.6.1.4.1.19376.1.5.3.1.1.7",
    event: str = "1.3.6.1.4.1.19376.1.5.3.1.2.6", before: str = "",
) -> bytes:  # fmt: skip
    end = f'<high value="{high}"/>' if high else ""
    start = f'<low value="{low}"/>' if low else ""
    return f"""{before}<ClinicalDocument xmlns="urn:hl7-org:v3">
<templateId root="1.3.6.1.4.1.19376.1.5.3.1.1.1"/><templateId root="{template}"/><id root="2.999.4.99"/>
<code code="{document_code}" codeSystem="2.16.840.1.113883.6.1"/><title>Consent</title>
<recordTarget><patientRole>{patient}</patientRole></recordTarget>
<documentationOf typeCode="DOC"><serviceEvent classCode="ACT" moodCode="EVN"><templateId root="{event}"/>
<id root="2.999.4.98"/><code code="{policy}" codeSystem="2.999.7"/><effectiveTime>{start}{end}</effectiveTime>
</serviceEvent></documentationOf></ClinicalDocument>""".encode()


CONDITION = "<Condition FunctionId='f'/>"
ORGANISATION = (
    "<Subjects><Subject><SubjectMatch MatchId='urn:oasis:names:tc:xacml:1.0:function:anyURI-equal'>"
    "<AttributeValue DataType='http://www.w3.org/2001/XMLSchema#anyURI'>urn:oid:{value}</AttributeValue>"
    "<SubjectAttributeDesignator AttributeId='urn:ihe:iti:xca:2010:homeCommunityId'"
    " DataType='http://www.w3.org/2001/XMLSchema#anyURI'/></SubjectMatch></Subject></Subjects>"
)


def appc(
    *, patient: str = "ANNA", effect: str = "Deny", subjects: str = ORGANISATION.format(value=BETA), inside: str = "",
    algorithm: str = "deny-overrides", environments: str = "", root: str = "PolicySet", body: str = "",
) -> bytes:  # fmt: skip
    rule = body or (
        f"<Policy PolicyId='p' RuleCombiningAlgId='urn:oasis:names:tc:xacml:1.0:rule-combining-algorithm:{algorithm}'>"
        f"<Target>{subjects}</Target><Rule RuleId='r' Effect='{effect}'>{inside}</Rule></Policy>"
    )
    return f"""<{root} xmlns="urn:oasis:names:tc:xacml:2.0:policy:schema:os" xmlns:hl7="urn:hl7-org:v3" PolicySetId="s"
 PolicyCombiningAlgId="urn:oasis:names:tc:xacml:1.0:policy-combining-algorithm:deny-overrides"><Target><Resources>
<Resource><ResourceMatch MatchId="urn:hl7-org:v3:function:II-equal"><AttributeValue DataType="urn:hl7-org:v3#II">
<hl7:InstanceIdentifier root="2.999.1" extension="{patient}"/></AttributeValue><ResourceAttributeDesignator
 AttributeId="urn:oasis:names:tc:xacml:2.0:resource:resource-id" DataType="urn:hl7-org:v3#II"/></ResourceMatch>
</Resource></Resources>{environments}</Target>{rule}</{root}>""".encode()


def date(function: str, value: str) -> str:
    return (
        "<Environments><Environment><EnvironmentMatch MatchId='urn:oasis:names:tc:xacml:1.0:function:date-"
        f"{function}-than-or-equal'><AttributeValue DataType='http://www.w3.org/2001/XMLSchema#date'>{value}"
        "</AttributeValue><EnvironmentAttributeDesignator AttributeId='urn:oasis:names:tc:xacml:1.0:environment:"
        "current-date' DataType='http://www.w3.org/2001/XMLSchema#date'/></EnvironmentMatch></Environment></Environments>"
    )


def document(form: str, *, patient: str = ANNA, policies: tuple[str, ...] = (), id_: str = "", **given: object):
    formats = {
        "bppc": "urn:ihe:iti:bppc:2007",
        "scan": "urn:ihe:iti:bppc-sd:2007",
        "appc": "urn:ihe:iti:appc:2016:consent",
    }
    document.number += 1
    return entry(
        id_ or uuid(5000 + document.number),
        patient=patient,
        unique_id=f"2.999.6.{document.number}",
        format_codes=(code(formats[form], FORMATS),),
        event_codes=tuple(code(one, "2.999.7") for one in policies),
        mime_type="text/xml",
        hash=(),
        size=(),
        repository_unique_id=(),
        **given,
    )


document.number = 0


def peer(home: str = BETA) -> Caller:
    return Caller(role=Role.PEER, name="there", fingerprint="f", address="", home=f"urn:oid:{home}", clearance="N")


def kept(bench: Bench, patient: str = ANNA):
    names = bench.services.registry.identities_of(patient)
    return store.of_patient(bench.services.reader, names)


def sees(bench: Bench, home: str = BETA, person: str = ANNA, now=NOW) -> bool:
    """Whether the plain document of a person is in the answer to this community."""
    number = 1 if person == ANNA else 3
    plain = f"2.999.4.{number}.1"
    found = plain in bench.found(peer(home), person, now)
    assert (plain in bench.retrieved(peer(home), [plain], now)) is found
    return found


@pytest.mark.parametrize("form", ["bppc", "scan", "appc"])
def test_a_document_denies(bench: Bench, form: str) -> None:
    assert sees(bench)
    content = appc() if form == "appc" else bppc()
    bench.submit(document(form, policies=(DENY_BETA,)), content)
    (consent,) = kept(bench)
    assert consent.status is Status.ACTIVE
    assert consent.recorded_by == "ward"
    assert not sees(bench)
    assert sees(bench, GAMMA)
    assert sees(bench, person=BEN)


ELSEWHERE = '<id root="2.999.1" extension="BEN"/>'
IGNORED = {
    "forged: not a BPPC template": (document, "bppc", bppc(template="1.2.3"), (), "no BPPC document"),
    "forged: other code": (document, "bppc", bppc(document_code="11506-3"), (), "LOINC 57016-8"),
    "wrong patient": (document, "bppc", bppc(patient=ELSEWHERE), (), "another patient"),
    "no patient": (document, "bppc", bppc(patient=""), (), "another patient"),
    "other community's policy": (document, "bppc", bppc(policy="2.999.8.8"), (), "not in use here"),
    "metadata name another policy": (document, "bppc", bppc(), (PERMIT_ALL,), "metadata do not name"),
    "no start": (document, "bppc", bppc(low=""), (), "from when"),
    "bad start": (document, "bppc", bppc(low="yesterday"), (), "from when"),
    "bad end": (document, "bppc", bppc(high="later"), (), "until when"),
    "no policy": (document, "bppc", bppc(policy=""), (), "names no policy"),
    "no consent in it": (document, "bppc", bppc(event="1.2.3"), (), "acknowledges no policy"),
    "not XML": (document, "bppc", b"%PDF-1.4", (), "no XML"),
    "entities": (document, "bppc", bppc(before='<!DOCTYPE a [<!ENTITY b "c">]>'), (), "no XML"),
    "too large": (document, "bppc", bppc() + b" " * (1 << 20), (), "larger than"),
    "held elsewhere": (document, "bppc", None, (), "another repository"),
    "no XACML": (document, "appc", bppc(), (), "no XACML"),
    "XACML about another patient": (document, "appc", appc(patient="BEN"), (), "another patient"),
    "XACML about nobody": (document, "appc", appc().replace(b"II-equal", b"XX-equal"), (), "does not name the patient"),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"C4 {name}") for name in IGNORED])
def test_c4_a_document_that_is_ignored_says_why(bench: Bench, name: str) -> None:
    make, form, content, policies, reason = IGNORED[name]
    of_entry = make(form, policies=policies)
    if content is None:
        of_entry = replace(of_entry, hash=("a" * 40,), size=("9",), repository_unique_id=("2.999.3.9",))
    bench.submit(of_entry, content)
    (shown,) = bench.order("consent show", patient="ANNA")["consents"]
    assert shown["status"] == "ignored"
    assert reason in shown["why"]
    assert shown["document"] == of_entry.unique_id
    assert sees(bench)


@pytest.mark.parametrize("row", [pytest.param(None, id="C4 expired")])
def test_c4_a_period_is_kept(row: None, bench: Bench) -> None:
    """The last day counts whole."""
    bench.submit(document("bppc"), bppc(low="20260501", high="20260601"))
    assert not sees(bench)
    assert sees(bench, now=NOW + timedelta(days=1))
    assert sees(bench, now=NOW - timedelta(days=60))
    bench.consents([])
    bench.submit(document("appc"), appc(environments=date("less", "2026-05-01")))
    bench.submit(document("appc", patient=BEN), appc(patient="BEN", environments=date("greater", "2026-06-01")))
    assert not sees(bench)
    assert sees(bench, now=NOW - timedelta(days=60))
    assert not sees(bench, person=BEN)
    assert sees(bench, person=BEN, now=NOW + timedelta(days=1))


@pytest.mark.parametrize("high", ["9999", "999912", "99991231", "99991231235959"])
def test_the_last_day_of_the_calendar_is_no_end(high: str, bench: Bench) -> None:
    bench.submit(document("bppc"), bppc(high=high))
    assert not sees(bench)
    bench.consents([])
    bench.submit(document("appc", patient=BEN), appc(patient="BEN", environments=date("greater", "9999-12-31")))
    assert not sees(bench, person=BEN)


@pytest.mark.parametrize("row", [pytest.param(None, id="C4 superseded")])
def test_c4_the_latest_acknowledgement_wins(row: None, bench: Bench) -> None:
    bench.submit(document("bppc"), bppc())
    bench.submit(document("bppc"), bppc(high="20260201"))  # the same policy, ended already
    assert [one.status for one in kept(bench)] == [Status.SUPERSEDED, Status.ACTIVE]
    assert sees(bench)


def test_a_replacement_takes_the_place(bench: Bench) -> None:
    first = document("appc")
    bench.submit(first, appc())
    assert not sees(bench)
    second = document("appc")
    bench.submit(
        second, appc(subjects=ORGANISATION.format(value=GAMMA)), relation(RPLC, second.entry_uuid, first.entry_uuid)
    )
    assert {one.document: one.status for one in kept(bench)} == {
        first.unique_id: Status.SUPERSEDED,
        second.unique_id: Status.ACTIVE,
    }
    assert sees(bench)
    assert not sees(bench, GAMMA)


def test_a_consent_shares_the_fate_of_its_document(bench: Bench) -> None:
    of_entry = document("bppc")
    bench.submit(of_entry, bppc())
    assert not sees(bench)
    bench.order("document quarantine", unique_id=of_entry.unique_id)
    assert kept(bench)[0].status is Status.SUSPENDED
    assert sees(bench)
    bench.order("document quarantine", unique_id=of_entry.unique_id, off=True)
    assert not sees(bench)
    bench.order("document deprecate", unique_id=of_entry.unique_id)
    assert kept(bench)[0].status is Status.SUPERSEDED
    assert sees(bench)


MANY = "".join(f"<Subject>{ORGANISATION.format(value=f'2.999.{number}')[19:-21]}</Subject>" for number in range(1100))
OUTSIDE = {
    "too many alternatives": appc(subjects=f"<Subjects>{MANY}</Subjects>"),
    "condition": appc(inside=CONDITION),
    "first-applicable": appc(algorithm="first-applicable"),
    "unknown attribute": appc(subjects=ORGANISATION.format(value=BETA).replace("homeCommunityId", "shoe-size")),
    "unknown function": appc(subjects=ORGANISATION.format(value=BETA).replace("anyURI-equal", "anyURI-like")),
    "unknown policy": appc(body="<PolicySetIdReference>urn:example:other</PolicySetIdReference>"),
    "no effect": appc(effect="Perhaps"),
    "nested period": appc(
        body="<Policy PolicyId='p' RuleCombiningAlgId='x:rule-combining-algorithm:deny-overrides'><Target>"
        f"{date('less', '2026-01-01')}</Target><Rule RuleId='r' Effect='Permit'/></Policy>"
    ),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_cannot_be_followed_denies(bench: Bench, name: str) -> None:
    """A consent of this patient that this node understands in part must not lose its denials: Indeterminate is Deny."""
    bench.submit(document("appc"), OUTSIDE[name])
    (consent,) = kept(bench)
    assert consent.status is Status.ACTIVE
    assert consent.provisions == ()
    assert consent.why.startswith("cannot be followed: ")
    assert not sees(bench)


def test_a_document_without_a_rule_is_an_empty_policy(bench: Bench) -> None:
    bench.submit(document("appc"), appc(body=" "))
    assert kept(bench)[0].provisions == ()
    assert not sees(bench)


def test_a_reference_is_a_row_of_the_configuration(bench: Bench) -> None:
    body = "<PolicySetIdReference>urn:example:nothing</PolicySetIdReference>"
    bench.submit(document("appc"), appc(body=body))
    (consent,) = kept(bench)
    assert consent.provisions == (MEANINGS["urn:example:nothing"],)
    assert not sees(bench, GAMMA)


def test_an_action_that_is_no_reading_is_passed_over(bench: Bench) -> None:
    action = (
        "<Actions><Action><ActionMatch MatchId='urn:oasis:names:tc:xacml:1.0:function:anyURI-equal'><AttributeValue"
        " DataType='x'>urn:ihe:iti:2007:{name}</AttributeValue><ActionAttributeDesignator"
        " AttributeId='urn:oasis:names:tc:xacml:1.0:action:action-id' DataType='x'/></ActionMatch></Action></Actions>"
    )
    bench.submit(document("appc"), appc(subjects=action.format(name="ProvideAndRegisterDocumentSet-b")))
    assert kept(bench)[0].status is Status.IGNORED
    assert "nothing about who may see" in kept(bench)[0].why
    assert sees(bench)
    bench.consents([])
    bench.submit(document("appc"), appc(subjects=action.format(name="CrossGatewayQuery")))
    assert kept(bench)[0].provisions == (Provision(effect=Effect.DENY),)


@settings(max_examples=150)
@given(data=st.data())
def test_whatever_a_document_holds_is_read_or_named(data: st.DataObject) -> None:
    """Parts taken out, doubled, renamed, emptied: a reader that fails otherwise would keep a document from registering."""
    content = data.draw(st.sampled_from([appc(environments=date("less", "2026-05-01")), bppc(high="20270101")]))
    root = xml_documents.read(content)
    assert root is not None
    for _ in range(data.draw(st.integers(1, 3))):
        elements = list(root.iter())
        one = elements[data.draw(st.integers(0, len(elements) - 1))]
        match data.draw(st.sampled_from(["remove", "double", "rename", "empty", "text"])):
            case "remove" if one is not root:
                one.getparent().remove(one)
            case "double" if one is not root:
                one.addnext(deepcopy(one))
            case "rename":
                one.tag = elements[data.draw(st.integers(0, len(elements) - 1))].tag
            case "empty":
                one.attrib.clear()
            case _:
                one.text = data.draw(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=9))
    with contextlib.suppress(NotFollowedError):
        xacml.read(root, patients=["2.999.1|ANNA"], meaning=MEANINGS.get)
    with contextlib.suppress(NotFollowedError):
        bppc_reader.read(root, patients=[ANNA], acknowledged=(), meaning=MEANINGS.get)


def test_the_configuration_says_what_a_policy_means(made: Bench) -> None:
    text = (
        '[[consent.policies]]\nname = "no-beta"\npolicy = "2.999.7.9"\neffect = "deny"\ncommunities = ["urn:oid:2.999.50"]\n'
        'roles = ["nurse"]\npurposes = ["emergency"]\ncategories = ["hiv"]\nbreakable = false\n'
    )
    root = made.services.config.root
    config = parse((root / "node.toml").read_text() + text, root)
    assert jurisdiction.policy(config).meanings == {
        "2.999.7.9": Provision(
            effect=Effect.DENY,
            communities=frozenset({BETA}),
            roles=ROLES["nurse"],
            purposes=frozenset({"ETREAT"}),
            categories=frozenset({"hiv"}),
            breakable=False,
        )
    }
