"""Deviations in metadata and queries that are read all the same: their names, and what is noted while reading (pure).

What is done about each, and of whom it is not tolerated, is said one room up (`node.soap.leniencies`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum
from typing import Final

from registry.errors import RegistryError
from registry.metadata.objects import (
    APND,
    HAS_MEMBER,
    RPLC,
    SIGNS,
    XFRM,
    XFRM_RPLC,
    Association,
)
from registry.metadata.submission import Submission


class Tolerance(StrEnum):
    """Name of one tolerated deviation."""

    CHILDREN_OUT_OF_ORDER = "children-out-of-order"
    DISCOURAGED_PATIENT_INFO = "discouraged-patient-info"
    DOUBLE_QUOTES = "double-quotes"
    ESCAPED_TWICE = "escaped-twice"
    EXTRA_NAME = "extra-name"
    LIST_FOR_ONE_VALUE = "list-for-one-value"
    MEMBERSHIP_STATUS = "membership-status"
    OLD_ASSOCIATION_TYPE = "old-association-type"
    ONE_VALUE_FOR_LIST = "one-value-for-list"
    PADDED_NAME = "padded-name"
    PADDED_VALUE = "padded-value"
    QUOTED_TIME = "quoted-time"
    SHORT_STATUS = "short-status"
    UPPER_CASE_UUID = "upper-case-uuid"
    URI_IN_PIECES = "uri-in-pieces"


class Faults(list[RegistryError]):
    """What reading found wrong, and beside it what was tolerated."""

    __slots__ = ("tolerated",)

    def __init__(self) -> None:
        super().__init__()
        self.tolerated: set[Tolerance] = set()


_EBXML: Final = "urn:oasis:names:tc:ebxml-regrep:AssociationType:"
_TYPES: Final = {type_.rpartition(":")[2]: type_ for type_ in (HAS_MEMBER, RPLC, XFRM, APND, XFRM_RPLC, SIGNS)}
# As ebXML 2.1 and senders before 2008 wrote them: without a URN, or in the namespace of ebXML.
OLD_TYPES: Final = {old: new for name, new in _TYPES.items() for old in (name, _EBXML + name) if old != new}


def with_required(submission: Submission, required: Collection[str]) -> tuple[Submission, frozenset[Tolerance]]:
    """A submission as a sender meant it of whom old association types are taken, and whether there were any."""
    if Tolerance.OLD_ASSOCIATION_TYPE not in required:
        return submission, frozenset()
    if not any(item.association_type in OLD_TYPES for item in submission.associations):
        return submission, frozenset()
    mended = replace(submission, associations=tuple([_of_today(item) for item in submission.associations]))
    return mended, frozenset({Tolerance.OLD_ASSOCIATION_TYPE})


def _of_today(item: Association) -> Association:
    type_ = OLD_TYPES.get(item.association_type)
    return replace(item, association_type=type_) if type_ else item
