"""A plain document source and consumer for end-to-end tests: own bytes on the wire, none of the node's codecs."""

from __future__ import annotations

import email
import email.policy
import http.client
import ssl
import uuid
from dataclasses import dataclass, field
from hashlib import sha1
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0",
    "rs": "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0",
    "lcm": "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0",
    "query": "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0",
    "xds": "urn:ihe:iti:xds-b:2007",
    "xop": "http://www.w3.org/2004/08/xop/include",
}
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
PARTIAL = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
ON_DEMAND = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"

ACTIONS = {
    "iti-18": "urn:ihe:iti:2007:RegistryStoredQuery",
    "iti-38": "urn:ihe:iti:2007:CrossGatewayQuery",
    "iti-39": "urn:ihe:iti:2007:CrossGatewayRetrieve",
    "iti-41": "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
    "iti-41-xdr": "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
    "iti-42": "urn:ihe:iti:2007:RegisterDocumentSet-b",
    "iti-43": "urn:ihe:iti:2007:RetrieveDocumentSet",
    "iti-51": "urn:ihe:iti:2009:MultiPatientStoredQuery",
    "iti-56": "urn:ihe:iti:2009:PatientLocationQuery",
    "iti-57": "urn:ihe:iti:2010:UpdateDocumentSet",
    "iti-61": "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry",
    "iti-62": "urn:ihe:iti:2010:DeleteDocumentSet",
    "iti-86": "urn:ihe:iti:2017:RemoveDocuments",
    "iti-92": "urn:ihe:iti:2018:RestrictedUpdateDocumentSet",
    "iti-92-gateway": "urn:ihe:iti:2018:RestrictedUpdateDocumentSet",
}
MTOM = {"iti-39", "iti-41", "iti-41-xdr", "iti-43"}


def oid() -> str:
    return f"2.25.{uuid.uuid4().int}"


def urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def slot(name: str, *values: str) -> str:
    body = "".join(f"<rim:Value>{escape(value)}</rim:Value>" for value in values)
    return f"<rim:Slot name={quoteattr(name)}><rim:ValueList>{body}</rim:ValueList></rim:Slot>"


def code(scheme: str, parent: str, value: str, system: str, display: str) -> str:
    return (
        f'<rim:Classification id="{urn()}" classificationScheme="{scheme}" classifiedObject="{parent}" '
        f"nodeRepresentation={quoteattr(value)}>{slot('codingScheme', system)}"
        f"<rim:Name><rim:LocalizedString value={quoteattr(display)}/></rim:Name></rim:Classification>"
    )


def identifier(scheme: str, parent: str, value: str, name: str) -> str:
    return (
        f'<rim:ExternalIdentifier id="{urn()}" registryObject="{parent}" identificationScheme="{scheme}" '
        f"value={quoteattr(value)}><rim:Name><rim:LocalizedString value={quoteattr(name)}/></rim:Name>"
        f"</rim:ExternalIdentifier>"
    )


@dataclass
class Document:
    """One document to provide."""

    content: bytes
    mime: str = "text/plain"
    unique_id: str = field(default_factory=oid)
    id: str = "Document01"
    title: str = "Progress note"
    confidentiality: tuple[str, str] = ("N", "2.16.840.1.113883.5.25")
    class_code: str = "NOTE"
    slots: str = ""
    hash: bool = False
    repository: str = ""
    on_demand: bool = False
    author: str = ""  # XON of the institution that wrote it

    def entry(self, patient: str) -> str:
        scheme = "2.999.8.1"
        extra = self.slots
        if self.hash:
            extra += slot("hash", sha1(self.content).hexdigest()) + slot("size", str(len(self.content)))
        if self.repository:
            extra += slot("repositoryUniqueId", self.repository)
        return (
            f'<rim:ExtrinsicObject id="{self.id}" mimeType="{self.mime}" objectType="{ON_DEMAND if self.on_demand else STABLE}">'
            + ("" if self.on_demand else slot("creationTime", "20240229101500"))
            + slot("languageCode", "en-US")
            + slot("sourcePatientId", "L-77^^^&2.999.5.1&ISO")
            + extra
            + f"<rim:Name><rim:LocalizedString value={quoteattr(self.title)}/></rim:Name>"
            + code("urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", self.id, self.class_code, scheme, "Note")
            + code("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", self.id, *self.confidentiality, "Confidentiality")
            + code(
                "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d",
                self.id,
                "urn:ihe:iti:xds:2017:mimeTypeSufficient",
                "1.3.6.1.4.1.19376.1.2.3",
                "mimeType Sufficient",
            )
            + code("urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", self.id, "HOSP", scheme, "Hospital")
            + code("urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead", self.id, "CARD", scheme, "Cardiology")
            + code("urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", self.id, "PROG", scheme, "Progress note")
            + identifier(
                "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427", self.id, patient, "XDSDocumentEntry.patientId"
            )
            + identifier(
                "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab", self.id, self.unique_id, "XDSDocumentEntry.uniqueId"
            )
            + "</rim:ExtrinsicObject>"
        ).replace(
            "<rim:ExternalIdentifier",
            self._author() + "<rim:ExternalIdentifier",
            1,
        )

    def _author(self) -> str:
        if not self.author:
            return ""
        return (
            f'<rim:Classification id="{urn()}" classificationScheme="urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d" '
            f'classifiedObject="{self.id}" nodeRepresentation="">{slot("authorInstitution", self.author)}'
            f"{slot('authorPerson', '^Writer^Anna')}</rim:Classification>"
        )


def submission(patient: str, documents: list[Document], associations: str = "", packages: str = "") -> str:
    """The lcm:SubmitObjectsRequest of one submission set with its documents."""
    members = "".join(
        f'<rim:Association id="{urn()}" associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember" '
        f'sourceObject="SubmissionSet01" targetObject="{document.id}">{slot("SubmissionSetStatus", "Original")}</rim:Association>'
        for document in documents
    )
    return (
        f'<lcm:SubmitObjectsRequest xmlns:lcm="{NS["lcm"]}" xmlns:rim="{NS["rim"]}"><rim:RegistryObjectList>'
        + "".join(document.entry(patient) for document in documents)
        + '<rim:RegistryPackage id="SubmissionSet01">'
        + slot("submissionTime", "20240229101800")
        + '<rim:Classification id="ss_node" classifiedObject="SubmissionSet01" classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/>'
        + code("urn:uuid:aa543740-bdda-424e-8c96-df4873be8500", "SubmissionSet01", "VISIT", "2.999.8.5", "Visit")
        + identifier(
            "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446", "SubmissionSet01", patient, "XDSSubmissionSet.patientId"
        )
        + identifier(
            "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8", "SubmissionSet01", oid(), "XDSSubmissionSet.uniqueId"
        )
        + identifier(
            "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832", "SubmissionSet01", "2.999.2.1", "XDSSubmissionSet.sourceId"
        )
        + "</rim:RegistryPackage>"
        + packages
        + members
        + associations
        + "</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
    )


def update(
    patient: str, document: Document, logical_id: str, *, previous: int = 1, home: str = "", propagate: bool = True
) -> str:
    """The lcm:SubmitObjectsRequest of a new version of a document's metadata."""
    body = submission(patient, [document])
    kept = slot("AssociationPropagation", "yes" if propagate else "no")
    versions = slot("PreviousVersion", str(previous)) + kept
    body = body.replace("</rim:Association>", f"{versions}</rim:Association>", 1)
    attributes = f' lid="{logical_id}"' + (f' home="{home}"' if home else "")
    return body.replace("<rim:ExtrinsicObject", f"<rim:ExtrinsicObject{attributes}", 1)


def remove_metadata(*entry_uuids: str) -> str:
    """lcm:RemoveObjectsRequest."""
    references = "".join(f'<rim:ObjectRef id="{one}"/>' for one in entry_uuids)
    return (
        f'<lcm:RemoveObjectsRequest xmlns:lcm="{NS["lcm"]}" xmlns:rim="{NS["rim"]}">'
        f"<rim:ObjectRefList>{references}</rim:ObjectRefList></lcm:RemoveObjectsRequest>"
    )


def remove_documents(*wanted: tuple[str | None, str, str]) -> str:
    """rmd:RemoveDocumentsRequest, each document as (home, repository, uniqueId)."""
    return (
        retrieve(*wanted)
        .replace("xds:RetrieveDocumentSetRequest ", 'rmd:RemoveDocumentsRequest xmlns:rmd="urn:ihe:iti:rmd:2017" ')
        .replace("</xds:RetrieveDocumentSetRequest>", "</rmd:RemoveDocumentsRequest>")
    )


def provide(
    patient: str, documents: list[Document], *, inline: bool = False, associations: str = ""
) -> tuple[str, list[tuple[str, str, bytes]]]:
    """Body of ITI-41 and its MIME parts (content id, type, bytes)."""
    parts = [] if inline else [(f"{document.id}@source", document.mime, document.content) for document in documents]
    import base64

    bodies = "".join(
        f'<xds:Document id="{document.id}">'
        + (
            base64.b64encode(document.content).decode()
            if inline
            else f'<xop:Include xmlns:xop="{NS["xop"]}" href="cid:{document.id}@source"/>'
        )
        + "</xds:Document>"
        for document in documents
    )
    body = (
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{NS["xds"]}">'
        + submission(patient, documents, associations)
        + bodies
        + "</xds:ProvideAndRegisterDocumentSetRequest>"
    )
    return body, parts


def find_documents(patient: str, *, return_type: str = "LeafClass", status: tuple[str, ...] = (APPROVED,)) -> str:
    statuses = "(" + ",".join(f"'{item}'" for item in status) + ")"
    quoted = "'" + patient.replace("'", "''") + "'"
    return adhoc(
        "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
        slot("$XDSDocumentEntryPatientId", quoted) + slot("$XDSDocumentEntryStatus", statuses),
        return_type=return_type,
    )


def find_documents_of(*patients: str) -> str:
    """ITI-51: FindDocumentsForMultiplePatients."""
    quoted = "(" + ",".join("'" + patient.replace("'", "''") + "'" for patient in patients) + ")"
    return adhoc(
        "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f",
        slot("$XDSDocumentEntryPatientId", quoted) + slot("$XDSDocumentEntryStatus", f"('{APPROVED}')"),
    )


def adhoc(query_id: str, slots: str, *, return_type: str = "LeafClass", home: str = "") -> str:
    where = f' home="{home}"' if home else ""
    return (
        f'<query:AdhocQueryRequest xmlns:query="{NS["query"]}" xmlns:rim="{NS["rim"]}">'
        f'<query:ResponseOption returnComposedObjects="true" returnType="{return_type}"/>'
        f'<rim:AdhocQuery id="{query_id}"{where}>{slots}</rim:AdhocQuery></query:AdhocQueryRequest>'
    )


def retrieve(*documents: tuple[str | None, str, str]) -> str:
    """Body of ITI-43/39; each document is (home or None, repository, uniqueId)."""
    lines = "".join(
        "<xds:DocumentRequest>"
        + (f"<xds:HomeCommunityId>{home}</xds:HomeCommunityId>" if home else "")
        + f"<xds:RepositoryUniqueId>{repository}</xds:RepositoryUniqueId>"
        + f"<xds:DocumentUniqueId>{escape(unique_id)}</xds:DocumentUniqueId></xds:DocumentRequest>"
        for home, repository, unique_id in documents
    )
    return f'<xds:RetrieveDocumentSetRequest xmlns:xds="{NS["xds"]}">{lines}</xds:RetrieveDocumentSetRequest>'


def set_id_of(body: str) -> str:
    """The uniqueId of the submission set of a request."""
    return body.partition('identificationScheme="urn:uuid:96fdda7c')[2].partition('value="')[2].partition('"')[0]


WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"


def envelope(
    action: str, body: str, *, to: str = "https://localhost/", message_id: str | None = None, security: str = ""
) -> bytes:
    block = f'<wsse:Security xmlns:wsse="{WSSE}" s:mustUnderstand="1">{security}</wsse:Security>' if security else ""
    return (
        f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:wsa="{NS["wsa"]}"><s:Header><wsa:To>{escape(to)}</wsa:To>'
        f"<wsa:MessageID>{message_id or urn()}</wsa:MessageID>"
        f'<wsa:Action s:mustUnderstand="1">{action}</wsa:Action>'
        "<wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo>"
        f"{block}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


@dataclass
class Answer:
    """What came back."""

    http_status: int
    content_type: str
    raw: bytes
    root: etree._Element
    parts: dict[str, tuple[str, bytes]]
    audit_proof: str = ""
    path: str = ""  # of a request that was recorded

    @property
    def body(self) -> etree._Element:
        return self.root.find("s:Body", NS)[0]

    @property
    def status(self) -> str:
        head = self.body if self.body.get("status") else self.body.find("rs:RegistryResponse", NS)
        return head.get("status")

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """(code, location, context) of every RegistryError."""
        return [
            (item.get("errorCode"), item.get("location") or "", item.get("codeContext"))
            for item in self.body.iter(f"{{{NS['rs']}}}RegistryError")
        ]

    @property
    def codes(self) -> list[str]:
        return [item[0] for item in self.errors]

    def entries(self) -> list[etree._Element]:
        return self.body.findall(".//rim:ExtrinsicObject", NS)

    def unique_ids(self) -> list[str]:
        return [external_id(item, "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab") for item in self.entries()]

    def documents(self) -> dict[str, tuple[str, bytes]]:
        """uniqueId -> (mime type, bytes) of a retrieve."""
        import base64
        from urllib.parse import unquote

        found = {}
        for item in self.body.findall("xds:DocumentResponse", NS):
            holder = item.find("xds:Document", NS)
            include = holder.find("xop:Include", NS)
            if include is None:
                content = base64.b64decode(holder.text or "")
            else:
                content = self.parts[unquote(include.get("href")[4:])][1]
            found[item.findtext("xds:DocumentUniqueId", namespaces=NS)] = (
                item.findtext("xds:mimeType", namespaces=NS),
                content,
            )
        return found


def external_id(element: etree._Element, scheme: str) -> str:
    return next(
        item.get("value")
        for item in element.findall("rim:ExternalIdentifier", NS)
        if item.get("identificationScheme") == scheme
    )


def read_answer(http_status: int, content_type: str, raw: bytes) -> Answer:
    parts: dict[str, tuple[str, bytes]] = {}
    xml = raw
    if content_type.startswith("multipart/"):
        message = email.message_from_bytes(
            b"Content-Type: " + content_type.encode() + b"\r\n\r\n", policy=email.policy.HTTP
        )
        boundary = message.get_boundary()
        assert boundary
        chunks = raw.split(b"--" + boundary.encode())[1:-1]
        for number, chunk in enumerate(chunks):
            head, _, content = chunk[2:].partition(b"\r\n\r\n")
            content = content[:-2]  # the line end before the boundary belongs to the boundary
            headers = email.message_from_bytes(head + b"\r\n\r\n")
            if number == 0:
                xml = content
            else:
                parts[headers["Content-ID"].strip("<>")] = (headers["Content-Type"], content)
    return Answer(http_status, content_type, raw, etree.fromstring(xml or b"<nothing/>"), parts)


@dataclass
class Client:
    """Speaks to one node with one client certificate."""

    endpoints: dict[str, str]
    ca: str
    cert: str
    key: str
    timeout: float = 30

    @classmethod
    def of(cls, described: dict) -> Client:
        """From the object that `xdsnode endpoints --json` prints."""
        tls = described["tls"]
        return cls(described["endpoints"], tls["ca"], tls["client_cert"], tls["client_key"])

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.cert, self.key)
        return context

    def post(self, url: str, content_type: str, payload: bytes, headers: dict[str, str] | None = None) -> Answer:
        scheme, _, rest = url.partition("://")
        assert scheme == "https"
        host, _, path = rest.partition("/")
        connection = http.client.HTTPSConnection(host, context=self.context(), timeout=self.timeout)
        try:
            connection.request("POST", "/" + path, payload, {"Content-Type": content_type, **(headers or {})})
            response = connection.getresponse()
            answer = read_answer(response.status, response.getheader("Content-Type") or "", response.read())
            answer.audit_proof = response.getheader("Audit-Proof") or ""
            return answer
        finally:
            connection.close()

    def send(
        self,
        transaction: str,
        body: str,
        parts: list[tuple[str, str, bytes]] | None = None,
        *,
        query: str = "",
        message_id: str | None = None,
        security: str = "",
    ) -> Answer:
        url = self.endpoints[transaction] + query
        xml = envelope(ACTIONS[transaction], body, to=url, message_id=message_id, security=security)
        if transaction not in MTOM:
            return self.post(url, "application/soap+xml; charset=UTF-8", xml)
        boundary = f"MIMEBoundary_{uuid.uuid4().hex}"
        payload = package(boundary, xml, parts or [])
        kind = (
            f'multipart/related; boundary="{boundary}"; type="application/xop+xml"; '
            'start="<root@source>"; start-info="application/soap+xml"'
        )
        return self.post(url, kind, payload)


def package(boundary: str, xml: bytes, parts: list[tuple[str, str, bytes]]) -> bytes:
    lines = [
        f"--{boundary}\r\n".encode(),
        b'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n',
        b"Content-Transfer-Encoding: binary\r\nContent-ID: <root@source>\r\n\r\n",
        xml,
    ]
    for content_id, mime, content in parts:
        lines.append(
            f"\r\n--{boundary}\r\nContent-Type: {mime}\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <{content_id}>\r\n\r\n".encode()
        )
        lines.append(content)
    lines.append(f"\r\n--{boundary}--\r\n".encode())
    return b"".join(lines)
