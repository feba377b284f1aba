"""What reading a consent document gives: consents without their book-keeping, or the reason why it is not followed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trust.consent.policy import Provision


class NotFollowedError(ValueError):
    """The document is malformed, foreign, or about somebody else: it is kept with this reason and decides nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadConsent:
    """One consent of a document. Times are UTC, None: without one.

    `why` names what this node cannot follow of an otherwise good document; there are no provisions then, and such a
    consent denies as an empty one does.
    """

    start: datetime | None
    end: datetime | None
    provisions: tuple[Provision, ...]
    policy: str = ""
    why: str = ""
