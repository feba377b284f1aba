"""Every message that a node sends validates: each row of the table of transactions, requests, answers, errors and faults.

The messages are those of a real session (`walk`). A row that is added to the table fails here until the session covers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from node.bindings import Packaging
from node.transactions import TRANSACTIONS
from tests.end_to_end.walk import FAULTS, Session, action_of, related, walked
from tests.end_to_end.wire import ACTIONS, FAILURE, NS, Answer
from tests.node.hl7v3.schemas import schema as v3_schema
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
# Endpoints that no part of a node ever calls; test_nothing_else_was_said holds this list.
RECEIVED_ONLY = {f"/iti-{name}" for name in ("42", "44", "45", "47", "51", "52", "54", "57", "61", "62", "86", "92")}
# Of locators, which a federation has from three members on. Their messages are validated in tests/node/discovery/
# test_locating (requests) and tests/end_to_end/test_discovery (answers).
ASKED_ELSEWHERE = {"/iti-56"}
ONE_WAY = {row.binding.path for row in TRANSACTIONS if not row.binding.response_action}
# They refuse with a fault of SOAP; all others with an answer that says what is wrong.
FAULT_IS_THE_ERROR = {row.binding.path for row in TRANSACTIONS if row.id in {"ITI-52", "ITI-53", "ITI-54", "ITI-56"}}
SCHEMA_OF = {
    NS["query"]: "query.xsd",
    NS["rs"]: "rs.xsd",
    NS["lcm"]: "lcm.xsd",
    NS["xds"]: "XDS.b_DocumentRepository.xsd",
}
WSNT, V3, XCPD = "http://docs.oasis-open.org/wsn/b-2", "urn:hl7-org:v3", "urn:ihe:iti:xcpd:2009"
SECURITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}Security"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with walked(tmp_path_factory.mktemp("walk")) as made:
        yield made


@pytest.fixture(scope="module")
def schemas() -> dict[str, etree.XMLSchema]:
    assert SHARED is not None
    given = SHARED / "schemas" / "xds"
    return {
        NS["s"]: etree.XMLSchema(etree.parse(VECTORS / "soap12" / "envelope.xsd")),
        WSNT: etree.XMLSchema(etree.parse(VECTORS / "wsn" / "b-2.xsd")),
        **{space: etree.XMLSchema(etree.parse(given / name)) for space, name in SCHEMA_OF.items()},
    }


def check(message: Answer, schemas: dict[str, etree.XMLSchema]) -> None:
    """Envelope, headers and body against their schemas; parts against the references to them."""
    referred = [item.get("href") for item in message.root.iter(f"{{{NS['xop']}}}Include")]
    assert sorted(referred) == sorted(f"cid:{name}" for name in message.parts)
    root = etree.fromstring(etree.tostring(message.root))
    for header in root.findall(f"s:Header/{SECURITY}", NS):
        header.getparent().remove(header)  # of assertions: tests/trust/identity, tests/security (xmlsec1)
    if etree.QName(message.body).namespace == V3:
        del root.find("s:Body", NS)[0][:]  # its xsi:type needs the types of HL7
    schemas[NS["s"]].assertValid(root)
    body = etree.fromstring(etree.tostring(message.body))
    for holder in body.iter(f"{{{NS['xds']}}}Document"):
        for child in holder:
            holder.remove(child)  # xop:Include stands for base64 text, which is what the schema knows
    name = etree.QName(body)
    if name.namespace == V3:
        v3_schema(name.localname).assertValid(body)
    elif name.namespace != NS["s"]:  # a fault was checked with its envelope
        schemas[name.namespace].assertValid(body)
    if name.namespace == WSNT:
        for part in body.iterdescendants(f"{{{NS['lcm']}}}SubmitObjectsRequest"):
            schemas[NS["lcm"]].assertValid(etree.fromstring(etree.tostring(part)))
        for part in body.iterdescendants(f"{{{NS['rim']}}}AdhocQuery"):
            whole = etree.Element(f"{{{NS['query']}}}AdhocQueryRequest")
            etree.SubElement(whole, f"{{{NS['query']}}}ResponseOption", returnType="LeafClass")
            whole.append(etree.fromstring(etree.tostring(part)))
            schemas[NS["query"]].assertValid(whole)


def failed(message: Answer) -> bool:
    """Whether an answer says that nothing was done."""
    body = etree.QName(message.body)
    if body.namespace == V3:
        return message.body.find(f"{{{V3}}}acknowledgement/{{{V3}}}typeCode").get("code") not in {"AA", "CA"}
    if body.namespace in {NS["s"], WSNT, XCPD}:
        return body.localname == "Fault"
    return message.status == FAILURE


PATHS = [row.binding.path for row in TRANSACTIONS]
ROWS = pytest.mark.parametrize("row", TRANSACTIONS, ids=lambda row: row.binding.path[1:])


@ROWS
def test_requests(session: Session, schemas: dict[str, etree.XMLSchema], row) -> None:
    sent = session.asked(row.binding.path)
    assert bool(sent) is (row.binding.path not in RECEIVED_ONLY | ASKED_ELSEWHERE), (
        "the session does not cover this row"
    )
    for message in sent:
        assert row.binding.operation(action_of(message)), action_of(message)
        assert message.content_type.startswith("multipart/") is (row.binding.packaging is Packaging.MTOM)
        assert message.root.findtext("s:Header/wsa:MessageID", "", NS)
        assert (message.root.find("s:Header/wsa:ReplyTo", NS) is not None) is (row.binding.path not in ONE_WAY)
        check(message, schemas)


@pytest.mark.parametrize("outcome", ["success", "error"])
@ROWS
def test_answers(session: Session, schemas: dict[str, etree.XMLSchema], row, outcome: str) -> None:
    path = row.binding.path
    answers = [one for one in session.answered(path) if failed(one) is (outcome == "error")]
    if path not in FAULT_IS_THE_ERROR:
        answers = [one for one in answers if not action_of(one).endswith("/fault")]  # test_faults
    if path in ONE_WAY | ASKED_ELSEWHERE and outcome == "success":
        assert answers == [], "HTTP 202 and nothing else; no locator"
        return
    assert answers, "the session does not cover this row"
    for message in answers:
        assert message.content_type.startswith("multipart/") is (
            row.binding.packaging is Packaging.MTOM and not action_of(message).endswith("/fault")
        )
        check(message, schemas)
    actions = {one.response_action for one in row.binding.operations()} | {
        one.later_action for one in row.binding.operations()
    }
    assert {action_of(one) for one in answers if not action_of(one).endswith("/fault")} <= actions


@pytest.mark.parametrize("path", ["/iti-38", "/iti-39", "/iti-55"])
def test_answers_on_a_connection_of_their_own(session: Session, schemas: dict[str, etree.XMLSchema], path: str) -> None:
    """Posted to the asking node, as requests are; `test_answers` looks at them too."""
    (row,) = [row for row in TRANSACTIONS if row.binding.path == path]
    later = [one for one in session.answered(path) if one in session.requests]
    assert {action_of(one) for one in later} == {one.action for one in row.binding.answers}
    for message in later:
        assert message.path == path
        check(message, schemas)


def test_faults(session: Session, schemas: dict[str, etree.XMLSchema]) -> None:
    faults = [
        message
        for message in session.answers
        if action_of(message).endswith("/fault") and session.paths.get(related(message)) not in FAULT_IS_THE_ERROR
    ]
    assert len(faults) == len(FAULTS)
    for message in faults:
        check(message, schemas)
    codes = {message.root.findtext(".//s:Code/s:Value", "", NS) for message in faults}
    assert codes == {"s:Sender", "s:VersionMismatch", "s:MustUnderstand"}


def test_what_is_made_on_demand_has_an_id_of_its_own(session: Session) -> None:
    """As the community that makes it answers (ITI-39), and as it is passed on (ITI-43)."""
    for transaction in ("iti-39", "iti-43"):
        answers = [
            one for one in session.answered(f"/{transaction}") if action_of(one) == ACTIONS[transaction] + "Response"
        ]
        responses = [one for answer in answers for one in answer.body.findall("xds:DocumentResponse", NS)]
        new = [one for one in responses if one.find("xds:NewDocumentUniqueId", NS) is not None]
        assert len(new) == 2
        ids = {one.findtext(f"xds:{name}DocumentUniqueId", "", NS) for one in new for name in ("", "New")}
        assert len(ids) == 4


def test_nothing_else_was_said(session: Session) -> None:
    """No message of the session escapes the tests above."""
    for message in session.requests:
        assert message.path in PATHS, message.path
    seen = [one for path in PATHS for one in session.answered(path)]
    lost = [one for one in session.answers if one not in seen and not action_of(one).endswith("/fault")]
    assert [action_of(one) for one in lost] == []


def test_audit_messages(session: Session) -> None:
    assert SHARED is not None
    (path,) = [path for path in (SHARED / "schemas" / "atna").glob("*.xsd") if "dicom" in path.name.lower()]
    schema = etree.XMLSchema(etree.parse(path))
    assert len(session.records) > len(TRANSACTIONS)
    for record in session.records:
        schema.assertValid(etree.fromstring(record))
