"""Receipts: proof of one side of an exchange that it is in its audit log (audit-ledger 2.8). Pure; no IO, no clock.

A receipt is a C2SP tlog-proof whose `extra` line is the 98-byte entry. It travels as base64url in the HTTP header
`Audit-Proof`: with a request the asking side's record of kind 1, with an answer the answering side's of kind 3.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from trust.audit.event import Kind
from trust.errors import BadSignature
from trust.ledger.checkpoint import BadNote, VerificationKey, open_checkpoint, parse_checkpoint, parse_note
from trust.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from trust.ledger.record import LEAF_BYTES

HEADER: Final = "Audit-Proof"
MAX_BYTES: Final = 4096  # 40 hashes and a note of one signature are less
MAX_HASHES: Final = 63
_FIRST: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_TURN_OF_YEAR: Final = timedelta(hours=1)  # a log of the year before or after counts this long


class Flaw(StrEnum):
    """Why a receipt is not accepted."""

    MISSING = "missing"
    MALFORMED = "malformed"
    FOREIGN_LOG = "foreign-log"
    NOT_INCLUDED = "not-included"
    NOT_SIGNED = "not-signed"
    OTHER_KIND = "other-kind"
    OTHER_EXCHANGE = "other-exchange"
    USED_BEFORE = "used-before"


class BadReceipt(BadSignature):
    """A receipt that proves nothing about this exchange."""

    def __init__(self, flaw: Flaw, cause: str) -> None:
        super().__init__(cause)
        self.flaw = flaw


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One receipt, not yet verified. `proof` leads from the entry to the root that `checkpoint`, a note, states."""

    entry: bytes
    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes


def render(entry: bytes, index: int, proof: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The text of a receipt. Source: C2SP tlog-proof."""
    lines = [_FIRST, f"extra {_encoded(entry)}", f"index {index}", *map(_encoded, proof), "", ""]
    return "\n".join(lines).encode() + checkpoint


def parse(data: bytes) -> Receipt:
    """Read a receipt; strict, so that one statement has one form.

    Raises:
        BadReceipt: anything but the lines that `render` writes, or too long.

    Source: C2SP tlog-proof.
    """
    if len(data) > MAX_BYTES:
        raise BadReceipt(Flaw.MALFORMED, f"longer than {MAX_BYTES} bytes")
    head, blank, checkpoint = data.partition(b"\n\n")
    lines = head.split(b"\n")
    if not blank or len(lines) < 3 or lines[0] != _FIRST.encode():
        raise BadReceipt(Flaw.MALFORMED, f"it does not begin with {_FIRST}, or has no checkpoint")
    entry = _decoded(lines[1].removeprefix(b"extra "))
    if not lines[1].startswith(b"extra ") or len(entry) != LEAF_BYTES:
        raise BadReceipt(Flaw.MALFORMED, f"its second line is not an entry of {LEAF_BYTES} bytes")
    index = lines[2].removeprefix(b"index ").decode("ascii", "replace")
    if not lines[2].startswith(b"index ") or not _INDEX.fullmatch(index):
        raise BadReceipt(Flaw.MALFORMED, "its third line is not an index")
    proof = tuple(map(_decoded, lines[3:]))
    if len(proof) > MAX_HASHES or any(len(one) != HASH_BYTES for one in proof):
        raise BadReceipt(Flaw.MALFORMED, f"it does not consist of at most {MAX_HASHES} hashes of {HASH_BYTES} bytes")
    return Receipt(entry=entry, index=int(index), proof=proof, checkpoint=checkpoint)


def to_header(receipt: bytes) -> str:
    """A receipt as the value of the header `Audit-Proof`: base64url with padding (RFC 4648: 5)."""
    return base64.urlsafe_b64encode(receipt).decode("ascii")


def from_header(value: str) -> bytes:
    """The receipt in a header.

    Raises:
        BadReceipt: no header, or not base64url in its canonical form.
    """
    if not value:
        raise BadReceipt(Flaw.MISSING, "no receipt came")
    if len(value) > MAX_BYTES * 4 // 3 + 4:
        raise BadReceipt(Flaw.MALFORMED, f"longer than {MAX_BYTES} bytes")
    try:
        data = base64.b64decode(value.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as wrong:
        raise BadReceipt(Flaw.MALFORMED, "the header is not base64url") from wrong
    if to_header(data) != value:
        raise BadReceipt(Flaw.MALFORMED, "the header is not base64url in its canonical form")
    return data


KeyOf = Callable[[str], VerificationKey | None]  # origin -> key of the other side's log; None for any other log


def verify(receipt: Receipt, key_of: KeyOf, *, kind: Kind, tag: bytes, now: datetime) -> None:
    """That the other side has this exchange in its audit log.

    1. The checkpoint is of the other side's log, of the year that it writes now: an entry in a log that is closed, and
       that nobody watches any more, proves nothing.
    2. The hash of the entry leads, through the proof, to the root that the checkpoint states.
    3. The checkpoint is signed with the key that two administrators exchanged.
    4. The entry is of the kind that belongs here: 1 with a request, 3 with an answer.
    5. Its exchange tag is the one computed from what has really arrived.

    Args:
        receipt: what was read.
        key_of: `AuditIdentity.key_of` of the other side.
        kind: what the entry must be.
        tag: `exchange_tag` of the message that came, 32 bytes.
        now: this instant.

    Raises:
        BadReceipt: names the first of these that does not hold.
    """
    try:
        checkpoint = parse_checkpoint(parse_note(receipt.checkpoint).text)
    except BadNote as wrong:
        raise BadReceipt(Flaw.MALFORMED, f"its checkpoint: {wrong}") from wrong
    key = key_of(checkpoint.origin)  # 1
    years = {f"{(now + shift).year:04d}" for shift in (-_TURN_OF_YEAR, _TURN_OF_YEAR)}
    if key is None or checkpoint.origin.rpartition("/")[2][:4] not in years:
        raise BadReceipt(Flaw.FOREIGN_LOG, f"of {checkpoint.origin}, which is not the log that counts here now")
    leaf = leaf_hash(receipt.entry)  # 2
    if not verify_inclusion(receipt.index, checkpoint.size, leaf, receipt.proof, checkpoint.root):
        raise BadReceipt(Flaw.NOT_INCLUDED, "the entry is not in the tree that the checkpoint states")
    try:
        open_checkpoint(receipt.checkpoint, key)  # 3
    except BadSignature as wrong:
        raise BadReceipt(Flaw.NOT_SIGNED, str(wrong)) from wrong
    if receipt.entry[0] != 1 or receipt.entry[1] != kind:  # 4
        raise BadReceipt(Flaw.OTHER_KIND, f"an entry of kind {receipt.entry[1]}, not {int(kind)}")
    if receipt.entry[2:34] != tag:  # 5
        raise BadReceipt(Flaw.OTHER_EXCHANGE, "the entry is about another exchange, or the message was changed")


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: bytes) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as wrong:
        raise BadReceipt(Flaw.MALFORMED, "a line that is not base64") from wrong
    if base64.b64encode(data) != text:
        raise BadReceipt(Flaw.MALFORMED, "base64 not in its canonical form")
    return data
