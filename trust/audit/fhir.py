"""The record of an event as FHIR R4 AuditEvent, made when somebody asks for it (IHE BALP; federation-wire 6.2, 6.3).

The codes are those of the AuditMessage, so that the FHIR and the syslog copy of one event are found by the same search.
BALP gives the shapes: source and destination agents, patient, query, data and request-id entities, and the subtype
`disclose` where documents cross between institutions. No profile is claimed: the RESTful ones fix a `type` that is not
true of a SOAP exchange, and none of them knows the audit source apart from the agent.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from trust.audit.event import EventId, Kind

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
_SYSTEMS: Final = {"DCM": _DCM, "IHE Transactions": "urn:ihe:event-type-code", "RFC-3881": "urn:ietf:rfc:3881"}
_OID: Final = re.compile(r"[0-2](\.\d+)+")
_LIFECYCLE: Final = f"{_TERMINOLOGY}iso-21089-lifecycle"
_DISCLOSE: Final = {"system": _LIFECYCLE, "code": "disclose", "display": "Disclose"}
_REQUEST_ID: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_BETWEEN_INSTITUTIONS: Final = frozenset({Kind.RESPONSE_SENT, Kind.RESPONSE_RECEIVED})
_DOCUMENTS_MOVE: Final = frozenset({EventId.EXPORT.value[0], EventId.IMPORT.value[0]})
_BARE: Final = {
    Kind.REQUEST_SENT: ("transmit", "Transmit"),
    Kind.REQUEST_RECEIVED: ("receive", "Receive"),
}
# What stands in the AuditMessage alone. The node wrote it itself, from templates with every value escaped.
_SOURCE: Final = re.compile(r'<AuditSourceIdentification [^>]*AuditEnterpriseSiteID="([^"]*)" AuditSourceID="([^"]*)"')
_QUERY: Final = re.compile(r"<ParticipantObjectQuery>([A-Za-z0-9+/=]*)</ParticipantObjectQuery>")
_REFERENCE: Final = re.compile(r"&(?:#(\d+)|(amp|lt|gt|quot|apos));")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def audit_event(record: Mapping[str, Any]) -> dict[str, Any]:
    """One record, as the canonical JSON of the ledger holds it, as an AuditEvent resource without `id`.

    A record without an AuditMessage (kinds 1, 2, 8 to 12) becomes an event that tells its kind and its note.
    """
    event = record["event"]
    found = _of_event(record, event) if "id" in event else _bare(record, event.get("note", {}))
    if record.get("cid"):
        found.setdefault("entity", []).append(
            {"what": {"identifier": {"value": record["cid"]}}, "type": {"system": _REQUEST_ID, "code": "XrequestId"}}
        )
    return found


def _of_event(record: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    message = record.get("dicom", "")
    found: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "type": _coding(event["id"]),
        **({"subtype": subtypes} if (subtypes := _subtypes(record, event)) else {}),
        "action": event["action"],
        "recorded": event["time"],
        "outcome": str(event["outcome"]),
    }
    if event.get("outcome_text"):
        found["outcomeDesc"] = event["outcome_text"]
    if event.get("purpose"):
        found["purposeOfEvent"] = [{"coding": [_coding(one)]} for one in event["purpose"]]
    found["agent"] = [_agent(one) for one in event["participants"]]
    found["source"] = _source(message)
    entities = [*_entities(record, event, message), *_note(event.get("note", {}), "note of the audit ledger")]
    return found | ({"entity": entities} if entities else {})


def _subtypes(record: Mapping[str, Any], event: Mapping[str, Any]) -> list[dict[str, str]]:
    disclosed = (
        record["kind"] in _BETWEEN_INSTITUTIONS and event["id"][0] in _DOCUMENTS_MOVE and event["outcome"] in (0, 4)
    )
    return [*([_coding(event["type"])] if "type" in event else []), *([dict(_DISCLOSE)] if disclosed else [])]


def _bare(record: Mapping[str, Any], note: Mapping[str, str]) -> dict[str, Any]:
    kind = Kind(record["kind"])
    code = _BARE.get(kind)
    ledger = {"display": f"audit ledger: {kind.name.lower().replace('_', ' ')}"}
    subtypes = [ledger]
    if note.get("transaction"):
        subtypes.append({"system": _SYSTEMS["IHE Transactions"], "code": note["transaction"]})
    entities: list[dict[str, Any]] = []
    if record.get("subject"):
        entities.append(_patient(record["subject"]))
    entities += _note(note, ledger["display"])
    found: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "type": {"system": _LIFECYCLE, "code": code[0], "display": code[1]}
        if code
        else _coding((*EventId.APPLICATION_ACTIVITY.value[:1], "DCM", EventId.APPLICATION_ACTIVITY.value[1])),
        "subtype": subtypes,
        "action": "E",
        "recorded": record["time"],
        "outcome": "0",
        "agent": [_other_side(record["peer"], asking=kind is Kind.REQUEST_RECEIVED)] if record.get("peer") else [_SELF],
        "source": _source(""),
    }
    return found | ({"entity": entities} if entities else {})


_SELF: Final = {"who": {"display": "the node that holds this record"}, "requestor": False}


def _other_side(home: str, *, asking: bool) -> dict[str, Any]:
    role = ("110153", "DCM", "Source Role ID") if asking else ("110152", "DCM", "Destination Role ID")
    return {"type": {"coding": [_coding(role)]}, "who": {"identifier": {"value": home}}, "requestor": asking}


def _agent(one: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if one.get("role"):
        found["type"] = {"coding": [_coding(one["role"])]}
    found["who"] = {"identifier": {"value": one["user"]}}
    if one.get("alternative"):
        found["altId"] = one["alternative"]
    if one.get("name"):
        found["name"] = one["name"]
    found["requestor"] = one["requestor"]
    if one.get("address"):
        network = {"address": one["address"]}
        if one.get("address_type"):
            network["type"] = one["address_type"]
        found["network"] = network
    return found


def _source(message: str) -> dict[str, Any]:
    found = _SOURCE.search(message)
    if found is None:
        return {"observer": {"display": "the node that holds this record"}}
    site, source = map(_unescaped, found.groups())
    kind = {"system": f"{_TERMINOLOGY}security-source-type", "code": "4", "display": "Application Server"}
    return {"site": site, "observer": {"identifier": {"value": source}}, "type": [kind]}


def _entities(record: Mapping[str, Any], event: Mapping[str, Any], message: str) -> Iterator[dict[str, Any]]:
    queries = {sha256(b64decode(text)).hexdigest(): text for text in _QUERY.findall(message)}
    for one in event["objects"]:
        if one["id"] == event.get("patient") and record.get("subject"):
            found = _patient(record["subject"])
            found["what"]["identifier"]["type"] = {"coding": [_coding(one["id_type"])]}
        else:
            identifier = {"type": {"coding": [_coding(one["id_type"])]}, "value": one["id"]}
            found = {"what": {"identifier": identifier}, "type": _entity_type(one["type"])}
            if one.get("role"):
                found["role"] = {"system": f"{_TERMINOLOGY}object-role", "code": one["role"]}
        if one.get("life_cycle"):
            found["lifecycle"] = {"system": f"{_TERMINOLOGY}dicom-audit-lifecycle", "code": one["life_cycle"]}
        query = queries.get(one.get("query_sha256", ""))
        if query:  # a name and a query exclude each other (sev-1)
            found["query"] = query
        elif one.get("name"):
            found["name"] = one["name"]
        if one.get("details"):
            found["detail"] = [{"type": type_, "valueString": value} for type_, value in one["details"] if value]
        yield found


def _note(note: Mapping[str, str], name: str) -> list[dict[str, Any]]:
    """What the ledger knows beyond the AuditMessage, e.g. what policy kept back and why."""
    details = [{"type": key, "valueString": value} for key, value in sorted(note.items()) if value]
    return [{"type": _entity_type("2"), "name": name, "detail": details}] if details else []


def _patient(subject: str) -> dict[str, Any]:
    authority, _, id_ = subject.partition("|")
    return {
        "what": {"identifier": {"system": f"urn:oid:{authority}", "value": id_}},
        "type": _entity_type("1"),
        "role": {"system": f"{_TERMINOLOGY}object-role", "code": "1", "display": "Patient"},
    }


def _entity_type(code: str) -> dict[str, str]:
    return {"system": f"{_TERMINOLOGY}audit-entity-type", "code": code}


def _coding(codes: Sequence[str]) -> dict[str, str]:
    """A CodedValue as Coding; a coding scheme that has no URI is left out rather than invented."""
    code, system, text = codes
    uri = _SYSTEMS.get(system) or (f"urn:oid:{system}" if _OID.fullmatch(system) else "")
    found = {"system": uri or (system if system.startswith(("urn:", "http")) else ""), "code": code, "display": text}
    return {key: value for key, value in found.items() if value}


def _unescaped(text: str) -> str:
    return _REFERENCE.sub(lambda found: chr(int(found[1])) if found[1] else _NAMED[found[2]], text)
