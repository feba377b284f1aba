"""Receipts: the given vector byte for byte, strictness, and what a receipt proves and does not prove."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared import SHARED, needs_shared
from trust.audit.event import Kind
from trust.communities import AuditIdentity
from trust.ledger.checkpoint import Checkpoint, NoteSigner, VerificationKey, open_checkpoint
from trust.ledger.merkle import Frontier, Growth, inclusion_proof, leaf_hash, root_of, subtree_of
from trust.ledger.receipt import BadReceipt, Flaw, Receipt, from_header, parse, render, to_header, verify
from trust.ledger.record import exchange_tag

LOG = "node-a.example/audit"
ORIGIN = f"{LOG}/2026"
SEED = bytes(range(32))
SIGNER = NoteSigner(ORIGIN, SEED)
NOW = datetime(2026, 11, 23, 10, 2, 17, tzinfo=UTC)
KEY_OF = AuditIdentity(log=LOG, key=SIGNER.key.public).key_of
TAG = exchange_tag("q", "urn:uuid:1", bytes(32))


def entry(kind: int = 1, tag: bytes = TAG) -> bytes:
    return b"\x01" + bytes([kind]) + tag + bytes(64)


def made(mine: bytes, *, size: int = 7, index: int = 4, signer: NoteSigner = SIGNER) -> Receipt:
    """A receipt of a log in which `mine` stands at `index`."""
    leaves = [leaf_hash(mine if at == index else entry(5, bytes([at]) * 32)) for at in range(size)]
    note = signer.sign(Checkpoint(signer.key.name, size, root_of(leaves)).text())
    proof = tuple(inclusion_proof(index, size, subtree_of(leaves)))
    return Receipt(entry=mine, index=index, proof=proof, checkpoint=note)


def written(receipt: Receipt) -> bytes:
    return render(receipt.entry, receipt.index, receipt.proof, receipt.checkpoint)


GOOD = made(entry())


@needs_shared
def test_vector_byte_for_byte() -> None:
    data = (SHARED / "vectors/tlog/out/proofs/137.tlog-proof").read_bytes()
    receipt = parse(data)
    assert receipt.index == 137
    assert written(receipt) == data
    key = VerificationKey.parse("node-a.example/audit/2026+e8253c21+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4")
    assert open_checkpoint(receipt.checkpoint, key).size == 300
    verify(receipt, KEY_OF, kind=Kind(receipt.entry[1]), tag=receipt.entry[2:34], now=NOW)


def test_a_good_receipt() -> None:
    assert from_header(to_header(written(GOOD))) == written(GOOD)
    assert parse(written(GOOD)) == GOOD
    verify(GOOD, KEY_OF, kind=Kind.REQUEST_SENT, tag=TAG, now=NOW)


def test_a_log_that_went_on_under_a_new_name_in_its_year() -> None:
    verify(made(entry(), signer=NoteSigner(f"{LOG}/2026b", SEED)), KEY_OF, kind=Kind.REQUEST_SENT, tag=TAG, now=NOW)


OTHER_SIGNER = NoteSigner(ORIGIN, bytes(32))
FORK = made(entry(), index=4, size=9).checkpoint


@pytest.mark.parametrize(
    ("receipt", "flaw"),
    [
        pytest.param(made(entry(), signer=OTHER_SIGNER), Flaw.NOT_SIGNED, id="A10 forged: signed with another key"),
        pytest.param(replace(GOOD, entry=entry(1, bytes(32))), Flaw.NOT_INCLUDED, id="A10 forged: an entry that is not in the log"),
        pytest.param(replace(GOOD, index=5), Flaw.NOT_INCLUDED, id="A10 forged: another index"),
        pytest.param(replace(GOOD, index=7), Flaw.NOT_INCLUDED, id="A10 forged: an index beyond the size"),
        pytest.param(replace(GOOD, index=10**18), Flaw.NOT_INCLUDED, id="A10 forged: a huge index"),
        pytest.param(replace(GOOD, proof=GOOD.proof[:-1]), Flaw.NOT_INCLUDED, id="A10 forged: a hash missing"),
        pytest.param(replace(GOOD, proof=(*GOOD.proof, bytes(32))), Flaw.NOT_INCLUDED, id="A10 forged: a hash too many"),
        pytest.param(replace(GOOD, checkpoint=FORK), Flaw.NOT_INCLUDED, id="A10 forged: the proof of another size"),
        pytest.param(replace(GOOD, checkpoint=GOOD.checkpoint.replace(b"\n7\n", b"\n6\n")), Flaw.NOT_INCLUDED, id="A10 forged: a changed size"),
        pytest.param(made(entry(), signer=NoteSigner("node-c.example/audit/2026", SEED)), Flaw.FOREIGN_LOG, id="A10 foreign: another log"),
        pytest.param(made(entry(), signer=NoteSigner(f"{LOG}x/2026", SEED)), Flaw.FOREIGN_LOG, id="A10 foreign: a log whose name begins alike"),
        pytest.param(made(entry(), signer=NoteSigner(LOG, SEED)), Flaw.FOREIGN_LOG, id="A10 foreign: a log without a year"),
        pytest.param(made(entry(tag=exchange_tag("q", "urn:uuid:2", bytes(32)))), Flaw.OTHER_EXCHANGE, id="A10 foreign: another exchange"),
        pytest.param(made(entry(tag=exchange_tag("s", "urn:uuid:1", bytes(32)))), Flaw.OTHER_EXCHANGE, id="A10 foreign: the other leg"),
        pytest.param(made(entry(tag=exchange_tag("q", "urn:uuid:1", bytes([1]) * 32))), Flaw.OTHER_EXCHANGE, id="A10 foreign: another content"),
        pytest.param(made(entry(2)), Flaw.OTHER_KIND, id="A10 foreign: that it received, not that it sent"),
        pytest.param(made(entry(6)), Flaw.OTHER_KIND, id="A10 foreign: that it failed"),
        pytest.param(made(entry(), signer=NoteSigner(f"{LOG}/2025", SEED)), Flaw.FOREIGN_LOG, id="A10 old: a log that is closed"),
        pytest.param(made(entry(), signer=NoteSigner(f"{LOG}/2027", SEED)), Flaw.FOREIGN_LOG, id="A10 old: a log of next year"),
    ],
)  # fmt: skip
def test_what_proves_nothing(receipt: Receipt, flaw: Flaw) -> None:
    with pytest.raises(BadReceipt) as refused:
        verify(parse(written(receipt)), KEY_OF, kind=Kind.REQUEST_SENT, tag=TAG, now=NOW)
    assert refused.value.flaw is flaw


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 12, 31, 23, 59, tzinfo=UTC),
        datetime(2027, 1, 1, 0, 59, tzinfo=UTC),
        datetime(2025, 12, 31, 23, 1, tzinfo=UTC),
    ],
)
def test_around_the_turn_of_the_year_both_logs_count(now: datetime) -> None:
    verify(GOOD, KEY_OF, kind=Kind.REQUEST_SENT, tag=TAG, now=now)


@pytest.mark.parametrize("now", [datetime(2027, 1, 1, 1, 0, tzinfo=UTC), datetime(2025, 12, 31, 22, 59, tzinfo=UTC)])
def test_an_hour_later_a_log_is_closed(now: datetime) -> None:
    with pytest.raises(BadReceipt) as refused:
        verify(GOOD, KEY_OF, kind=Kind.REQUEST_SENT, tag=TAG, now=now)
    assert refused.value.flaw is Flaw.FOREIGN_LOG


TEXT = written(GOOD)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(TEXT.replace(b"@v1", b"@v2", 1), id="another version"),
        pytest.param(TEXT.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(TEXT.replace(b"extra ", b"extra  ", 1), id="two spaces"),
        pytest.param(TEXT.replace(b"extra ", b"Extra ", 1), id="capitals"),
        pytest.param(TEXT.replace(b"index 4", b"index 04", 1), id="a leading zero"),
        pytest.param(TEXT.replace(b"index 4", b"index -4", 1), id="a sign"),
        pytest.param(TEXT.replace(b"index 4", b"index 1" + b"0" * 19, 1), id="twenty digits"),
        pytest.param(TEXT.replace(b"index 4", "index \u0664".encode(), 1), id="digits of another script"),
        pytest.param(TEXT.replace(b"index 4\n", b"index 4\n\n", 1), id="an empty line too early"),
        pytest.param(TEXT.replace(b"index 4\n", b"", 1), id="no index"),
        pytest.param(TEXT.replace(b"index 4\n", b"index 4\nAAAA\n", 1), id="a short hash"),
        pytest.param(TEXT.replace(b"index 4\n", b"index 4\n" + b"A" * 43 + b"=\n" * 64, 1), id="not base64"),
        pytest.param(TEXT.replace(b"index 4\n", b"index 4\n" + (b"A" * 43 + b"=\n") * 64, 1), id="64 hashes more"),
        pytest.param(TEXT + b"x" * 4096, id="too long"),
        pytest.param(TEXT.partition(b"\n\n")[0] + b"\n\n", id="no checkpoint"),
        pytest.param(TEXT + TEXT, id="twice"),
        pytest.param(TEXT.rstrip(b"\n"), id="no line break at the end"),
    ],
)
def test_a_receipt_has_one_form(data: bytes) -> None:
    with pytest.raises(BadReceipt) as refused:
        verify(parse(data), KEY_OF, kind=Kind.REQUEST_SENT, tag=TAG, now=NOW)
    assert refused.value.flaw is Flaw.MALFORMED


@pytest.mark.parametrize(
    ("header", "flaw"),
    [
        ("", Flaw.MISSING),
        ("%%%", Flaw.MALFORMED),
        ("\u00e4", Flaw.MALFORMED),
        ("\udc80", Flaw.MALFORMED),
        ("A" * 100_000, Flaw.MALFORMED),
        (to_header(TEXT).rstrip("=") + "!", Flaw.MALFORMED),
        (" " + to_header(TEXT), Flaw.MALFORMED),
        (to_header(b"ab")[:-2], Flaw.MALFORMED),
        ("YWJ=", Flaw.MALFORMED),
    ],
)
def test_a_header_has_one_form(header: str, flaw: Flaw) -> None:
    with pytest.raises(BadReceipt) as refused:
        from_header(header)
    assert refused.value.flaw is flaw


@settings(deadline=None)
@given(st.integers(0, len(TEXT) * 8 - 1))
def test_no_flipped_bit_changes_what_is_proved(bit: int) -> None:
    data = bytearray(TEXT)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadReceipt):
        verify(parse(bytes(data)), KEY_OF, kind=Kind.REQUEST_SENT, tag=TAG, now=NOW)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(BadReceipt):
        parse(data)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 600), st.integers(1, 70), st.data())
def test_a_batch_proves_its_leaves_from_the_frontier_alone(before: int, more: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(bytes([at % 251, at // 251])) for at in range(before + more)]
    frontier = Frontier()
    for leaf in leaves[:before]:
        frontier.append(leaf)
    growth = Growth(frontier, leaves[before:])
    index = data.draw(st.integers(before, before + more - 1))
    assert growth.inclusion_proof(index) == inclusion_proof(index, before + more, subtree_of(leaves))
    assert frontier.size == before


@pytest.mark.parametrize("index", [0, 1, 5, -1])
def test_a_leaf_whose_proof_needs_older_leaves_or_that_is_not_there(index: int) -> None:
    frontier = Frontier()
    for at in range(3):
        frontier.append(leaf_hash(bytes([at])))
    with pytest.raises(ValueError, match="leaf"):
        Growth(frontier, [leaf_hash(b"3"), leaf_hash(b"4")]).inclusion_proof(index)
