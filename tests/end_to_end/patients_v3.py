"""The HL7 v3 messages about patients of `tests/vectors`, sent to a node, their answers checked against the schemas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from tests.end_to_end.wire import Answer, Client, envelope
from tests.node.hl7v3.schemas import schema

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
V3 = {"h": "urn:hl7-org:v3"}
ACTIONS = {
    "iti44/added": "PRPA_IN201301UV02",
    "iti44/revised": "PRPA_IN201302UV02",
    "iti44/resolved": "PRPA_IN201304UV02",
    "iti45/query": "PRPA_IN201309UV02",
    "iti55/query": "PRPA_IN201305UV02:CrossGatewayPatientDiscovery",
    "iti47/query": "PRPA_IN201305UV02",
    "iti47/continuation": "QUQI_IN000003UV01_Continue",
}


@dataclass(frozen=True)
class Reply:
    """An answer, valid against its schema."""

    answer: Answer

    @property
    def body(self) -> etree._Element:
        return self.answer.body

    @property
    def acknowledged(self) -> str:
        return self.body.find("h:acknowledgement/h:typeCode", V3).get("code")

    @property
    def code(self) -> str:
        return self.body.find(".//h:queryAck/h:queryResponseCode", V3).get("code")

    @property
    def ids(self) -> list[tuple[str, str]]:
        """(root, extension) of every id of every patient."""
        return [(one.get("root"), one.get("extension")) for one in self.body.findall(".//h:patient/h:id", V3)]

    @property
    def other_ids(self) -> list[str]:
        return [one.get("extension") for one in self.body.findall(".//h:asOtherIDs/h:id", V3)]

    @property
    def quantities(self) -> tuple[int, int, int]:
        """In all, in this answer, left."""
        names = ("resultTotalQuantity", "resultCurrentQuantity", "resultRemainingQuantity")
        total, current, left = (int(self.body.find(f".//h:queryAck/h:{name}", V3).get("value")) for name in names)
        return total, current, left

    @property
    def details(self) -> list[tuple[str, str]]:
        """(code, location) of every acknowledgementDetail."""
        found = self.body.findall("h:acknowledgement/h:acknowledgementDetail", V3)
        return [(one.find("h:code", V3).get("code"), one.findtext("h:location", "", V3)) for one in found]


def vector(name: str, *changes: tuple[str, str]) -> str:
    text = (VECTORS / f"{name}.xml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def said(client: Client, name: str, *changes: tuple[str, str], action: str = "", valid: bool = True) -> Reply:
    """Send one of the vectors, with some of its text replaced; both messages are valid."""
    text = vector(name, *changes)
    root = etree.fromstring(text.encode())
    if valid:
        schema(etree.QName(root).localname).assertValid(root)
    url = client.endpoints[name[:5].replace("iti", "iti-")]
    action = f"urn:hl7-org:v3:{action or ACTIONS[name]}"
    answer = client.post(url, "application/soap+xml; charset=UTF-8", envelope(action, text, to=url))
    body = etree.fromstring(etree.tostring(answer.body))
    schema(etree.QName(body).localname).assertValid(body)
    return Reply(answer)
