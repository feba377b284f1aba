"""What a witness of other communities' logs decides: values in, values out (C2SP tlog-witness; audit-ledger 2.10).

A witness cosigns a checkpoint only after a proof that it continues what the witness saw last. Two notes that a log
signed for one size with different roots prove a fork to anybody (grade E1). Two that the log could not connect (E2)
prove nothing to others: the witness keeps them and goes on asking for its own last state.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from trust.errors import BadSignature
from trust.ledger.checkpoint import (
    MAX_SIZE,
    BadNote,
    Checkpoint,
    CosignatureSigner,
    Note,
    VerificationKey,
    parse_checkpoint,
    parse_note,
    verified_by,
)
from trust.ledger.merkle import EMPTY_ROOT, verify_consistency

MAX_BODY: Final = 64 * 1024
MAX_PROOF: Final = 63
MAX_EVIDENCE: Final = 2 * 16 * 1024
SIZE_TYPE: Final = "text/x.tlog.size"
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)

KeyOf = Callable[[str], VerificationKey | None]  # origin -> what verifies its checkpoints, None for an unknown log


class Grade(StrEnum):
    """What two contradicting notes show."""

    E1 = "E1"  # one size, two roots: proof for anybody
    E2 = "E2"  # no consistency proof between them: the witness's own observation


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign: the size the witness is thought to remember, the proof from there, the signed note."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness remembers of one log: the note that it cosigned last, with the log's and its own signature."""

    checkpoint: Checkpoint
    note: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two notes of one log that contradict each other, the earlier one first where sizes differ."""

    origin: str
    grade: Grade
    notes: tuple[bytes, bytes]

    @property
    def id(self) -> str:
        """The same for the same two statements, in whatever order and however they are signed."""
        return sha256(b"\x00".join(sorted(note.partition(b"\n\n")[0] for note in self.notes))).hexdigest()


@dataclass(frozen=True, slots=True)
class Judged:
    """What a witness answers, and what it must make durable before it does.

    `seen` is the new memory; `advanced` says that the log has grown (or is new). `evidence` is kept and never cosigned.
    """

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    seen: Seen | None = None
    advanced: bool = False
    evidence: Evidence | None = None


def read_request(body: bytes) -> AddCheckpoint:
    """Read the body of add-checkpoint.

    Raises:
        BadNote: malformed; the witness answers 400.

    Source: C2SP tlog-witness.
    """
    head, blank, note = body.partition(b"\n\n")
    if not blank or len(body) > MAX_BODY:
        raise BadNote("a request is an old size, a proof, an empty line and a checkpoint")
    try:
        first, *rest = head.decode("ascii").split("\n")
    except UnicodeDecodeError as wrong:
        raise BadNote("old size and proof are ASCII") from wrong
    found = _OLD.fullmatch(first)
    if found is None or int(found[1]) > MAX_SIZE or len(rest) > MAX_PROOF:
        raise BadNote("the first line is `old` and a size; then at most 63 hashes")
    return AddCheckpoint(int(found[1]), tuple(_hash(line) for line in rest), note)


def write_request(request: AddCheckpoint) -> bytes:
    """The body of add-checkpoint."""
    lines = [f"old {request.old}", *(base64.b64encode(one).decode("ascii") for one in request.proof)]
    return "\n".join(lines).encode() + b"\n\n" + request.note


def judge(
    request: AddCheckpoint, seen: Callable[[str], Seen | None], keys: KeyOf, signer: CosignatureSigner, time: int
) -> Judged:
    """Decide about a request, in the order of the specification.

    Args:
        request: what was asked.
        seen: what is remembered of an origin, inside the transaction that will hold the new memory.
        keys: the log keys that this witness trusts.
        signer: this witness's key.
        time: seconds since 1970.
    """
    try:
        note = parse_note(request.note)
        stated = parse_checkpoint(note.text)
    except BadNote:
        return Judged(400)
    key = keys(stated.origin)
    if key is None:
        return Judged(404)
    if not _signed(note, key):
        return Judged(403)
    if request.old > stated.size:
        return Judged(400)
    before = seen(stated.origin)
    size, root = (before.checkpoint.size, before.checkpoint.root) if before else (0, EMPTY_ROOT)
    own_line = _signed_by(note, key)
    evidence = None
    if before is not None and stated.size == size and stated.root != root:
        evidence = Evidence(stated.origin, Grade.E1, (_log_note(before.note, key), own_line))
    if request.old != size:
        return Judged(409, f"{size}\n".encode(), SIZE_TYPE, evidence=evidence)
    proved = verify_consistency(size, stated.size, root, stated.root, request.proof)
    if not proved or (stated.size == 0 and stated.root != EMPTY_ROOT):
        if evidence is None and before is not None:
            evidence = Evidence(stated.origin, Grade.E2, (_log_note(before.note, key), own_line))
        return Judged(422, evidence=evidence)
    line = signer.line(note.text, time)
    advanced = before is None or stated.size > size
    return Judged(200, line, seen=Seen(stated, own_line + line), advanced=advanced)


def judge_evidence(body: bytes, keys: KeyOf) -> Evidence:
    """Read what another witness says proves a fork, and believe only what it proves.

    Raises:
        BadSignature: not two notes, signed by a log that is known here, with one size and different roots.
    """
    if len(body) > MAX_EVIDENCE:
        raise BadNote("more than two notes")
    stated, checkpoints = [], []
    for data in split_notes(body):
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
        key = keys(checkpoint.origin)
        if key is None or not _signed(note, key):
            raise BadSignature(f"not signed by a log that is known here: {checkpoint.origin[:80]}")
        stated.append(_signed_by(note, key))
        checkpoints.append(checkpoint)
    if len(stated) != 2:
        raise BadNote("evidence is two notes")
    one, two = checkpoints
    if one.origin != two.origin or one.size != two.size or one.root == two.root:
        raise BadSignature("two notes of one log and one size with different roots are asked for")
    return Evidence(one.origin, Grade.E1, (stated[0], stated[1]))


def write_evidence(evidence: Evidence) -> bytes:
    """The body of an evidence message: the two notes, an empty line between them."""
    return evidence.notes[0] + b"\n" + evidence.notes[1]


def split_notes(body: bytes) -> list[bytes]:
    """The notes of an evidence message: each is a text, an empty line and signature lines.

    Raises:
        BadNote: not UTF-8, or pieces that do not pair up.
    """
    pieces = body.split(b"\n\n")
    if len(pieces) % 2:
        raise BadNote("evidence is notes with an empty line between them")
    pairs = zip(pieces[::2], pieces[1::2], strict=True)
    return [text + b"\n\n" + lines.removesuffix(b"\n") + b"\n" for text, lines in pairs]


def _signed(note: Note, key: VerificationKey) -> bool:
    try:
        return verified_by(note, key)
    except BadSignature:
        return False


def _signed_by(note: Note, key: VerificationKey) -> bytes:
    """The note with the log's own signature alone: signatures of others are ballast here."""
    lines = [one.render() for one in note.signatures if (one.name, one.key_id) == (key.name, key.id)]
    return f"{note.text}\n{lines[0]}".encode()


def _log_note(data: bytes, key: VerificationKey) -> bytes:
    return _signed_by(parse_note(data), key)


def _hash(line: str) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except binascii.Error as wrong:
        raise BadNote("a proof line is base64") from wrong
    if len(data) != 32 or base64.b64encode(data).decode() != line:
        raise BadNote("a proof line is one hash of 32 bytes")
    return data
