"""AuditEvents: the mapping of federation-wire 6.2, the constraints of FHIR R4, and every kind of record there is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given

from tests.trust.audit.test_dicom import EVENTS, UNHURRIED
from tests.trust.ledger.ledgers import QUERY, SOURCE, TIME, local, query_event
from trust.audit.dicom import render, representable
from trust.audit.event import (
    Action,
    AuditedObject,
    AuditEvent,
    Coded,
    EventId,
    Kind,
    NewRecord,
    Outcome,
    Participant,
)
from trust.audit.fhir import audit_event
from trust.ledger.record import NOISE_BYTES, seal

DCM = "http://dicom.nema.org/resources/ontology/DCM"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
WITH_MESSAGE = {Kind.RESPONSE_SENT, Kind.RESPONSE_RECEIVED, Kind.LOCAL, Kind.EXCHANGE_FAILED, Kind.SECURITY}


def rendered(new: NewRecord) -> dict[str, Any]:
    dicom = render(new.event, SOURCE) if new.event else ""
    sealed = seal(new, index=7, counter=0, subject_key=b"", dicom=dicom, noise=bytes(NOISE_BYTES))
    return audit_event(json.loads(sealed.body))


def checked(resource: dict[str, Any]) -> dict[str, Any]:
    """What R4 demands of any AuditEvent: cardinalities, no empty values, sev-1."""
    assert resource["resourceType"] == "AuditEvent"
    assert {"type", "recorded", "agent", "source"} <= resource.keys()
    assert resource["agent"]
    assert resource["source"]["observer"]
    for agent in resource["agent"]:
        assert isinstance(agent["requestor"], bool)
    for entity in resource.get("entity", []):
        assert not ("name" in entity and "query" in entity)
        for detail in entity.get("detail", []):
            assert detail.keys() == {"type", "valueString"}
    no_empty(resource)
    return resource


def no_empty(value: object) -> None:
    if isinstance(value, dict | list):
        assert value
        for one in value.values() if isinstance(value, dict) else value:
            no_empty(one)
    else:
        assert value != ""


def test_each_field_of_a_query_stands_where_the_mapping_says() -> None:
    found = checked(rendered(local(outcome=Outcome.SERIOUS, outcome_text="XDSUnknownPatientId")))
    assert found == {
        "resourceType": "AuditEvent",
        "type": {"system": DCM, "code": "110112", "display": "Query"},
        "subtype": [{"system": "urn:ihe:event-type-code", "code": "ITI-18", "display": "Registry Stored Query"}],
        "action": "E",
        "recorded": TIME,
        "outcome": "8",
        "outcomeDesc": "XDSUnknownPatientId",
        "agent": [
            {
                "type": {"coding": [{"system": DCM, "code": "110153", "display": "Source Role ID"}]},
                "who": {"identifier": {"value": "ward-7 (application)"}},
                "requestor": True,
                "network": {"address": "10.1.4.20", "type": "2"},
            },
            {
                "type": {"coding": [{"system": DCM, "code": "110152", "display": "Destination Role ID"}]},
                "who": {"identifier": {"value": "https://reg.alpha.example/registry"}},
                "requestor": False,
            },
        ],
        "source": {
            "site": "urn:oid:2.999.10",
            "observer": {"identifier": {"value": "node-a.example"}},
            "type": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
                    "code": "4",
                    "display": "Application Server",
                }
            ],
        },
        "entity": [
            {
                "what": {
                    "identifier": {
                        "type": {"coding": [{"system": "urn:ietf:rfc:3881", "code": "2", "display": "Patient Number"}]},
                        "system": "urn:oid:2.999.10.100",
                        "value": "A-4711",
                    }
                },
                "type": {"system": ENTITY_TYPE, "code": "1"},
                "role": {"system": ROLE, "code": "1", "display": "Patient"},
            },
            {
                "what": {
                    "identifier": {
                        "type": {
                            "coding": [
                                {
                                    "system": "urn:ihe:event-type-code",
                                    "code": "ITI-18",
                                    "display": "Registry Stored Query",
                                }
                            ]
                        },
                        "value": "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
                    }
                },
                "type": {"system": ENTITY_TYPE, "code": "2"},
                "role": {"system": ROLE, "code": "24"},
                "query": base64.b64encode(QUERY).decode(),
                "detail": [{"type": "QueryEncoding", "valueString": "UTF-8"}],
            },
        ],
    }


def document_event(id_: EventId, action: Action, outcome: Outcome = Outcome.SUCCESS) -> AuditEvent:
    return AuditEvent(
        id=id_,
        action=action,
        outcome=outcome,
        time=TIME,
        type=Coded("ITI-39", "IHE Transactions", "Cross Gateway Retrieve"),
        participants=query_event().participants,
        objects=(AuditedObject(id="1.2.3", type_code="2", role="3", id_type=Coded("9", "RFC-3881", "Report Number")),),
    )


@pytest.mark.parametrize(
    ("kind", "event", "disclosed"),
    [
        (Kind.RESPONSE_SENT, document_event(EventId.EXPORT, Action.READ), True),  # PrivacyDisclosure.Source
        (Kind.RESPONSE_RECEIVED, document_event(EventId.IMPORT, Action.CREATE), True),  # PrivacyDisclosure.Recipient
        (Kind.RESPONSE_SENT, document_event(EventId.EXPORT, Action.READ, Outcome.SERIOUS), False),
        (Kind.EXCHANGE_FAILED, document_event(EventId.IMPORT, Action.CREATE), False),
        (Kind.LOCAL, document_event(EventId.EXPORT, Action.READ), False),
        (Kind.RESPONSE_SENT, query_event(), False),
    ],
)
def test_documents_that_cross_between_institutions_are_disclosures(
    kind: Kind, event: AuditEvent, disclosed: bool
) -> None:
    exchange = {} if kind is Kind.LOCAL else {"cid": "urn:uuid:1", "leg": "s", "payload": bytes(32)}
    found = checked(rendered(NewRecord(kind=kind, time=TIME, event=event, **exchange)))
    assert ("disclose" in [one.get("code") for one in found["subtype"]]) is disclosed
    ids = [one for one in found["entity"] if one["type"]["code"] == "XrequestId"]
    assert [one["what"]["identifier"]["value"] for one in ids] == ([] if kind is Kind.LOCAL else ["urn:uuid:1"])


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_record_has_a_form(kind: Kind) -> None:
    if kind in WITH_MESSAGE:
        new = NewRecord(kind=kind, time=TIME, event=query_event(), subject="2.999.10.100|A-4711")
    else:
        note = {"transaction": "ITI-38", "incident": "3f2a"}
        new = NewRecord(kind=kind, time=TIME, subject="2.999.10.100|A-4711", peer="urn:oid:2.999.20", note=note)
    found = checked(rendered(new))
    patients = [one["what"]["identifier"] for one in found["entity"] if one["type"].get("code") == "1"]
    assert [(one["system"], one["value"]) for one in patients] == [("urn:oid:2.999.10.100", "A-4711")]
    if kind is Kind.REQUEST_SENT:
        assert found["type"]["code"] == "transmit"
        assert found["agent"][0]["type"]["coding"][0]["code"] == "110152"
    if kind is Kind.REQUEST_RECEIVED:
        assert found["type"]["code"] == "receive"
        assert found["agent"][0]["requestor"] is True


def test_what_the_ledger_knows_beyond_the_message_is_carried_over() -> None:
    new = NewRecord(kind=Kind.LOCAL, time=TIME, event=query_event(), note={"policy": "2 withheld", "empty": ""})
    *_, last = checked(rendered(new))["entity"]
    assert last["detail"] == [{"type": "policy", "valueString": "2 withheld"}]


@UNHURRIED
@given(EVENTS)
def test_whatever_the_event_says_every_fact_is_carried_over(event: AuditEvent) -> None:
    found = rendered(NewRecord(kind=Kind.LOCAL, time=TIME, event=event))
    assert [one["who"]["identifier"]["value"] for one in found["agent"]] == [
        representable_json(one.user_id) for one in event.participants
    ]
    assert [one["requestor"] for one in found["agent"]] == [one.requestor for one in event.participants]
    entities = found.get("entity", [])
    assert [one["what"]["identifier"]["value"] for one in entities] == [
        representable_json(one.id) for one in event.objects
    ]
    assert [base64.b64decode(one.get("query", "")) for one in entities] == [one.query for one in event.objects]


def representable_json(text: str) -> str:
    """JSON carries what XML cannot, but for lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return representable(text)
    return text


@pytest.mark.parametrize("name", ["A & B <\"'>", "tab\there", "next\x85line", "\u2028"])
def test_the_source_is_read_back_as_it_was(name: str) -> None:
    event = query_event(participants=(Participant(user_id="x", requestor=True),))
    dicom = render(event, type(SOURCE)(enterprise_site_id=name, source_id=name))
    sealed = seal(
        NewRecord(kind=Kind.LOCAL, time=TIME, event=event),
        index=0,
        counter=0,
        subject_key=b"",
        dicom=dicom,
        noise=bytes(NOISE_BYTES),
    )
    found = audit_event(json.loads(sealed.body))
    assert found["source"]["site"] == name
    assert found["source"]["observer"]["identifier"]["value"] == name
