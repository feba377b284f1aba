"""Deviations of other systems that this node tolerates: the closed list, each with what is done about it.

Each is counted by its name and stands in the record of its exchange, so that an administrator sees which partner to
write to (xds-wire 2.1, 2.5). Of a community whose description says so (quirk `refused_leniencies`) it is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final

from node.soap.faults import sender


class Leniency(StrEnum):
    """Name of a tolerated deviation; stable, because metrics carry it."""

    ACTION_NOT_MUST_UNDERSTAND = "action-not-must-understand"
    BARE_XML_IN_MULTIPART = "bare-xml-in-multipart"
    CONTENT_ID_WITHOUT_BRACKETS = "content-id-without-brackets"
    ENCODED_PART = "encoded-part"
    FOLDED_HEADER = "folded-header"
    INLINE_DOCUMENT = "inline-document"
    LINE_FEED_ONLY = "line-feed-only"
    MESSAGE_ID_MISSING = "message-id-missing"
    MESSAGE_ID_NOT_UUID = "message-id-not-uuid"
    PADDED_ADDRESS = "padded-address"
    PART_NOT_REFERENCED = "part-not-referenced"
    REPLY_TO_MISSING = "reply-to-missing"
    ROOT_NOT_FIRST = "root-not-first"
    ROOT_TYPE = "root-type"
    START_MISSING = "start-missing"
    START_UNKNOWN = "start-unknown"
    START_WITHOUT_BRACKETS = "start-without-brackets"
    TEXT_AROUND_PARTS = "text-around-parts"
    TO_DIFFERS = "to-differs"
    TRANSFER_ENCODING_MISSING = "transfer-encoding-missing"
    XOP_OUTSIDE_DOCUMENT = "xop-outside-document"
    XOP_WHITESPACE = "xop-whitespace"


EVERY: Final = "all"
NAMES: Final = tuple(str(one) for one in Leniency)


def refuse(found: Iterable[Leniency], refused: Collection[str]) -> None:
    """Refuse a message for what is not tolerated of its sender: `refused` are names, or `all`.

    Raises:
        SoapFault: with the name of each deviation, so that its sender knows what to mend.
    """
    named = sorted(str(one) for one in found if EVERY in refused or one in refused)
    if named:
        raise sender(f"not tolerated of this community: {', '.join(named)}")


WHAT_IS_DONE: Final[dict[Leniency, str]] = {
    Leniency.ACTION_NOT_MUST_UNDERSTAND: "wsa:Action lacks mustUnderstand: it is understood anyway",
    Leniency.BARE_XML_IN_MULTIPART: "multipart/related is announced and bare XML follows: read as simple SOAP",
    Leniency.CONTENT_ID_WITHOUT_BRACKETS: "Content-ID lacks < and >: compared without them",
    Leniency.ENCODED_PART: "a part is base64 or quoted-printable: decoded while it streams",
    Leniency.FOLDED_HEADER: "a header of a part is folded over lines: unfolded",
    Leniency.INLINE_DOCUMENT: "a document stands as base64 inside the envelope: taken out and treated as a part",
    Leniency.LINE_FEED_ONLY: "lines of the package end with LF alone: accepted",
    Leniency.MESSAGE_ID_MISSING: "wsa:MessageID is missing: the answer has no RelatesTo",
    Leniency.MESSAGE_ID_NOT_UUID: "wsa:MessageID is not a UUID: echoed as it is",
    Leniency.PADDED_ADDRESS: "blanks around an address or action: stripped",
    Leniency.PART_NOT_REFERENCED: "a part that nothing refers to: read and dropped",
    Leniency.REPLY_TO_MISSING: "wsa:ReplyTo is missing: read as anonymous",
    Leniency.ROOT_NOT_FIRST: "parts stand before the root: spooled until the root is known",
    Leniency.ROOT_TYPE: "the type of the root part or of the package is unusual: the root is what parses",
    Leniency.START_MISSING: "the package names no start: its first part is the root",
    Leniency.START_UNKNOWN: "start names no part: the root is the part typed application/xop+xml, else the first",
    Leniency.START_WITHOUT_BRACKETS: "start lacks < and >: compared without them",
    Leniency.TEXT_AROUND_PARTS: "text before the first or after the last boundary: skipped",
    Leniency.TO_DIFFERS: "wsa:To is not the URL that was called (proxies rewrite it): never used for routing",
    Leniency.TRANSFER_ENCODING_MISSING: "a part lacks Content-Transfer-Encoding: read as binary",
    Leniency.XOP_OUTSIDE_DOCUMENT: "xop:Include in a header: its part is read and dropped",
    Leniency.XOP_WHITESPACE: "blanks around xop:Include: ignored",
}
