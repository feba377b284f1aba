"""Numbers that stand for things in the tables: object ids, keys of UUIDs, association types, packed lists. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from hashlib import sha256
from typing import Final

from registry.metadata.objects import (
    APND,
    HAS_MEMBER,
    IS_SNAPSHOT_OF,
    RPLC,
    SIGNS,
    UPDATE_AVAILABILITY_STATUS,
    XFRM,
    XFRM_RPLC,
)

# id = patient (27 bits), cluster (10), number (24), kind (2): below 2^63
_PATIENT_SHIFT: Final = 36
_CLUSTER_SHIFT: Final = 26
_CLUSTERS: Final = 1 << 10
_KIND_BITS: Final = 2
MOST_PATIENTS: Final = (1 << 27) - 1
MOST_OBJECTS: Final = (1 << 24) - 1
_UUID_URN: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SEPARATOR: Final = "\x1f"  # cannot occur in XML, so in no value


class ObjectKind(IntEnum):
    """Kind of a registry object, the lowest bits of its id."""

    __hash__ = int.__hash__  # Enum's own is Python code

    DOCUMENT = 0
    SUBMISSION_SET = 1
    FOLDER = 2
    ASSOCIATION = 3


class Hidden:
    """Bits of `hidden`: what an object is left out of answers for. Metadata level 2 asks for the first one only."""

    QUARANTINED: Final = 1
    OLD: Final = 2  # not the latest version; of an association, whatever makes it nothing for level 1
    AWAY: Final = 4  # an Offline document, a Deprecated folder
    LEFT: Final = 8  # not the latest version, left behind by a link change: Find queries show it, Deprecated
    NOT_LATEST: Final = OLD | LEFT


# The position is stored: append only.
ASSOCIATION_TYPES: Final = (
    *(HAS_MEMBER, RPLC, XFRM, APND, XFRM_RPLC, SIGNS, IS_SNAPSHOT_OF),
    UPDATE_AVAILABILITY_STATUS,
)
ASSOCIATION_NUMBER: Final = {name: number for number, name in enumerate(ASSOCIATION_TYPES)}


def object_id(patient: int, cluster: int, number: int, kind: ObjectKind) -> int:
    """The id of a new object: sorts by patient, then by cluster, then by time of registration.

    Args:
        patient: number of the patient, at most `MOST_PATIENTS`.
        cluster: what lies together among a patient's objects: `class_cluster` of a document, 0 of anything else.
        number: of the object among those of its patient, at most `MOST_OBJECTS`.
        kind: of the object.
    """
    return patient << _PATIENT_SHIFT | cluster << _CLUSTER_SHIFT | number << _KIND_BITS | kind


def class_cluster(class_code: int) -> int:
    """The cluster of documents with this class code. Two codes may share one; most do not."""
    return class_code % _CLUSTERS


def patient_of_id(id_: int) -> int:
    """The number of the patient that the object was submitted for."""
    return id_ >> _PATIENT_SHIFT


def cluster_of_id(id_: int) -> int:
    """The cluster that an object lies in."""
    return id_ >> _CLUSTER_SHIFT & (_CLUSTERS - 1)


def kind_of_id(id_: int) -> int:
    """The `ObjectKind` of an object, as a plain number."""
    return id_ & 3


def id_range(patient: int) -> tuple[int, int]:
    """First and last id that an object of this patient can have."""
    return patient << _PATIENT_SHIFT, (patient + 1 << _PATIENT_SHIFT) - 1


def cluster_range(patient: int, cluster: int) -> tuple[int, int]:
    """First and last id of one cluster of a patient's objects."""
    first = patient << _PATIENT_SHIFT | cluster << _CLUSTER_SHIFT
    return first, first + (1 << _CLUSTER_SHIFT) - 1


def uuid_key(entry_uuid: str) -> bytes:
    """16 bytes for a UUID URN whatever its case; 32 for any other text, so that it finds nothing."""
    text = entry_uuid.strip().lower()
    if _UUID_URN.fullmatch(text):
        return bytes.fromhex(text[9:].replace("-", ""))
    return sha256(text.encode()).digest()


def packed_numbers(numbers: Iterable[int]) -> str:
    """`,3,17,`: `,3,` occurs in it exactly when 3 is one of the numbers."""
    return "," + ",".join(map(str, numbers)) + ","


def unpacked_numbers(packed: str) -> list[int]:
    """The numbers of `packed_numbers`."""
    return [int(number) for number in packed.split(",") if number]


def packed_texts(texts: Iterable[str]) -> str | None:
    """Texts joined by a character that none of them can hold; None when there is none."""
    return SEPARATOR.join(texts) or None
