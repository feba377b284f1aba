"""Signed notes: the given vectors byte for byte, and strictness."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shared import SHARED, needs_shared
from trust.errors import BadSignature
from trust.ledger import hdn_verify
from trust.ledger.checkpoint import (
    BadNote,
    Checkpoint,
    NoteSigner,
    VerificationKey,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    verified_by,
)

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ORIGIN = "node-a.example/audit/2026"
SIGNER = NoteSigner(ORIGIN, bytes(range(32)))
GOOD = SIGNER.sign(Checkpoint(ORIGIN, 5, bytes(32)).text())


@needs_shared
def test_vectors_key_and_checkpoint() -> None:
    given_ = json.loads((SHARED / "vectors/tlog/out/vectors.json").read_text(encoding="utf-8"))
    assert SIGNER.key.render() == given_["vkey"]
    assert VerificationKey.parse(given_["vkey"]) == SIGNER.key
    log = given_["logs"]["5"]
    text = Checkpoint(ORIGIN, 5, bytes.fromhex(log["root_hex"])).text()
    assert text == log["note_text"]
    assert SIGNER.sign(text).decode() == log["checkpoint"]


@needs_shared
def test_vectors_cosignatures() -> None:
    given_ = json.loads((SHARED / "vectors/tlog/out/vectors.json").read_text(encoding="utf-8"))
    note = parse_note((SHARED / "vectors/tlog/out/log300/checkpoint").read_bytes())
    assert parse_checkpoint(note.text).size == 300
    assert all(verified_by(note, VerificationKey.parse(witness["vkey"])) for witness in given_["witnesses"])
    assert not verified_by(note, NoteSigner("somebody.example", bytes(32)).key)


def test_example_of_the_signed_note_specification() -> None:
    note = parse_note(
        "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E"
        "RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n".encode()
    )
    key = VerificationKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    assert verified_by(note, key)


def test_what_is_signed_can_be_opened() -> None:
    assert open_checkpoint(GOOD, SIGNER.key) == Checkpoint(ORIGIN, 5, bytes(32))


ROOT = base64.b64encode(bytes(32)).decode()
LINE = GOOD.decode().split("\n\n", 1)[1]


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(GOOD.replace(b"\n", b"\r\n"), id="A15 CRLF"),
        pytest.param(GOOD.replace(b"\n\n", b"\n"), id="A15 no empty line"),
        pytest.param(GOOD[:-1], id="A15 no newline at the end"),
        pytest.param(GOOD.replace("\u2014 ".encode(), b"- "), id="A15 hyphen for the dash"),
        pytest.param(GOOD.replace("\u2014 ".encode(), "\u2014\u00a0".encode()), id="A15 no-break space"),
        pytest.param(GOOD.replace(f"\u2014 {ORIGIN}".encode(), "\u2014 a\u00a0b".encode()), id="A15 NBSP in a name"),
        pytest.param(GOOD.replace(f"\u2014 {ORIGIN}".encode(), b"\xe2\x80\x94 a+b"), id="A15 plus in a name"),
        pytest.param(GOOD.replace(b"\n5\n", b"\n05\n"), id="A15 leading zero"),
        pytest.param(GOOD.replace(b"\n5\n", b"\n+5\n"), id="A15 sign"),
        pytest.param(GOOD.replace(b"\n5\n", "\n\u0665\n".encode()), id="A15 digit of another script"),
        pytest.param(GOOD.replace(b"\n5\n", b"\n9223372036854775808\n"), id="A14 size 2^63"),
        pytest.param(GOOD.replace(b"=\n\n", b"\n\n"), id="A15 base64 without padding"),
        pytest.param(GOOD.replace(b"AA=\n\n", b"AB=\n\n"), id="A15 stray bits in base64"),
        pytest.param(GOOD.replace(b"\n\n", b"\nextension\n\n"), id="A15 another line"),
        pytest.param(GOOD + LINE.encode() * 16, id="A15 more than 16 signatures"),
        pytest.param(GOOD + b"\n", id="A15 empty signature line"),
        pytest.param(b"\xff" + GOOD, id="A15 not UTF-8"),
        pytest.param(GOOD.replace(b"audit", b"aud\x00t"), id="A15 control character"),
        pytest.param(b"", id="A15 nothing"),
    ],
)
def test_a_note_in_any_other_form_is_refused(note: bytes) -> None:
    with pytest.raises(BadSignature):
        open_checkpoint(note, SIGNER.key)
    # The verifier that others run is a second implementation; the two must agree.
    with pytest.raises(hdn_verify.Invalid):
        _independent(note)


def _independent(note: bytes) -> hdn_verify.Checkpoint:
    found = hdn_verify.read_note(note, [hdn_verify.read_key(SIGNER.key.render())])
    if found.origin not in found.signers or found.origin != ORIGIN:
        raise hdn_verify.Invalid
    return found


def test_the_same_signature_twice_is_one_signature() -> None:
    assert open_checkpoint(GOOD + LINE.encode(), SIGNER.key).size == 5


def test_a_bad_signature_of_a_known_key_condemns_the_note() -> None:
    bad = LINE.replace(LINE[-9:-1], "AAAAAAA=")
    with pytest.raises(BadSignature, match="does not verify"):
        open_checkpoint(GOOD + bad.encode(), SIGNER.key)


def test_a_note_of_another_log_is_refused() -> None:
    other = NoteSigner("node-b.example/audit/2026", bytes(32))
    with pytest.raises(BadSignature, match="not of"):
        open_checkpoint(GOOD, other.key)
    with pytest.raises(BadSignature, match="has not signed"):
        open_checkpoint(GOOD, NoteSigner(ORIGIN, bytes(32)).key)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\u2028b"])
def test_names_that_no_key_may_have(name: str) -> None:
    with pytest.raises(BadNote):
        NoteSigner(name, bytes(32))


@pytest.mark.parametrize(
    "vkey", ["", "a", "a+00000000", SIGNER.key.render()[:-4], SIGNER.key.render().replace("e8253c21", "e8253c22")]
)
def test_a_key_in_any_other_form_is_refused(vkey: str) -> None:
    with pytest.raises(BadNote):
        VerificationKey.parse(vkey)
    with pytest.raises(hdn_verify.Invalid):
        hdn_verify.read_key(vkey)


@UNHURRIED
@given(st.integers(0, len(GOOD) * 8 - 1))
def test_two_readers_agree_on_every_flipped_bit(bit: int) -> None:
    changed = bytearray(GOOD)
    changed[bit // 8] ^= 1 << (bit % 8)
    try:
        one = open_checkpoint(bytes(changed), SIGNER.key)
    except BadSignature:
        one = None
    try:
        two = _independent(bytes(changed))
    except hdn_verify.Invalid:
        two = None
    assert (one is None) == (two is None)
    # A note that is still accepted states what it stated before.
    assert one in (None, Checkpoint(ORIGIN, 5, bytes(32)))


@UNHURRIED
@given(st.binary(max_size=200), st.integers(0, 3))
def test_signatures_agree_with_the_library(message: bytes, damage: int) -> None:
    signer = NoteSigner("a", bytes(range(32)))
    note = signer.sign(message.hex() + "\n").decode()
    signature = bytearray(base64.b64decode(note.rsplit(" ", 1)[1])[4:])
    if damage:
        signature[damage * 20] ^= 1
    text = (message.hex() + "\n").encode()
    assert hdn_verify.ed25519_verifies(signer.key.public, text, bytes(signature)) is (damage == 0)
    assert signer.key.verifies(text, bytes(signature)) is (damage == 0)
