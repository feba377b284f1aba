"""A request as the pipeline gets it, and an answer as it gives it back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from node.http.reading import PackageReader
from node.http.reply import OutgoingDocument
from node.soap.message import Message
from trust.identity.caller import Caller
from trust.ledger.sequencer import AuditProof


@dataclass(slots=True, kw_only=True)
class Incoming:
    """One authenticated request: its message is read, its documents are still on the way."""

    message: Message
    caller: Caller
    path: str
    query: str
    address: str
    sni: str
    audit_proof: str  # the caller's own Audit-Proof header, "" when it sent none
    package: PackageReader
    certificate: bytes = b""  # DER, of the caller
    patience: float = 0.0  # seconds that peers have to answer; 0: what the configuration says
    vouched: bool = False  # from the node's own pages: the assertion is this node's, and always counts

    def documents(self) -> AsyncIterator[tuple[str, AsyncIterator[bytes | memoryview]]]:
        """(`id` of xds:Document, its bytes) in the order of arrival; can be iterated once.

        Raises:
            SoapFault: while iterating or at the end: a part is missing, doubled or cannot be read. It must reach
                the endpoint, which records the refusal and answers with a fault.
        """
        return self.package.documents()

    def parameter(self, name: str) -> str:
        """A parameter of the URL's query, "" when it is absent."""
        return parse_qs(self.query).get(name, [""])[0] if self.query else ""


@dataclass(slots=True, kw_only=True)
class Outgoing:
    """One answer. It cannot be made without the proof that it is on record.

    `body` is the finished SOAP envelope. `packaging` is that of the request ("soap" or "mtom"). `root_id` is the
    Content-ID of the root part, which the digest of the exchange names.
    """

    proof: AuditProof
    action: str
    body: bytes
    packaging: str
    status: int = 200
    documents: Sequence[OutgoingDocument] = ()
    root_id: str = "root"
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request that ends before it becomes a transaction, for the audit record that is written first.

    `message` is the request as far as it was read; `answer` is the payload digest of the fault that will leave.
    """

    reason: str
    status: int
    caller: Caller | None
    address: str
    fingerprint: str
    path: str
    message_id: str
    incident: str
    message: Message | None = None
    answer: bytes = b""
    user: bool = False  # not the system, but the user behind it was refused
