"""Templates of the requests that the load generator sends: whole HTTP messages with places for numbers and patients."""

from __future__ import annotations

from typing import Final

from registry.ebrim.messages import AdhocQuery, adhoc_query_request, submit_objects_request
from scripts.benchmarks.metadata import AUTHORITY, submission

NUMBER: Final = b"{n:012}"  # stands for a fresh number of twelve digits
PATIENT: Final = b"{p:07}"  # stands for the number of a patient
_SOAP: Final = "application/soap+xml; charset=UTF-8"
_BOUNDARY: Final = "MIMEBoundary_bench"
_MTOM: Final = (
    f'multipart/related; boundary="{_BOUNDARY}"; type="application/xop+xml"; start="<root@bench>"; '
    'start-info="application/soap+xml"'
)
ANY_PATIENT: Final = f"BENCH{PATIENT.decode()}^^^&{AUTHORITY}&ISO"


def _filled(text: bytes) -> bytes:
    return text.replace(NUMBER, b"0" * 12).replace(PATIENT, b"0" * 7)


def http(path: str, content_type: str, body: bytes) -> bytes:
    """A POST request; its length is that of the filled template."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(_filled(body))}\r\n\r\n"
    )
    return head.encode() + body


def _envelope(path: str, action: str, body: bytes) -> bytes:
    return (
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        b'xmlns:wsa="http://www.w3.org/2005/08/addressing"><s:Header>'
        b'<wsa:Action s:mustUnderstand="1">' + action.encode() + b"</wsa:Action>"
        b"<wsa:MessageID>urn:uuid:00000000-0000-4000-8000-" + NUMBER + b"</wsa:MessageID>"
        b"<wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo>"
        b"<wsa:To>https://localhost"
        + path.encode()
        + b"</wsa:To></s:Header><s:Body>"
        + body
        + b"</s:Body></s:Envelope>"
    )


def stored_query(path: str, query: AdhocQuery) -> bytes:
    """ITI-18."""
    return http(path, _SOAP, _envelope(path, "urn:ihe:iti:2007:RegistryStoredQuery", adhoc_query_request(query)))


def cross_gateway_query(path: str, query: AdhocQuery) -> bytes:
    """ITI-38."""
    return http(path, _SOAP, _envelope(path, "urn:ihe:iti:2007:CrossGatewayQuery", adhoc_query_request(query)))


def register(path: str, repository: str) -> bytes:
    """ITI-42 with one document of another repository."""
    ids = ["SubmissionSet01", "Document01", "as01"]
    body = submit_objects_request(submission([f"9{NUMBER.decode()}"], 4711, ANY_PATIENT, ids, repository))
    return http(path, _SOAP, _envelope(path, "urn:ihe:iti:2007:RegisterDocumentSet-b", body))


def provide(path: str, content: bytes) -> bytes:
    """ITI-41 with one document; its bytes begin with the number, so that no two are alike."""
    ids = ["SubmissionSet01", "Document01", "as01"]
    lcm = submit_objects_request(submission([f"8{NUMBER.decode()}"], 4711, ANY_PATIENT, ids, ""))
    body = (
        b'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="urn:ihe:iti:xds-b:2007">' + lcm + b'<xds:Document id="'
        b'Document01"><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:document@bench"/>'
        b"</xds:Document></xds:ProvideAndRegisterDocumentSetRequest>"
    )
    root = _envelope(path, "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b", body)
    return http(path, _MTOM, _package(root, NUMBER + content))


def retrieve(path: str, repository: str, unique_id: str, home: str = "") -> bytes:
    """ITI-43 of one document, of another community when `home` names one."""
    where = f"<xds:HomeCommunityId>{home}</xds:HomeCommunityId>" if home else ""
    body = (
        f'<xds:RetrieveDocumentSetRequest xmlns:xds="urn:ihe:iti:xds-b:2007"><xds:DocumentRequest>{where}'
        f"<xds:RepositoryUniqueId>{repository}</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>{unique_id}</xds:DocumentUniqueId>"
        "</xds:DocumentRequest></xds:RetrieveDocumentSetRequest>"
    ).encode()
    return http(path, _MTOM, _package(_envelope(path, "urn:ihe:iti:2007:RetrieveDocumentSet", body), None))


def download(path: str) -> bytes:
    """A plain file of a control."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _package(root: bytes, document: bytes | None) -> bytes:
    boundary = _BOUNDARY.encode()
    parts = [
        b"--" + boundary + b'\r\nContent-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
        b"Content-Transfer-Encoding: binary\r\nContent-ID: <root@bench>\r\n\r\n" + root
    ]
    if document is not None:
        parts.append(
            b"--" + boundary + b"\r\nContent-Type: text/xml\r\nContent-Transfer-Encoding: binary\r\n"
            b"Content-ID: <document@bench>\r\n\r\n" + document
        )
    return b"\r\n".join([*parts, b"--" + boundary + b"--\r\n"])
