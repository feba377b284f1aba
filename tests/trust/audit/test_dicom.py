"""AuditMessages are valid against the DICOM schema, whatever the event says, and say what the event says."""

from __future__ import annotations

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.shared import SHARED, needs_shared
from tests.trust.ledger.ledgers import SOURCE, query_event
from trust.audit.dicom import render, representable
from trust.audit.event import Action, AuditedObject, AuditEvent, Coded, EventId, Outcome, Participant
from trust.audit.source import AuditSource

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TEXT = st.text()  # lone surrogates and control characters included
CODED = st.builds(Coded, TEXT, TEXT, TEXT)
PARTICIPANTS = st.builds(
    Participant,
    user_id=TEXT,
    requestor=st.booleans(),
    role=st.none() | CODED,
    alternative_user_id=TEXT,
    user_name=TEXT,
    address=TEXT,
    address_type=st.sampled_from(["", "1", "2", "5"]),
)
OBJECTS = st.builds(
    AuditedObject,
    id=TEXT,
    type_code=st.sampled_from("1234"),
    role=st.sampled_from(["", "1", "3", "20", "24"]),
    id_type=CODED,
    life_cycle=st.sampled_from(["", "15"]),
    name=TEXT,
    query=st.binary(max_size=50),
    details=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
)
EVENTS = st.builds(
    AuditEvent,
    id=st.sampled_from(EventId),
    action=st.sampled_from(Action),
    outcome=st.sampled_from(Outcome),
    time=st.just("2026-03-01T10:15:00.125Z"),
    type=CODED,
    participants=st.lists(PARTICIPANTS, min_size=1, max_size=3).map(tuple),
    objects=st.lists(OBJECTS, max_size=3).map(tuple),
    purposes=st.lists(CODED, max_size=2).map(tuple),
    outcome_text=TEXT,
)


def parsed(event: AuditEvent, source: AuditSource = SOURCE):
    return etree.fromstring(render(event, source).encode())


def schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SHARED / "schemas/atna" / name))


@UNHURRIED
@given(EVENTS)
def test_i7_parsing_gives_back_what_went_in(event: AuditEvent) -> None:
    found = parsed(event)
    head, *people = found.findall("EventIdentification") + found.findall("ActiveParticipant")
    assert (head.find("EventOutcomeDescription").text if event.outcome_text else "") == representable(
        event.outcome_text
    )
    assert coded(head.find("EventTypeCode")) == expected(event.type)
    assert [coded(one) for one in head.findall("PurposeOfUse")] == list(map(expected, event.purposes))
    assert len(people) == len(event.participants)
    for element, one in zip(people, event.participants, strict=True):
        assert element.get("UserID") == representable(one.user_id)
        assert element.get("UserName", "") == representable(one.user_name)
        assert element.get("AlternativeUserID", "") == representable(one.alternative_user_id)
        assert element.get("NetworkAccessPointID", "") == representable(one.address)
        assert element.get("UserIsRequestor") == str(one.requestor).lower()
        assert [coded(role) for role in element] == ([expected(one.role)] if one.role else [])
    things = found.findall("ParticipantObjectIdentification")
    assert len(things) == len(event.objects)
    for element, one in zip(things, event.objects, strict=True):
        assert element.get("ParticipantObjectID") == representable(one.id)
        assert coded(element[0]) == expected(one.id_type)
        query = element.findtext("ParticipantObjectQuery")
        assert base64.b64decode(query or "") == one.query
        if one.name and not one.query:
            assert element.findtext("ParticipantObjectName") == representable(one.name)
        details = [
            (part.get("type"), base64.b64decode(part.get("value")).decode())
            for part in element.iter("ParticipantObjectDetail")
        ]
        assert details == [(representable(type_), representable(value)) for type_, value in one.details]


def coded(element) -> tuple[str, str, str]:
    return element.get("csd-code"), element.get("codeSystemName"), element.get("originalText")


def expected(value: Coded) -> tuple[str, str, str]:
    return representable(value.code), representable(value.system), representable(value.text)


@needs_shared
@UNHURRIED
@given(EVENTS)
def test_every_message_is_valid(event: AuditEvent) -> None:
    _DICOM.assertValid(parsed(event))


_DICOM = schema("audit-message-dicom.xsd") if SHARED else None


@needs_shared
def test_the_older_form_of_the_source_is_valid_in_its_schema() -> None:
    source = AuditSource(enterprise_site_id="urn:oid:2.999.10", source_id="a", form="element")
    schema("audit-message-rfc3881.xsd").assertValid(parsed(query_event(), source))


@needs_shared
@pytest.mark.parametrize(
    "event",
    [
        pytest.param(query_event(), id="ITI-18"),
        pytest.param(query_event(outcome=Outcome.SERIOUS, outcome_text="XDSRegistryError"), id="ITI-18 refused"),
        pytest.param(
            AuditEvent(
                id=EventId.APPLICATION_ACTIVITY,
                action=Action.EXECUTE,
                outcome=Outcome.SUCCESS,
                time="2026-03-01T10:15:00.125Z",
                type=Coded("110120", "DCM", "Application Start"),
                participants=(
                    Participant(user_id="node", requestor=False, role=Coded("110150", "DCM", "Application")),
                    Participant(user_id="root", requestor=True, role=Coded("110151", "DCM", "Application Launcher")),
                ),
            ),
            id="start",
        ),
    ],
)
def test_typical_messages_are_valid(event: AuditEvent) -> None:
    _DICOM.assertValid(parsed(event))


def test_a_message_is_one_line_and_declares_utf_8() -> None:
    text = render(query_event("\n\r"), SOURCE)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?><AuditMessage>')
    assert "\n" not in text
    assert "\r" not in text


def test_the_source_is_named() -> None:
    element = parsed(query_event()).find("AuditSourceIdentification")
    assert element.get("AuditEnterpriseSiteID") == "urn:oid:2.999.10"
    assert element.get("AuditSourceID") == "node-a.example"
    assert element.get("code") == "4"


def test_an_event_without_participants_is_refused() -> None:
    with pytest.raises(ValueError, match="participant"):
        render(query_event(participants=()), SOURCE)
