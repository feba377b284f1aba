"""A registry and repository as its callers see it: recorded messages go in as they are, short ones are put together here."""

from __future__ import annotations

import itertools
import json
import re
import socket
import urllib.request
from pathlib import Path

from lxml import etree

from tests.end_to_end.nodes import AUTHORITY, Node
from tests.end_to_end.wire import (
    APPROVED,
    DEPRECATED,
    NS,
    Answer,
    Client,
    Document,
    adhoc,
    code,
    identifier,
    oid,
    slot,
    urn,
)

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "pitfalls"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
RPLC, XFRM, APND, XFRM_RPLC, SIGNS = (
    f"urn:ihe:iti:2007:AssociationType:{name}" for name in ("RPLC", "XFRM", "APND", "XFRM_RPLC", "signs")
)
DOCUMENTATION = "urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3"
QUERIES = {
    "FindDocuments": "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
    "FindSubmissionSets": "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9",
    "FindFolders": "urn:uuid:958f3006-baad-4929-a4de-ff1114824431",
    "GetAll": "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3",
    "GetDocuments": "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
    "GetFolders": "urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4",
    "GetAssociations": "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155",
    "GetDocumentsAndAssociations": "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a",
    "GetSubmissionSets": "urn:uuid:51224314-5390-4169-9b91-b1980040715a",
    "GetSubmissionSetAndContents": "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83",
    "GetFolderAndContents": "urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7",
    "GetFoldersForDocument": "urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578",
    "GetRelatedDocuments": "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6",
    "FindDocumentsByReferenceId": "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492",
}
_TRANSACTIONS = {
    "RegisterDocumentSet-b": "iti-42",
    "RegisterOnDemandDocumentEntry": "iti-61",
    "RegistryStoredQuery": "iti-18",
}
_numbers = itertools.count(1)


def patient(number: int | str) -> str:
    """The patient of a pitfall: that of its recorded messages."""
    return f"PIT{number}^^^&{AUTHORITY}&ISO"


def new_patient() -> str:
    return patient(f"X{next(_numbers)}")


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def listed(*values: str) -> str:
    return "(" + ",".join(map(quoted, values)) + ")"


def association(type_: str, source: str, target: str, inner: str = "", id_: str = "") -> str:
    return (
        f'<rim:Association id="{id_ or urn()}" associationType="{type_}" sourceObject="{source}" '
        f'targetObject="{target}">{inner}</rim:Association>'
    )


def documentation(parent: str) -> str:
    return code(DOCUMENTATION, parent, "LDIP", "2.999.8.7", "Left")


def filed(folder: str, document: str) -> str:
    """A document in a folder: FD-DE, and the SS-HM that records it."""
    link = urn()
    return association(HAS_MEMBER, folder, document, id_=link) + association(HAS_MEMBER, "SubmissionSet01", link)


def folder(id_: str, patient_: str, unique_id: str = "", *, episode: str = "EPISODE") -> str:
    """A folder, and that the submission set has it."""
    return (
        f'<rim:RegistryPackage id="{id_}"><rim:Name><rim:LocalizedString value="Episode"/></rim:Name>'
        f'<rim:Classification id="{urn()}" classifiedObject="{id_}" classificationNode="urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"/>'
        + code("urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5", id_, episode, "2.999.8.6", "Episode")
        + identifier("urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a", id_, patient_, "XDSFolder.patientId")
        + identifier("urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a", id_, unique_id or oid(), "XDSFolder.uniqueId")
        + "</rim:RegistryPackage>"
        + association(HAS_MEMBER, "SubmissionSet01", id_)
    )


def entry(id_: str = "", content: bytes = b"Hello XDS", **given: object) -> Document:
    """A document as another repository registers it, under a UUID of its own."""
    return Document(content, id=id_ or urn(), hash=not given.get("on_demand"), **({"repository": "2.999.3.1"} | given))  # type: ignore[arg-type]


class Registry:
    """One node, asked as an application of its institution."""

    def __init__(self, node: Node, client: Client | None = None) -> None:
        self.node = node
        self.client = client or node.client()
        self._others: dict[str, Registry] = {}

    def by(self, application: str) -> Registry:
        """The same, asked by another application."""
        if application not in self._others:
            made = json.loads(self.node.run("client", "add", application, "--json").stdout)
            client = Client(self.client.endpoints, made["ca"], made["client_cert"], made["client_key"])
            self._others[application] = Registry(self.node, client)
        return self._others[application]

    def recorded(self, name: str) -> Answer:
        """Send a recorded message to where its action belongs."""
        return self.sent((VECTORS / f"{name}.xml").read_bytes())

    def sent(self, message: bytes) -> Answer:
        (action,) = re.findall(rb"<wsa:Action[^>]*>[^<]*[:]([^<:]+)</wsa:Action>", message)
        url = self.client.endpoints[_TRANSACTIONS[action.decode()]]
        return self.client.post(url, "application/soap+xml; charset=UTF-8", message)

    def register(self, body: str, transaction: str = "iti-42") -> Answer:
        return self.client.send(transaction, body)

    def ask(self, query: str, *, returns: str = "LeafClass", home: str = "", **parameters: object) -> Answer:
        """A stored query. A text is one slot as written; a list of texts repeats the slot."""
        slots = "".join(
            slot(f"${name}", *(one if isinstance(one, tuple) else (one,)))
            for name, given in parameters.items()
            for one in (given if isinstance(given, list) else [given])
        )
        return self.client.send("iti-18", adhoc(QUERIES[query], slots, return_type=returns, home=home))

    def find(self, patient_: str, *, status: tuple[str, ...] = (APPROVED,), **parameters: object) -> Answer:
        return self.ask(
            "FindDocuments",
            XDSDocumentEntryPatientId=quoted(patient_),
            XDSDocumentEntryStatus=listed(*status),
            **parameters,
        )

    def everything(self, patient_: str) -> Answer:
        """GetAll, of whatever status and type."""
        both = listed(APPROVED, DEPRECATED)
        kinds = listed("urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1", "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248")
        status = dict.fromkeys(("XDSDocumentEntryStatus", "XDSSubmissionSetStatus", "XDSFolderStatus"), both)
        return self.ask("GetAll", patientId=quoted(patient_), XDSDocumentEntryType=kinds, **status)

    def told(self, pid_3: str, control: str) -> str:
        """MSA-1 of the answer to an ADT^A04 with this PID-3."""
        header = f"MSH|^~\\&|ADT|ALPHA|PIX|BETA|20260301101500||ADT^A04|{control}|P|2.3.1"
        message = "\r".join((header, "EVN||20260301101500", f"PID|||{pid_3}||DOE^JANE", "PV1||O"))
        port = int(self.node.described["mllp"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            line.sendall(b"\x0b" + message.encode() + b"\r\x1c\r")
            (acknowledged,) = re.findall(rb"MSA\|(\w+)\|", line.recv(65536))
        return acknowledged.decode()

    def tolerated(self) -> dict[str, float]:
        """How often each deviation was tolerated so far, as the node counts them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.node.base + 9}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(r'^xdsnode_leniencies_total\{name="([^"]+)"\} (\S+)$', text, re.MULTILINE)
        return {name: float(count) for name, count in found}


def slot_of(element: etree._Element, name: str) -> list[str]:
    """The values of a slot of an object."""
    found = [item for item in element.findall("rim:Slot", NS) if item.get("name") == name]
    assert len(found) <= 1, name
    return [value.text or "" for item in found for value in item.iter(f"{{{NS['rim']}}}Value")]


def title_of(element: etree._Element) -> str:
    return element.find("rim:Name/rim:LocalizedString", NS).get("value")


def packages(answer: Answer) -> list[etree._Element]:
    return answer.body.findall(".//rim:RegistryPackage", NS)


def associations(answer: Answer, type_: str = "") -> list[etree._Element]:
    found = answer.body.findall(".//rim:Association", NS)
    return [item for item in found if not type_ or item.get("associationType") == type_]
