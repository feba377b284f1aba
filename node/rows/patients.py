"""Rows of the table of transactions about patients: the identity feed, PIX and PDQ, discovery and location (HL7 v3).

Apart from `node.transactions` for its length alone; it is read there.
"""

from __future__ import annotations

from typing import Final

from node import answers_later, queries
from node.bindings import AuditProfile, Operation, Packaging, SoapBinding, Transaction
from node.iti import (
    iti44_patient_identity_feed_hl7_v3 as iti44,
)
from node.iti import (
    iti45_pixv3_query as iti45,
)
from node.iti import (
    iti47_patient_demographics_query_hl7_v3 as iti47,
)
from node.iti import (
    iti55_cross_gateway_patient_discovery as iti55,
)
from node.iti import (
    iti56_patient_location_query as iti56,
)
from node.paths import PATHS
from node.patients import answers as patient_answers
from trust.audit.event import Action, EventId
from trust.identity.caller import Role

V3 = "{urn:hl7-org:v3}"
XCPD = "{urn:ihe:iti:xcpd:2009}"
HL7: Final = "urn:hl7-org:v3:"

_APPLICATIONS: Final = frozenset({Role.APPLICATION, Role.OPERATOR})
_PEERS: Final = frozenset({Role.PEER})

ITI_44: Final = Transaction(
    id="ITI-44",
    name="Patient Identity Feed HL7 V3",
    spec="ITI TF-2: 3.44",
    actors=("Patient Identity Source", "Patient Identifier Cross-reference Manager"),
    binding=SoapBinding(
        path=PATHS["iti-44"],
        action=HL7 + "PRPA_IN201301UV02",
        response_action=HL7 + "MCCI_IN000002UV01",
        root=V3 + "PRPA_IN201301UV02",
        packaging=Packaging.SOAP,
        decode=iti44.decode,
        encode=patient_answers.encode,
        encode_errors=patient_answers.encode_errors,
        refuse=patient_answers.refuse,
        also=(
            Operation(
                action=HL7 + "PRPA_IN201302UV02",
                response_action=HL7 + "MCCI_IN000002UV01",
                root=V3 + "PRPA_IN201302UV02",
            ),
            Operation(
                action=HL7 + "PRPA_IN201304UV02",
                response_action=HL7 + "MCCI_IN000002UV01",
                root=V3 + "PRPA_IN201304UV02",
            ),
        ),
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=patient_answers.nothing,
    handle=iti44.patient_identity_feed_hl7_v3,
    audit=AuditProfile(event=EventId.PATIENT_RECORD, action=Action.CREATE, caller_is_source=True, facts=iti44.facts),
)

ITI_45: Final = Transaction(
    id="ITI-45",
    name="PIXV3 Query",
    spec="ITI TF-2: 3.45",
    actors=("Patient Identifier Cross-reference Consumer", "Patient Identifier Cross-reference Manager"),
    binding=SoapBinding(
        path=PATHS["iti-45"],
        action=HL7 + "PRPA_IN201309UV02",
        response_action=HL7 + "PRPA_IN201310UV02",
        root=V3 + "PRPA_IN201309UV02",
        packaging=Packaging.SOAP,
        decode=iti45.decode,
        encode=patient_answers.encode,
        encode_errors=patient_answers.encode_errors,
        refuse=iti45.refuse,
    ),
    roles=_APPLICATIONS,
    writes=False,
    prepare=patient_answers.nothing,
    handle=iti45.pixv3_query,
    audit=AuditProfile(event=EventId.QUERY, action=Action.EXECUTE, caller_is_source=True, facts=iti45.facts),
)

ITI_47: Final = Transaction(
    id="ITI-47",
    name="Patient Demographics Query HL7 V3",
    spec="ITI TF-2: 3.47",
    actors=("Patient Demographics Consumer", "Patient Demographics Supplier"),
    binding=SoapBinding(
        path=PATHS["iti-47"],
        action=HL7 + "PRPA_IN201305UV02",
        response_action=HL7 + "PRPA_IN201306UV02",
        root=V3 + "PRPA_IN201305UV02",
        packaging=Packaging.SOAP,
        decode=iti47.decode,
        encode=patient_answers.encode,
        encode_errors=patient_answers.encode_errors,
        refuse=iti47.refuse,
        also=(
            Operation(
                action=HL7 + "QUQI_IN000003UV01_Continue",
                response_action=HL7 + "PRPA_IN201306UV02",
                root=V3 + "QUQI_IN000003UV01",
            ),
            Operation(
                action=HL7 + "QUQI_IN000003UV01_Cancel",
                response_action=HL7 + "MCCI_IN000002UV01",
                root=V3 + "QUQI_IN000003UV01",
            ),
        ),
    ),
    roles=_APPLICATIONS,
    writes=False,
    prepare=patient_answers.nothing,
    handle=iti47.patient_demographics_query_hl7_v3,
    audit=AuditProfile(event=EventId.QUERY, action=Action.EXECUTE, caller_is_source=True, facts=iti47.facts),
)

ITI_55: Final = Transaction(
    id="ITI-55",
    name="Cross Gateway Patient Discovery",
    spec="ITI TF-2: 3.55",
    actors=("Initiating Gateway", "Responding Gateway"),
    binding=SoapBinding(
        path=PATHS["iti-55"],
        action="urn:hl7-org:v3:PRPA_IN201305UV02:CrossGatewayPatientDiscovery",
        response_action="urn:hl7-org:v3:PRPA_IN201306UV02:CrossGatewayPatientDiscovery",
        root=V3 + "PRPA_IN201305UV02",
        packaging=Packaging.SOAP,
        decode=iti55.decode,
        encode=iti55.encode,
        encode_errors=queries.encode_errors,
        refuse=iti55.refuse,
        headers=iti55.headers,
        also=(
            Operation(
                action="urn:hl7-org:v3:PRPA_IN201303UV02:CrossGatewayPatientDiscovery",
                response_action="urn:hl7-org:v3:MCCI_IN000002UV01",
                root=V3 + "PRPA_IN201303UV02",
            ),
            answers_later.DEFERRED_DISCOVERY,
        ),
        answers=answers_later.DISCOVERY_ANSWERS,
    ),
    roles=_PEERS,
    writes=False,
    prepare=iti55.forget,
    handle=iti55.cross_gateway_patient_discovery,
    audit=AuditProfile(event=EventId.QUERY, action=Action.EXECUTE, caller_is_source=True, facts=iti55.audited),
)

ITI_56: Final = Transaction(
    id="ITI-56",
    name="Patient Location Query",
    spec="ITI TF-2: 3.56",
    actors=("Initiating Gateway", "Responding Gateway"),
    binding=SoapBinding(
        path=PATHS["iti-56"],
        action="urn:ihe:iti:2009:PatientLocationQuery",
        response_action="urn:ihe:iti:2009:PatientLocationQueryResponse",
        root=XCPD + "PatientLocationQueryRequest",
        packaging=Packaging.SOAP,
        decode=iti56.decode,
        encode=iti56.encode,
        encode_errors=iti56.encode_errors,
    ),
    roles=_PEERS,
    writes=False,
    prepare=iti56.nothing,
    handle=iti56.patient_location_query,
    audit=AuditProfile(event=EventId.QUERY, action=Action.EXECUTE, caller_is_source=True, facts=iti56.audited),
)
