"""The wsu:Timestamp of a wsse:Security header: a message that was held back does not count (WS-Security 1.1.1, 10).

It is not signed here: TLS protects it on its way. What it defends against is a message that lay somewhere before it
was sent, and a clock that is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from lxml import etree

from trust.errors import AssertionRefused
from trust.identity.assertion import instant_of
from trust.identity.names import INVALID_HEADER, MESSAGE_EXPIRED, WSU

LONGEST: Final = timedelta(minutes=5)  # that a message without an end counts
_TIMESTAMP: Final = f"{{{WSU}}}Timestamp"


def check_timestamp(headers: Sequence[etree._Element], skew: timedelta, now: datetime, *, required: bool) -> None:
    """Refuse a message that is too old, or from a clock that is further ahead than `skew`.

    Skew forgives a clock that is ahead, and never prolongs a message.

    Raises:
        AssertionRefused: with wsse:MessageExpired; wsse:InvalidSecurity for a timestamp that is none.
    """
    found = [child for header in headers for child in header.iterchildren(_TIMESTAMP)]
    if not found:
        if required:
            raise AssertionRefused(MESSAGE_EXPIRED, "the message has no wsu:Timestamp, which is required")
        return
    if len(found) > 1:
        raise AssertionRefused(INVALID_HEADER, "wsse:Security holds more than one wsu:Timestamp")
    created = _moment(found[0], "Created")
    if created is None:
        raise AssertionRefused(INVALID_HEADER, "the wsu:Timestamp does not say when it was made")
    expires = _moment(found[0], "Expires") or created + LONGEST
    if created > now + skew:
        raise AssertionRefused(MESSAGE_EXPIRED, f"the message is of {created:%Y-%m-%d %H:%M:%SZ}, which is yet to come")
    if expires <= now:
        raise AssertionRefused(MESSAGE_EXPIRED, f"the message ended on {expires:%Y-%m-%d %H:%M:%SZ}")


def _moment(timestamp: etree._Element, name: str) -> datetime | None:
    """The instant of one child; None where there is none.

    Raises:
        AssertionRefused: there are several, or it is no instant.
    """
    found = list(timestamp.iterchildren(f"{{{WSU}}}{name}"))
    if not found:
        return None
    moment = instant_of((found[0].text or "").strip()) if len(found) == 1 and not len(found[0]) else None
    if moment is None:
        raise AssertionRefused(INVALID_HEADER, f"the wsu:{name} of the message is no instant")
    return moment
