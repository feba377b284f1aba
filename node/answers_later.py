"""Messages of an exchange in which the answer does not come back on the connection of its question.

They belong to rows of the table of transactions: what another community sends as an answer to a question of this node,
and the question of ITI-55 that is always answered later (ITI TF-2: V.3.5; ITI TF-2: 3.55.4; federation-wire 1.10, 2.7).
"""

from __future__ import annotations

from typing import Final

from node.bindings import Operation
from node.federation.calls import QUERY_RESPONSE, RETRIEVE_RESPONSE

_HL7: Final = "urn:hl7-org:v3:"
_PERSON: Final = f"{{{_HL7.rstrip(':')}}}PRPA_IN201305UV02"
_PERSONS: Final = f"{{{_HL7.rstrip(':')}}}PRPA_IN201306UV02"
_ACKNOWLEDGED: Final = _HL7 + "MCCI_IN000002UV01"

QUERY_ANSWERS: Final = (
    Operation(action="urn:ihe:iti:2007:CrossGatewayQueryResponse", response_action="", root=QUERY_RESPONSE),
)
RETRIEVE_ANSWERS: Final = (
    Operation(action="urn:ihe:iti:2007:CrossGatewayRetrieveResponse", response_action="", root=RETRIEVE_RESPONSE),
)
DEFERRED_ANSWER: Final = Operation(
    action=_HL7 + "PRPA_IN201306UV02:Deferred:CrossGatewayPatientDiscovery",
    response_action=_ACKNOWLEDGED,
    root=_PERSONS,
)
DISCOVERY_ANSWERS: Final = (
    Operation(action=_HL7 + "PRPA_IN201306UV02:CrossGatewayPatientDiscovery", response_action="", root=_PERSONS),
    DEFERRED_ANSWER,
)
DEFERRED_DISCOVERY: Final = Operation(
    action=_HL7 + "PRPA_IN201305UV02:Deferred:CrossGatewayPatientDiscovery",
    response_action=_ACKNOWLEDGED,
    root=_PERSON,
    later_action=DEFERRED_ANSWER.action,
)
