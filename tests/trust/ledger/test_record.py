"""Records and leaves: canonical JSON against RFC 8785, the format's fields, the given worked values."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shared import SHARED, needs_shared
from tests.trust.ledger.ledgers import TIME, local, query_event
from trust.audit.event import Kind, NewRecord, Participant
from trust.ledger import hdn_verify
from trust.ledger.record import (
    LEAF_BYTES,
    NOISE_BYTES,
    canonical,
    exchange_tag,
    payload_digest,
    plain,
    seal,
    shard_master,
    subject_key,
    subject_tag,
)

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NOISE = bytes(range(NOISE_BYTES))
TEXT = st.text(st.characters(codec="utf-8"))
ASCII = st.text(st.characters(min_codepoint=0, max_codepoint=127))
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ASCII, inner, max_size=4),
    max_leaves=12,
)


def sealed(new: NewRecord, **changes: object):
    values = {"index": 7, "counter": 3, "subject_key": b"", "dicom": "<AuditMessage/>", "noise": NOISE}
    return seal(new, **(values | changes))  # type: ignore[arg-type]


@UNHURRIED
@given(st.dictionaries(ASCII, VALUES, max_size=5))
def test_canonical_json_is_rfc_8785(value: dict) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@UNHURRIED
@given(
    st.builds(
        Participant, user_id=TEXT, requestor=st.booleans(), user_name=TEXT, address=TEXT, address_type=st.just("2")
    ),
    TEXT,
    TEXT,
    st.dictionaries(st.text("abz_0"), TEXT, max_size=3),
)
def test_a_record_is_rfc_8785(participant: Participant, patient: str, cid: str, note: dict[str, str]) -> None:
    event = query_event(patient, participants=(participant,), outcome_text=cid)
    new = NewRecord(kind=Kind.RESPONSE_SENT, time=TIME, event=event, subject=patient, cid=cid, leg="s", note=note)
    body = sealed(new).body
    assert rfc8785.dumps(json.loads(body)) == body


@pytest.mark.parametrize("value", [2**53, -(2**53), 2**63, 2**64])
def test_integers_beyond_2_to_the_53_are_refused(value: int) -> None:
    with pytest.raises(TypeError):
        canonical({"a": value})


def test_the_fields_are_exactly_those_of_the_format() -> None:
    body = json.loads(sealed(local()).body)
    fields = "cid dicom event i kind leg payload peer peer_receipt subject subject_ctr time v"
    assert " ".join(sorted(body)) == fields
    assert (body["v"], body["i"], body["kind"], body["subject_ctr"]) == (1, 7, 5, 3)
    assert body["subject"] == "2.999.10.100|A-4711"
    assert body["dicom"] == "<AuditMessage/>"


def test_the_event_is_there_as_plain_fields() -> None:
    event = json.loads(sealed(local()).body)["event"]
    assert event["id"] == ["110112", "DCM", "Query"]
    assert event["type"] == ["ITI-18", "IHE Transactions", "Registry Stored Query"]
    assert event["participants"][0] == {
        "user": "ward-7 (application)",
        "requestor": True,
        "role": ["110153", "DCM", "Source Role ID"],
        "address": "10.1.4.20",
        "address_type": "2",
    }
    assert len(event["objects"][1]["query_sha256"]) == 64


def test_a_leaf_is_98_bytes_of_tags_and_commitment() -> None:
    one = sealed(local(), subject_key=b"k" * 32)
    assert len(one.entry) == LEAF_BYTES
    assert one.entry[:2] == bytes([1, Kind.LOCAL])
    assert one.entry[2:34] == NOISE[32:64], "no exchange: random bytes"
    assert one.entry[34:66] == subject_tag(b"k" * 32, 3)
    assert one.entry[66:] == sha256(b"hdn-audit/v1 commit\n" + NOISE[:32] + sha256(one.body).digest()).digest()
    assert hdn_verify.check_opening(7, one.entry, one.body, one.salt)["i"] == 7


def test_without_a_patient_the_subject_tag_is_random() -> None:
    assert sealed(NewRecord(kind=Kind.KEY, time=TIME)).entry[34:66] == NOISE[64:]


@pytest.mark.parametrize("kind", [Kind.REQUEST_SENT, Kind.REQUEST_RECEIVED, Kind.RESPONSE_SENT, Kind.EXCHANGE_FAILED])
def test_an_exchange_has_the_tag_that_both_sides_compute(kind: Kind) -> None:
    new = NewRecord(kind=kind, time=TIME, cid="urn:uuid:1", leg="q", payload=b"p" * 32)
    assert sealed(new).entry[2:34] == exchange_tag("q", "urn:uuid:1", b"p" * 32)


def test_equal_events_give_unequal_commitments() -> None:
    assert sealed(local()).entry[66:] != sealed(local(), noise=bytes(NOISE_BYTES)).entry[66:]


@pytest.mark.parametrize("text", ["\udc80", "a\ud800b", "\x00", "\uffff", "e\u0301", "\u2028"])
def test_text_from_the_outside_never_stops_a_record(text: str) -> None:
    participants = (Participant(user_id=text, requestor=True),)
    new = NewRecord(
        kind=Kind.RESPONSE_SENT,
        time=TIME,
        event=query_event(text, participants=participants),
        subject=text,
        cid=text,
        leg="s",
        payload=b"p" * 32,
        note={"a": text},
    )
    one = sealed(new)
    assert json.loads(one.body)["cid"] == plain(text)
    hdn_verify.check_opening(7, one.entry, one.body, one.salt)


@pytest.mark.parametrize(
    "new",
    [
        NewRecord(kind=Kind.REQUEST_SENT, time=TIME, leg="x"),
        NewRecord(kind=Kind.REQUEST_SENT, time=TIME, note={"\u00e4": ""}),
        NewRecord(kind=Kind.REQUEST_SENT, time=TIME, note={"a": 1}),  # type: ignore[dict-item]
        NewRecord(kind=Kind.REQUEST_SENT, time=TIME, cid="c" * 65536, leg="q", payload=b"p" * 32),
    ],
)
def test_what_the_format_does_not_know_is_refused(new: NewRecord) -> None:
    with pytest.raises(ValueError, match=r"leg|note|message id"):
        sealed(new)


@needs_shared
def test_vectors_worked_values() -> None:
    given_ = json.loads((SHARED / "vectors/tlog/out/vectors.json").read_text(encoding="utf-8"))
    worked = given_["worked"]
    digest = payload_digest([("root@x", 1000, sha256(b"body0").digest())])
    assert digest.hex() == worked["payload_digest"]
    tag = exchange_tag("q", "urn:uuid:00000000-0000-4000-8000-000000000000", digest)
    assert tag.hex() == worked["exchange_tag_q"]
    key = subject_key(bytes.fromhex(given_["subject_master"]), "urn:oid:1.2.3.4|P000")
    assert key.hex() == worked["subject_key"]
    assert [subject_tag(key, number).hex() for number in (0, 1)] == [worked["subject_tag_0"], worked["subject_tag_1"]]


@needs_shared
def test_vectors_commitments_open() -> None:
    log = json.loads((SHARED / "vectors/tlog/out/vectors.json").read_text(encoding="utf-8"))["logs"]["5"]
    for index in range(5):
        entry = bytes.fromhex(log["entries_hex"][index])
        record, salt = log["records_utf8"][index].encode(), bytes.fromhex(log["salts_hex"][index])
        assert hdn_verify.check_opening(index, entry, record, salt)["i"] == index


def test_shards_have_unlinkable_tags() -> None:
    assert shard_master(bytes(32), "a/audit/2026") != shard_master(bytes(32), "a/audit/2027")


def test_the_order_of_parts_matters() -> None:
    parts = [("a", 1, b"1" * 32), ("b", 2, b"2" * 32)]
    assert payload_digest(parts) != payload_digest(parts[::-1])
