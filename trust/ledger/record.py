"""Records and leaves of the audit ledger, format hdn-audit/v1 (audit-ledger 2.2, 2.3, 2.8, 2.9).

A record is the private layer: canonical JSON with everything that is known of one event. A leaf is the public layer: 98
bytes that commit to the record and say nothing about it. Random bytes come from the caller.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import orjson

from trust.audit.dicom import representable
from trust.audit.event import AuditedObject, AuditEvent, Kind, NewRecord, Participant

VERSION: Final = 1
LEAF_BYTES: Final = 98
SALT_BYTES: Final = 32
NOISE_BYTES: Final = 96  # salt and, where one does not apply, two random tags
_EXCHANGE_KINDS: Final = frozenset(
    {Kind.REQUEST_SENT, Kind.REQUEST_RECEIVED, Kind.RESPONSE_SENT, Kind.RESPONSE_RECEIVED, Kind.EXCHANGE_FAILED}
)
_LEGS: Final = {"q": b"q", "s": b"s"}
_CANONICAL: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def canonical(value: Mapping[str, Any]) -> bytes:
    """Canonical JSON (RFC 8785) of an object under this format's rules.

    Keys are ASCII; values are strings, booleans, arrays, objects and integers within 2^53. Under these rules compact
    JSON with sorted keys is what RFC 8785 says, which a property test proves. Lone surrogates, which header values can
    hold and JSON cannot, become U+FFFD.

    Raises:
        TypeError: an integer out of range, or a value of another type.
    """
    try:
        return orjson.dumps(value, option=_CANONICAL)
    except TypeError:
        return orjson.dumps(_cleaned(value), option=_CANONICAL)


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {key: _cleaned(one) for key, one in value.items()}
    return [_cleaned(one) for one in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Sealed:
    """One record, ready to be stored: canonical bytes, salt, and the 98 bytes of its leaf."""

    body: bytes
    salt: bytes
    entry: bytes


def seal(new: NewRecord, *, index: int, counter: int, subject_key: bytes, dicom: str, noise: bytes) -> Sealed:
    """Make the record and leaf of one event.

    Args:
        new: what happened.
        index: its place in the log.
        counter: how many earlier leaves of this shard are about the same subject; without a subject 0.
        subject_key: `subject_key(...)` of the subject; b"" when the record has none.
        dicom: the AuditMessage, "" for the kinds without one.
        noise: 96 fresh random bytes.

    Raises:
        ValueError: a leg or note that the format does not know.
    """
    body = canonical(_fields(new, index, counter, dicom))
    salt = noise[:32]
    if new.payload and new.cid and new.kind in _EXCHANGE_KINDS:
        exchange = exchange_tag(new.leg, new.cid, new.payload)
    else:
        exchange = noise[32:64]
    subject = subject_tag(subject_key, counter) if subject_key else noise[64:96]
    return Sealed(body, salt, b"\x01" + _KIND_BYTES[new.kind] + exchange + subject + commitment(salt, body))


def commitment(salt: bytes, body: bytes) -> bytes:
    """The last 32 bytes of a leaf. Source: audit-ledger: 2.3."""
    return sha256(b"hdn-audit/v1 commit\n" + salt + sha256(body).digest()).digest()


_KIND_BYTES: Final = {kind: bytes([kind]) for kind in Kind}


def _fields(new: NewRecord, index: int, counter: int, dicom: str) -> dict[str, Any]:
    """The record's fields, exactly these (audit-ledger, settled after a review)."""
    if new.leg and new.leg not in _LEGS:
        raise ValueError(f"leg {new.leg!r} is neither q nor s")
    return {
        "v": VERSION,
        "i": index,
        "kind": int(new.kind),
        "time": new.time,
        "cid": new.cid,
        "leg": new.leg,
        "payload": new.payload.hex(),
        "peer": new.peer,
        "subject": new.subject,
        "subject_ctr": counter,
        "peer_receipt": sha256(new.receipt).hexdigest() if new.receipt else "",
        "event": _event(new.event, new.note),
        "dicom": dicom,
    }


def _event(event: AuditEvent | None, note: Mapping[str, str]) -> dict[str, Any]:
    """The event as plain fields, empty ones left out; codes are [code, system, text].

    A query stands once in the record, in the AuditMessage; here is its digest.
    """
    fields: dict[str, Any] = {}
    if event is not None:
        code, text = event.id.value
        type_ = event.type
        fields = {
            "id": _codes(code, "DCM", text),
            "action": event.action.value,
            "outcome": event.outcome.value,
            "time": event.time,
            "participants": [_one_participant(one) for one in event.participants],
            "objects": [_object(one) for one in event.objects],
        }
        if type_:
            fields["type"] = _codes(type_.code, type_.system, type_.text)
        if event.purposes:
            fields["purpose"] = [_codes(one.code, one.system, one.text) for one in event.purposes]
        if event.outcome_text:
            fields["outcome_text"] = event.outcome_text
        if event.patient:
            fields["patient"] = event.patient
        if event.incident:
            fields["incident"] = event.incident
    if note:
        if not all(key.isascii() and isinstance(value, str) for key, value in note.items()):
            raise ValueError("a note is ASCII keys with strings")
        fields["note"] = dict(note)
    return fields


# What recurs in every record is kept as canonical JSON; a fragment is spliced as it is.
@lru_cache(maxsize=512)
def _codes(code: str, system: str, text: str) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps([plain(code), plain(system), plain(text)]))


def _one_participant(one: Participant) -> orjson.Fragment:
    role = one.role
    return _participant(
        one.user_id,
        one.alternative_user_id,
        one.user_name,
        one.requestor,
        one.address,
        one.address_type,
        (role.code, role.system, role.text) if role else None,
    )


@lru_cache(maxsize=1024)
def _participant(
    user: str,
    alternative: str,
    name: str,
    requestor: bool,  # noqa: FBT001
    address: str,
    address_type: str,
    role: tuple[str, str, str] | None,
) -> orjson.Fragment:
    fields: dict[str, Any] = {"user": plain(user), "requestor": requestor}
    optional = {"alternative": alternative, "name": name, "address": address, "address_type": address_type}
    fields |= {key: plain(value) for key, value in optional.items() if value}
    if role:
        fields["role"] = _codes(*role)
    return orjson.Fragment(canonical(fields))


def _object(one: AuditedObject) -> dict[str, Any]:
    id_type = one.id_type
    fields: dict[str, Any] = {
        "id": one.id,
        "type": one.type_code,
        "id_type": _codes(id_type.code, id_type.system, id_type.text),
    }
    if one.role:
        fields["role"] = one.role
    if one.life_cycle:
        fields["life_cycle"] = one.life_cycle
    if one.name:
        fields["name"] = one.name
    if one.query:
        fields["query_sha256"] = sha256(one.query).hexdigest()
    if one.details:
        fields["details"] = one.details
    return fields


def plain(text: str) -> str:
    """Text as JSON and a database can carry it: header values may hold lone surrogates, which no UTF-8 has."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return representable(text)
    return text


def payload_digest(parts: Iterable[tuple[str, int, bytes]]) -> bytes:
    """Digest of one message over its decoded MIME parts, in their order.

    Args:
        parts: for each part its Content-ID without angle brackets ("body" for a message that is no package), its size
            in bytes, and the SHA-256 of its content, which for a document is known without reading it again.

    Source: audit-ledger: 2.8.
    """
    lines = "".join(f"{content_id} {size} {digest.hex()}\n" for content_id, size, digest in parts)
    return sha256(b"hdn-audit/v1 payload\n" + lines.encode()).digest()


def exchange_tag(leg: str, cid: str, payload: bytes) -> bytes:
    """The tag that both sides of an exchange compute: leg "q" or "s", wsa:MessageID of the request, payload digest.

    Raises:
        KeyError: another leg.
        ValueError: a message id of more than 65,535 bytes.

    Source: audit-ledger: 2.8.
    """
    name = plain(cid).encode()
    if len(name) > 0xFFFF:
        raise ValueError("a message id of more than 65,535 bytes")
    return sha256(b"hdn-audit/v1 exchange\n" + _LEGS[leg] + struct.pack(">H", len(name)) + name + payload).digest()


def shard_master(master: bytes, origin: str) -> bytes:
    """The key that all subject keys of one shard come from."""
    return hmac.digest(master, b"hdn-audit/v1 shard\n" + origin.encode(), "sha256")


def subject_key(shard: bytes, subject: str) -> bytes:
    """The key that opens the tags of one patient in one shard, and of nobody else. Source: audit-ledger: 2.9."""
    return hmac.digest(shard, b"hdn-audit/v1 subject\n" + plain(subject).encode(), "sha256")


def subject_tag(key: bytes, counter: int) -> bytes:
    """The tag of the leaf that is number `counter` about a patient. Source: audit-ledger: 2.9."""
    return hmac.digest(key, b"hdn-audit/v1 subject-tag\n" + struct.pack(">Q", counter), "sha256")
