"""What comes back from another community: its answer, or why there is none that can be used. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lxml import etree

from node.federation.quirks import read
from node.hl7v3.wrapper import read_wrapper
from node.outcome_words import Word
from node.soap.leniencies import EVERY, Leniency
from registry.ebrim.elements import REGISTRY_RESPONSE

if TYPE_CHECKING:
    from node.federation.calls import Call
    from node.soap.message import Message
    from repository.store.spool import SpooledPart

_EBXML_PARTIAL_SUCCESS: Final = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:PartialSuccess"
_SECURITY: Final = frozenset(  # subcodes of WS-Security 1.1
    {
        "UnsupportedSecurityToken",
        "UnsupportedAlgorithm",
        "InvalidSecurity",
        "InvalidSecurityToken",
        "FailedAuthentication",
        "FailedCheck",
        "SecurityTokenUnavailable",
    }
)


class PeerFault(Exception):  # noqa: N818  an outcome, not a failure of this node
    """Why a community's answer cannot be used; the text completes "NAME …".

    `what` is said in this node's own words. The text also quotes what came from outside, which may name a patient: it
    is for whoever asked and for the audit record, and never for the log. `codes` are those of a SOAP fault.
    """

    def __init__(self, what: str, quoted: str = "", codes: tuple[str, ...] = (), *, word: Word = Word.PROTOCOL) -> None:
        self.what = what
        self.codes = codes
        self.word = word
        super().__init__(f"{what} ({quoted})"[:300] if quoted else what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One document that came, complete and spooled. Whoever takes it closes `part` when its bytes have left."""

    part: SpooledPart
    size: int
    sha1: str
    sha256: bytes

    def frames(self) -> Iterator[bytes]:
        """Its bytes, once; nothing of it is left when they are read or given up."""
        try:
            yield from self.part.frames()
        finally:
            self.part.close()


@dataclass(slots=True, kw_only=True)
class PeerAnswer:
    """What a community answered; `documents` by content id. `audit_proof` is that header, "" when there is none.

    `message` is None where a one-way message was taken, and once everything in it was read: the trees of many answers
    at once would be more than the processor's cache holds. `leniencies` are what was tolerated of it.
    """

    message: Message | None
    digest: bytes
    audit_proof: str = ""
    documents: dict[str, Fetched] = field(default_factory=dict)
    leniencies: frozenset[Leniency] = frozenset()

    @property
    def body(self) -> etree._Element:
        """The element of the response."""
        assert self.message is not None  # noqa: S101  it was no one-way message
        return self.message.body

    def close(self) -> None:
        """Give up every spooled document."""
        for document in self.documents.values():
            document.part.close()


def complete(part: SpooledPart) -> Fetched:
    """A document whose last byte has come."""
    size, sha1, sha256_ = part.finish()
    return Fetched(part=part, size=size, sha1=sha1, sha256=sha256_)


def checked(call: Call, answer: PeerAnswer) -> PeerAnswer:
    """An answer that can be one to this request.

    Raises:
        PeerFault: it is a fault, or something else; what it brought is given up.
    """
    message = answer.message
    assert message is not None  # noqa: S101  it was just read
    wrong = None
    if message.fault:
        fault = message.fault
        codes = (fault.code, *fault.subcodes)
        wrong = PeerFault("refused", f"{fault.code} {fault.reason}", codes, word=_word_of_fault(codes))
    elif message.relates_to and message.relates_to != call.message_id:
        wrong = PeerFault("answered another request")
    elif message.body.tag != call.response_root:
        wanted = call.response_root.rpartition("}")[2]
        wrong = PeerFault(f"answered something else instead of {wanted}", etree.QName(message.body).localname)
    elif named := _not_tolerated(call, message):
        wrong = PeerFault("answered with deviations that are not tolerated of it", named)
    if wrong:
        answer.close()
        raise wrong
    answer.leniencies = frozenset(message.leniencies)
    return answer


def _not_tolerated(call: Call, message: Message) -> str:
    """Names of the deviations of an answer that its community's description refuses."""
    heads = (message.body, *message.body.iterchildren(REGISTRY_RESPONSE))
    if any(head.get("status") == _EBXML_PARTIAL_SUCCESS for head in heads):
        message.leniencies.add(Leniency.EBXML_PARTIAL_SUCCESS)
    refused = read(call.community.quirks).refused_leniencies
    return ", ".join(sorted(str(one) for one in message.leniencies if EVERY in refused or one in refused))


def judge_taken(answer: PeerAnswer) -> None:
    """A deferred question that was acknowledged: CA, or AA of who knows no better (federation-wire 2.7)."""
    acknowledged = read_wrapper(answer.body).acknowledged
    if acknowledged not in ("CA", "AA"):
        raise PeerFault("does not take deferred questions", acknowledged, word=Word.REFUSED)


def _word_of_fault(codes: tuple[str, ...]) -> Word:
    """A fault of WS-Security or XUA is a refusal; any other means that the two do not understand each other."""
    if "EndpointUnavailable" in codes:
        return Word.UNREACHABLE
    return Word.PROTOCOL if _SECURITY.isdisjoint(codes) else Word.REFUSED
