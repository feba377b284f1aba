"""What one call to one community came to: an answer that could be read, or one error; and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from node.exchange import NO_RECEIPT, PeerReceipt
from node.federation.calls import Call
from node.federation.client import PeerAnswer, PeerFault
from node.hl7v3.answer import DemographicsAnswer
from node.hl7v3.location import Location
from node.outcome_words import Outcome, Word
from registry.ebrim.reader import QueryAnswer, ResponseHead
from registry.errors import ErrorCode, RegistryError
from repository.messages import RetrieveAnswer
from trust.communities import Community

NO_RESPONSE: Final = ResponseHead("")
NO_OBJECTS: Final = QueryAnswer(ResponseHead(""))
NO_DOCUMENTS: Final = RetrieveAnswer(ResponseHead(""))


@dataclass(slots=True, kw_only=True)
class Answered:
    """One community's outcome: either an answer that could be read, or one error.

    `received` says that an answer came and could be read, also when it is not used for want of a receipt. `word` says
    why there is no answer. `accepted` are the objects of a query that may be shown, as they are spliced; `errors` what
    the asker is told; `outcome` is there when the call has ended.
    """

    community: Community
    call: Call
    error: RegistryError | None = None
    reason: str = ""  # why there is no answer, in words that may be logged
    word: Word | None = None
    subcodes: tuple[str, ...] = ()  # of the SOAP fault that came instead, its code first
    answer: PeerAnswer | None = None
    received: bool = False
    seconds: float = 0.0
    receipt: PeerReceipt = NO_RECEIPT
    query: QueryAnswer = NO_OBJECTS
    retrieve: RetrieveAnswer = NO_DOCUMENTS
    response: ResponseHead = NO_RESPONSE  # of ITI-41 and ITI-92
    discovered: DemographicsAnswer | None = None  # of ITI-55
    located: tuple[Location, ...] = ()  # of ITI-56
    acknowledged: str = ""  # typeCode of the acknowledgement of a revocation
    correlated: str = ""  # how the community names the patient that was asked for (CX), if it knows them
    keep: int | None = None  # seconds that this may be kept; None: not at all
    accepted: tuple[bytes, ...] = ()
    errors: tuple[RegistryError, ...] = ()
    outcome: Outcome | None = None
    on_record: bool = False  # already, or not yet because the answer may still come

    def faults(self) -> tuple[RegistryError, ...]:
        """Every error of this outcome: the community's own, or the one that says why there is no answer."""
        if self.error is not None:
            return (self.error,)
        return (*self.query.head.errors, *self.retrieve.head.errors, *self.response.errors)

    def fail(self, fault: PeerFault) -> None:
        """There is no usable answer; what came of it is given up."""
        self.reason, self.subcodes, self.word = fault.what, fault.codes, fault.word
        self.error = RegistryError(
            ErrorCode.UNAVAILABLE_COMMUNITY, f"{self.community.name} {fault}", self.community.home
        )
        self.query, self.retrieve, self.response = NO_OBJECTS, NO_DOCUMENTS, NO_RESPONSE
