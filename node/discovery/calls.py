"""What a community is asked about a patient: ITI-55, ITI-56 as complete requests, a query under its own identifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from node.federation import quirks
from node.federation.calls import Asked, Call, Sought, call_of
from node.hl7v3.answer import ANSWER
from node.hl7v3.correlation import write_time_to_live
from node.hl7v3.datatypes import V3, Ii
from node.hl7v3.location import RESPONSE, write_location_query
from node.hl7v3.query import QUERY, query_parameters, write_query
from node.hl7v3.revocation import REVOKE, write_revocation
from node.hl7v3.wrapper import ACCEPT, Party, Wrapper
from registry.ebrim.messages import AdhocQuery
from registry.patients.demographics import Demographics, Identifier
from registry.queries.catalogue import patient_slot
from trust.communities import Community

DEFERRED: Final = f"urn:hl7-org:v3:{QUERY}:Deferred:CrossGatewayPatientDiscovery"
DISCOVERY: Final = f"urn:hl7-org:v3:{QUERY}:CrossGatewayPatientDiscovery"
REVOCATION: Final = f"urn:hl7-org:v3:{REVOKE}:CrossGatewayPatientDiscovery"
LOCATION_QUERY: Final = "urn:ihe:iti:2009:PatientLocationQuery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: homeCommunityId of this node, the instant, for how many days our identifier may be kept, and the user.

    `assertion` is the user's, as it came; b"" for none. `seen` is the fingerprint for which an answer may be kept,
    `reply_to` where it is to come (`federation.calls.Call`).
    """

    home: str
    now: datetime
    days: int
    assertion: bytes = b""
    seen: str = ""
    reply_to: str = ""


def discovery_call(patient: str, person: Demographics, community: Community, message_id: str, asker: Asker) -> Call:
    """ITI-55: whether a community knows a person; `patient` is our identifier, for the record.

    The HL7 ids of message and query are made of the message id.
    """
    deferred = bool(asker.reply_to) and quirks.read(community.quirks).exchange == "deferred"
    own, theirs = Ii(asker.home.removeprefix("urn:oid:")), Ii(community.home.removeprefix("urn:oid:"))
    id_ = Ii(message_id.removeprefix("urn:uuid:"))
    head = Wrapper(
        interaction=QUERY,
        id=id_,
        sender=Party(device=own, organization=own.root),
        receiver=Party(device=theirs, organization=theirs.root, telecom=community.endpoints["iti-55"]),
        respond_to=asker.reply_to if deferred else "",
    )
    parameters = query_parameters(id_, person, priority="D" if deferred else "I")
    return call_of(
        community,
        "ITI-55",
        message_id,
        write_query(head, now=asker.now, query=parameters),
        url=community.endpoints["iti-55"],
        action=DEFERRED if deferred else DISCOVERY,
        response_root=f"{{{V3}}}{ANSWER}",
        asked=Asked(id=id_.text, parameters=parameters.encode(), person=person, seen=asker.seen),
        patient=patient,
        headers=write_time_to_live(asker.days),
        assertion=asker.assertion,
        again=None if asker.reply_to else lambda other: discovery_call(patient, person, community, other, asker),
        reply_to=asker.reply_to,
        taken=f"{{{V3}}}{ACCEPT}" if deferred else "",
    )


def location_call(patient: str, requested: Ii, community: Community, message_id: str, assertion: bytes = b"") -> Call:
    """ITI-56: who knows a patient, of a locator; `patient` is our identifier, for the record."""
    body = write_location_query(requested)
    return call_of(
        community,
        "ITI-56",
        message_id,
        body,
        url=community.endpoints["iti-56"],
        action=LOCATION_QUERY,
        response_root=RESPONSE,
        sought=Sought(id=requested.text, body=body),
        patient=patient,
        assertion=assertion,
        again=lambda other: location_call(patient, requested, community, other, assertion),
    )


def revocation_call(patient: str, community: Community, message_id: str, asker: Asker) -> Call:
    """A community may not use our identifier of a patient (CX) any more (ITI-55, revoke)."""
    own, theirs = Ii(asker.home.removeprefix("urn:oid:")), Ii(community.home.removeprefix("urn:oid:"))
    head = Wrapper(
        interaction=REVOKE,
        id=Ii(message_id.removeprefix("urn:uuid:")),
        sender=Party(device=own, organization=own.root),
        receiver=Party(device=theirs, organization=theirs.root, telecom=community.endpoints["iti-55"]),
    )
    return call_of(
        community,
        "ITI-55",
        message_id,
        write_revocation(head, Identifier.of(patient), now=asker.now),
        url=community.endpoints["iti-55"],
        action=REVOCATION,
        response_root=f"{{{V3}}}{ACCEPT}",
        revokes=True,
        patient=patient,
        again=lambda other: revocation_call(patient, community, other, asker),
    )


def for_patient(query: AdhocQuery, patient: str) -> AdhocQuery:
    """The same query by another identifier of the patient (CX)."""
    name = patient_slot(query.query_id)
    literal = "'" + patient.replace("'", "''") + "'"
    slots = tuple(replace(slot, values=(literal,)) if slot.name.strip() == name else slot for slot in query.slots)
    return replace(query, slots=slots)
