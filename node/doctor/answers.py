"""What came of real questions, as rows: statement about the user, query, retrieve, receipt, speed. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.doctor.steps import Level, Row, Step, ok
from node.doctor.table import finding
from node.outcome_words import Outcome, Word
from registry.errors import ErrorCode

QUESTIONS: Final = 10
_SLOW_SECONDS: Final = 2.0
NO_RECEIPT: Final = "gave no good Audit-Proof"
# How `federation.client` and `.gateway` say why there is no answer, and the code; the first that fits.
REASONS: Final = (
    ("gave no answer within", "answer.late"),
    ("is not asked or answered: the directory", "directory.ended"),
    ("is not asked or answered", "query.forked"),
    ("is not who it should be", "answer.identity"),
    ("cannot be reached", "answer.unreachable"),
    ("broke off", "answer.broken"),
    ("answered what cannot be read", "answer.unreadable"),
    ("compressed", "answer.compressed"),
    ("answered another request", "answer.other-request"),
    ("answered something else", "answer.other-root"),
    ("answered two parts", "answer.parts"),
    ("sent more than", "answer.too-large"),
)
_STATUSES: Final = {
    **dict.fromkeys(("401", "403"), "ours.not-added"),
    **dict.fromkeys(("404", "405", "410"), "answer.address"),
    **dict.fromkeys(("301", "302", "303", "307", "308"), "answer.redirect"),
    **dict.fromkeys(("502", "503", "504"), "answer.down"),
    "421": "answer.misdirected",
}
_SUBCODES: Final = {
    "InvalidSecurityToken": "statement.refused",
    "FailedCheck": "statement.untrusted",
    "UnsupportedSecurityToken": "statement.kind",
    "UnsupportedAlgorithm": "statement.kind",
    "InvalidSecurity": "statement.form",
    "SecurityTokenUnavailable": "statement.form",
    "ActionNotSupported": "answer.action",
    "MustUnderstand": "answer.understand",
    "VersionMismatch": "answer.version",
    "EndpointUnavailable": "answer.busy",
}
_QUERY_ERRORS: Final = {
    ErrorCode.UNKNOWN_COMMUNITY: "query.community",
    ErrorCode.REGISTRY_BUSY: "answer.busy",
    ErrorCode.REGISTRY_NOT_AVAILABLE: "query.store",
    ErrorCode.REGISTRY_OUT_OF_RESOURCES: "query.store",
    ErrorCode.UNKNOWN_STORED_QUERY: "query.stored",
    ErrorCode.STORED_QUERY_MISSING_PARAM: "query.stored",
    ErrorCode.STORED_QUERY_PARAM_NUMBER: "query.stored",
}
_RETRIEVE_ERRORS: Final = {
    ErrorCode.UNKNOWN_COMMUNITY: "query.community",
    ErrorCode.UNKNOWN_REPOSITORY_ID: "retrieve.repository",
    ErrorCode.REPOSITORY_BUSY: "answer.busy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of one question.

    `reason` is why there is no answer, in this node's own words, `quoted` what came with it; `subcodes` are those of a
    SOAP fault, its code first. `errors` are code and context. `things` counts objects or documents. `flaw` is that of
    the receipt, "" for a good one.
    """

    place: str
    said: bool  # whether a statement about a user was sent
    reason: str = ""
    quoted: str = ""
    subcodes: Sequence[str] = ()
    errors: Sequence[tuple[str, str]] = ()
    things: int = 0
    failure: bool = False
    receipts: bool = True  # whether the other institution gives any
    flaw: str = ""
    cause: str = ""
    seconds: float = 0.0

    @property
    def unproved(self) -> bool:
        """Whether an answer came that is not used, because nothing counts without a receipt."""
        return self.reason.startswith(NO_RECEIPT)


def of_query(asked: Asked, discovery: Row | None = None) -> list[Row]:
    """Steps 7 to 9: the answer to a query for a patient that cannot exist; `discovery` is step 8 where it was taken."""
    row = _failure(asked, Step.QUERY) or _query(asked)
    before = [] if row.step < Step.QUERY else [_statement(asked), discovery or finding("discovery.none")]
    return [*before, row]


def of_discovery(place: str, outcome: Outcome) -> Row:
    """Step 8: the answer to a question for a person that cannot exist."""
    if outcome.word is Word.NO_PATIENT:
        return ok(Step.DISCOVERY, "ITI-55: answered, as for a person nobody knows", place)
    claimed = "it claims to know a person that cannot exist" if outcome.word is Word.FOUND else outcome.reason
    return finding("discovery.error", place, quoted=claimed or str(outcome.word))


def of_retrieve(asked: Asked) -> Row:
    """Step 10: the answer to a retrieve of a document that cannot exist."""
    if row := _failure(asked, Step.RETRIEVE):
        return row
    if asked.unproved:
        return ok(Step.RETRIEVE, "ITI-39: answered, without the receipt that must come with it", asked.place)
    errors = [one for one in asked.errors if one[0] != ErrorCode.DOCUMENT_UNIQUE_ID]
    if asked.things:
        return finding("retrieve.lies", asked.place)
    if errors:
        code, context = errors[0]
        known = _RETRIEVE_ERRORS.get(ErrorCode(code)) if code in set(ErrorCode) else None
        return finding(known or "retrieve.error", asked.place, step=Step.RETRIEVE, quoted=f"{code} {context}")
    if not asked.errors:
        return finding("retrieve.silent", asked.place)
    return ok(Step.RETRIEVE, "ITI-39: answered, as for a document nobody has", asked.place)


def of_receipts(several: Sequence[Asked]) -> Row:
    """Step 11: whether each answer proved that it is in the audit log there."""
    bad = next((one for one in several if one.flaw), None)
    if bad is not None:
        row = finding(f"receipt.{bad.flaw}", bad.place, quoted=bad.cause)
        return replace(row, level=Level.FAIL) if bad.unproved else row
    if not several[0].receipts:
        return finding("receipt.none", several[0].place)
    return ok(Step.RECEIPT, f"{len(several)} answers, each with a good receipt of its audit log", several[0].place)


def of_speed(several: Sequence[Asked], network: float) -> Iterator[Row]:
    """Step 12: several small questions; `network` is how long a connection took (seconds)."""
    place = several[0].place
    lost = sum(1 for one in several if one.reason)
    if lost:
        yield finding("speed.lost", place, quoted=f"{lost} of {len(several)}")
    times = sorted(one.seconds for one in several)
    p95 = times[math.ceil(0.95 * len(times)) - 1]
    if p95 > _SLOW_SECONDS:
        there = max(p95 - network, 0.0)
        text = f"p95 {p95:.1f} s of {len(times)} questions; their server {there:.1f} s, network {network:.1f} s"
        yield finding("speed.server" if there > network else "speed.network", place, quoted=text)
    elif not lost:
        yield ok(Step.SPEED, f"{len(times)} small questions, p95 {p95 * 1000:.0f} ms", place)


def _failure(asked: Asked, step: Step) -> Row | None:
    """The row for a question that got no usable answer; None when there is one."""
    if not asked.reason or asked.unproved:
        return None
    code = _code(asked)
    own_step = step if code.startswith(("answer.", "query.")) else None
    host = asked.place.rpartition(":")[0]
    quoted = asked.quoted or asked.reason
    return finding(code, asked.place, step=own_step, quoted=quoted, reason=asked.reason, place=asked.place, host=host)


def _code(asked: Asked) -> str:
    if asked.reason == "refused":
        return _refusal(asked)
    status = asked.reason.rpartition("HTTP status ")[2]
    if status != asked.reason:
        usual = "answer.no-soap" if asked.reason.startswith("answered no SOAP") else "answer.status"
        return _STATUSES.get(status, usual)
    return next((code for words, code in REASONS if asked.reason.startswith(words)), "answer.fault")


def _refusal(asked: Asked) -> str:
    if "FailedAuthentication" in asked.subcodes:
        return "statement.untrusted" if "assertion" in asked.quoted else "ours.not-added"
    if "InvalidSecurity" in asked.subcodes and not asked.said:
        return "statement.required"
    if not asked.subcodes[1:] and "access is refused" in asked.quoted:
        return "ours.not-added"
    return next((_SUBCODES[one] for one in reversed(asked.subcodes) if one in _SUBCODES), "answer.fault")


def _statement(asked: Asked) -> Row:
    if not asked.said:
        return finding("statement.off", asked.place)
    return ok(Step.STATEMENT, "a statement about the operator was sent, and nobody objected to it", asked.place)


def _query(asked: Asked) -> Row:
    errors = [one for one in asked.errors if one[0] != ErrorCode.UNKNOWN_PATIENT_ID]
    if errors:
        code, context = errors[0]
        known = _QUERY_ERRORS.get(ErrorCode(code)) if code in set(ErrorCode) else None
        return finding(known or "query.error", asked.place, quoted=f"{code} {context}")
    if asked.things:
        return finding("query.lies", asked.place, quoted=asked.things)
    if asked.failure and not asked.errors:
        return finding("query.failure", asked.place)
    return ok(Step.QUERY, "ITI-38: answered, as for a patient nobody knows", asked.place)
