"""How asking one community ended, in one word: the one list that pages, commands, metrics and records share. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Word(StrEnum):
    """Every state of one community in one fan-out; all but `ASKING` are ends."""

    ASKING = "asking"  # no answer yet
    FOUND = "found"  # objects came
    NONE = "none"  # it answered, with nothing
    NO_PATIENT = "no_patient"  # it does not know the patient
    REFUSED = "refused"  # its rule, its access control, or an XDS error
    TIMEOUT = "timeout"  # no answer within its time
    CERTIFICATE = "certificate"  # TLS: chain, name, pin, revocation
    PROTOCOL = "protocol"  # what came cannot be read, or must not be believed
    UNREACHABLE = "unreachable"  # DNS, TCP, a connection that broke, a server that says it is overloaded
    PAUSED = "paused"  # it was not asked, because it failed again and again a moment ago
    NOT_ASKED = "not_asked"  # left out: a decision of this node, or too many requests under way


ANSWERED: Final = frozenset({Word.FOUND, Word.NONE, Word.NO_PATIENT, Word.REFUSED})
"""Nothing else counts as an answer of an institution."""


TEXTS: Final[Mapping[Word, str]] = {
    Word.ASKING: "asking…",
    Word.FOUND: "found {n}",
    Word.NONE: "no documents",
    Word.NO_PATIENT: "does not know this patient",
    Word.REFUSED: "refused: {code}",
    Word.TIMEOUT: "no answer in {s} s",
    Word.CERTIFICATE: "identity not confirmed",
    Word.PROTOCOL: "answer not understood",
    Word.UNREACHABLE: "cannot be reached",
    Word.PAUSED: "not asked: failing again and again",
    Word.NOT_ASKED: "not asked: {why}",
}
"""What a person reads, in English: the keys of catalogues in other languages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How asking one community ended.

    `seconds` count from the question on, `code` is an XDS error code or that of a SOAP fault, `reason` is in this
    node's own words and may be logged. `incomplete`: objects came, and beside them an error, or some
    that were withheld.
    """

    home: str
    name: str
    word: Word
    count: int = 0
    seconds: float = 0.0
    reason: str = ""
    code: str = ""
    incomplete: bool = False

    def text(self) -> str:
        """For a person, in English."""
        words = TEXTS[self.word].format(
            n=self.count, s=round(self.seconds, 1), code=self.code or "no code given", why=self.reason
        )
        return f"{words}, answer incomplete" if self.incomplete else words

    def as_json(self) -> dict[str, Any]:
        """For programs: the keys of `find --json`."""
        return {
            "home_community_id": self.home,
            "institution": self.name,
            "outcome": str(self.word),
            "count": self.count,
            "seconds": round(self.seconds, 3),
            "reason": self.reason,
            "code": self.code,
            "incomplete": self.incomplete,
        }
