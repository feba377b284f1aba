"""Deviations of other systems that this node tolerates: the closed list, each with what is done about it.

Each is counted by its name and stands in the record of its exchange, so that an administrator sees which partner to
write to (xds-wire 2.1, 2.5, 6.4, 10). Of whom that is said it is refused: of a community in its description (quirk
`refused_leniencies`), of an application in `[leniencies]`. A few are refused of everybody but those of whom they are
required (`required_leniencies`). Those of metadata and queries are found by the registry (`registry.ebrim.tolerances`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final

from node.soap.faults import sender
from registry.ebrim.tolerances import Tolerance
from registry.errors import ErrorCode, RegistryError, XdsErrors


class Leniency(StrEnum):
    """Name of a tolerated deviation; stable, because metrics carry it."""

    ACTION_NOT_MUST_UNDERSTAND = "action-not-must-understand"
    BARE_XML_IN_MULTIPART = "bare-xml-in-multipart"
    CHILDREN_OUT_OF_ORDER = "children-out-of-order"
    CONTENT_ID_WITHOUT_BRACKETS = "content-id-without-brackets"
    DISCOURAGED_PATIENT_INFO = "discouraged-patient-info"
    DOUBLE_QUOTES = "double-quotes"
    EBXML_PARTIAL_SUCCESS = "ebxml-partial-success"
    ENCODED_PART = "encoded-part"
    ESCAPED_TWICE = "escaped-twice"
    EXTRA_NAME = "extra-name"
    FOLDED_HEADER = "folded-header"
    INLINE_DOCUMENT = "inline-document"
    LINE_FEED_ONLY = "line-feed-only"
    LIST_FOR_ONE_VALUE = "list-for-one-value"
    MEMBERSHIP_STATUS = "membership-status"
    MESSAGE_ID_MISSING = "message-id-missing"
    MESSAGE_ID_NOT_UUID = "message-id-not-uuid"
    OLD_ASSOCIATION_TYPE = "old-association-type"
    ONE_VALUE_FOR_LIST = "one-value-for-list"
    PADDED_ADDRESS = "padded-address"
    PADDED_NAME = "padded-name"
    PADDED_VALUE = "padded-value"
    PART_NOT_REFERENCED = "part-not-referenced"
    PLAIN_ANSWER = "plain-answer"
    QUOTED_TIME = "quoted-time"
    RELATES_TO_MISSING = "relates-to-missing"
    REPLY_TO_MISSING = "reply-to-missing"
    ROOT_NOT_FIRST = "root-not-first"
    ROOT_TYPE = "root-type"
    SHORT_STATUS = "short-status"
    START_MISSING = "start-missing"
    START_UNKNOWN = "start-unknown"
    START_WITHOUT_BRACKETS = "start-without-brackets"
    TEXT_AROUND_PARTS = "text-around-parts"
    TO_DIFFERS = "to-differs"
    TRANSFER_ENCODING_MISSING = "transfer-encoding-missing"
    UPPER_CASE_UUID = "upper-case-uuid"
    URI_IN_PIECES = "uri-in-pieces"
    XOP_OUTSIDE_DOCUMENT = "xop-outside-document"
    XOP_WHITESPACE = "xop-whitespace"


EVERY: Final = "all"
NAMES: Final = tuple(str(one) for one in Leniency)
ONLY_WHERE_REQUIRED: Final = frozenset({Leniency.OLD_ASSOCIATION_TYPE, Leniency.SHORT_STATUS})
_OF_CONTENT: Final = frozenset(map(str, Tolerance))  # of metadata and queries: no fault of SOAP
_OF_QUERIES: Final = frozenset(
    {
        *(Leniency.DOUBLE_QUOTES, Leniency.ESCAPED_TWICE, Leniency.LIST_FOR_ONE_VALUE),
        *(Leniency.ONE_VALUE_FOR_LIST, Leniency.QUOTED_TIME, Leniency.SHORT_STATUS),
    }
)


def refuse(found: Iterable[Leniency], refused: Collection[str]) -> None:
    """Refuse a message for what is not tolerated of its sender: `refused` are names, or `all`.

    Raises:
        SoapFault: with the name of each deviation, so that its sender knows what to mend.
        XdsErrors: the same, where metadata or a query deviates and the message as such does not.
    """
    named = sorted(str(one) for one in found if EVERY in refused or one in refused)
    if not named:
        return
    text = f"not tolerated of this sender: {', '.join(named)}"
    if not _OF_CONTENT.issuperset(named):
        raise sender(text)
    code = ErrorCode.REGISTRY_METADATA if _OF_QUERIES.isdisjoint(named) else ErrorCode.REGISTRY_ERROR
    raise XdsErrors([RegistryError(code, text)])


WHAT_IS_DONE: Final[dict[Leniency, str]] = {
    Leniency.ACTION_NOT_MUST_UNDERSTAND: "wsa:Action lacks mustUnderstand: it is understood anyway",
    Leniency.BARE_XML_IN_MULTIPART: "multipart/related is announced and bare XML follows: read as simple SOAP",
    Leniency.CHILDREN_OUT_OF_ORDER: "children of an ebRIM element stand in another order than its schema has: read",
    Leniency.CONTENT_ID_WITHOUT_BRACKETS: "Content-ID lacks < and >: compared without them",
    Leniency.DISCOURAGED_PATIENT_INFO: "sourcePatientInfo has a field that should not be sent (PID-2, 4, 12, 19): kept",
    Leniency.DOUBLE_QUOTES: "a value of a query stands in double quotes: read as in single ones",
    Leniency.EBXML_PARTIAL_SUCCESS: "an answer has PartialSuccess in the namespace of ebXML: read as IHE's",
    Leniency.ENCODED_PART: "a part is base64 or quoted-printable: decoded while it streams",
    Leniency.ESCAPED_TWICE: "the ampersands of a patient id in a query were escaped twice: unescaped once more",
    Leniency.EXTRA_NAME: "extra metadata is named by half a URN: kept",
    Leniency.FOLDED_HEADER: "a header of a part is folded over lines: unfolded",
    Leniency.INLINE_DOCUMENT: "a document stands as base64 inside the envelope: taken out and treated as a part",
    Leniency.LINE_FEED_ONLY: "lines of the package end with LF alone: accepted",
    Leniency.LIST_FOR_ONE_VALUE: "a parameter of one value has a list of one: taken",
    Leniency.MEMBERSHIP_STATUS: "SubmissionSetStatus beside a Folder or a membership, as before 2012: kept",
    Leniency.MESSAGE_ID_MISSING: "wsa:MessageID is missing: the answer has no RelatesTo",
    Leniency.MESSAGE_ID_NOT_UUID: "wsa:MessageID is not a UUID: echoed as it is",
    Leniency.OLD_ASSOCIATION_TYPE: "an association type that is no URN of IHE's: only where required",
    Leniency.ONE_VALUE_FOR_LIST: "a parameter of several values has one without parentheses: taken",
    Leniency.PADDED_ADDRESS: "blanks around an address or action: stripped",
    Leniency.PADDED_NAME: "blanks around the name of a slot: stripped",
    Leniency.PADDED_VALUE: "blanks around a value: stripped",
    Leniency.PART_NOT_REFERENCED: "a part that nothing refers to: read and dropped",
    Leniency.PLAIN_ANSWER: "an MTOM request is answered with simple SOAP: read as it is",
    Leniency.QUOTED_TIME: "a time in a query stands in quotes: read as without",
    Leniency.RELATES_TO_MISSING: "an answer lacks wsa:RelatesTo: the connection says what it answers",
    Leniency.REPLY_TO_MISSING: "wsa:ReplyTo is missing: read as anonymous",
    Leniency.ROOT_NOT_FIRST: "parts stand before the root: spooled until the root is known",
    Leniency.ROOT_TYPE: "the type of the root part or of the package is unusual: the root is what parses",
    Leniency.SHORT_STATUS: "a status in a query is no whole URN, or that of a response: only where required",
    Leniency.START_MISSING: "the package names no start: its first part is the root",
    Leniency.START_UNKNOWN: "start names no part: the root is the part typed application/xop+xml, else the first",
    Leniency.START_WITHOUT_BRACKETS: "start lacks < and >: compared without them",
    Leniency.TEXT_AROUND_PARTS: "text before the first or after the last boundary: skipped",
    Leniency.TO_DIFFERS: "wsa:To is not the URL that was called (proxies rewrite it): never used for routing",
    Leniency.TRANSFER_ENCODING_MISSING: "a part lacks Content-Transfer-Encoding: read as binary",
    Leniency.UPPER_CASE_UUID: "a UUID in upper case: kept, compared without case",
    Leniency.URI_IN_PIECES: "URI in numbered pieces, as before 2012: put together",
    Leniency.XOP_OUTSIDE_DOCUMENT: "xop:Include in a header: its part is read and dropped",
    Leniency.XOP_WHITESPACE: "blanks around xop:Include: ignored",
}
