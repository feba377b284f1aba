"""Answers, misses and errors of many communities -> one response (ITI TF-2: 3.18.4.1.3, XCA merge rules). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.queries import QueryResult
from registry.ebrim.messages import FAILURE, PARTIAL_SUCCESS, SUCCESS, AdhocQuery
from registry.ebrim.writer import object_ref
from registry.errors import ErrorCode, RegistryError, Severity
from registry.queries.catalogue import patient_of

if TYPE_CHECKING:
    from node.federation.gateway import Answered
    from registry.document_registry import Found, FoundObject
    from registry.ebrim.reader import RemoteObject


def merge_queries(query: AdhocQuery, found: Found | None, answers: Sequence[Answered], *, own_home: str) -> QueryResult:
    """One query answer. The local part (`found`) is None when only another community was asked.

    A peer's XDSUnknownPatientId is no error; every other error of a peer is passed on with its home as location;
    a peer without an answer is one XDSUnavailableCommunity.
    """
    local = local_result(query, found.objects, own_home=own_home) if found else None
    objects: list[bytes] = list(local.objects) if local else []
    errors: list[RegistryError] = []
    succeeded = local is not None
    for answer in answers:
        accepted, faults = _of_peer(query, answer)
        objects += accepted
        errors += faults
        succeeded = succeeded or not any(fault.severity is Severity.ERROR for fault in faults) or bool(accepted)
    return QueryResult(status(errors, succeeded=succeeded), objects, tuple(errors))


def local_result(query: AdhocQuery, objects: Sequence[FoundObject], *, own_home: str) -> QueryResult:
    """The own registry's objects as an answer, each with its home."""
    if query.return_type == "ObjectRef":
        rendered = [object_ref(item.entry_uuid, own_home) for item in objects]
    else:
        rendered = [item.leaf() for item in objects]
    return QueryResult(SUCCESS, rendered)


def status(errors: Sequence[RegistryError], *, succeeded: bool) -> str:
    """Success without an error, PartialSuccess when anything succeeded beside one, else Failure."""
    if not any(error.severity is Severity.ERROR for error in errors):
        return SUCCESS
    return PARTIAL_SUCCESS if succeeded else FAILURE


def _of_peer(query: AdhocQuery, answer: Answered) -> tuple[list[bytes], list[RegistryError]]:
    if answer.error is not None:
        return [], [answer.error]
    home = answer.community.home
    errors = [
        RegistryError(fault.code, fault.context, home, fault.severity)
        for fault in answer.query.head.errors
        if fault.code != ErrorCode.UNKNOWN_PATIENT_ID
    ]
    accepted, homeless, foreign = [], 0, 0
    for item in answer.query.objects:
        if item.home is None and item.kind != "association":
            homeless += 1
        elif (item.home and item.home != home) or not _asked_for(query, item):
            foreign += 1
        else:
            accepted.append(item.xml)
    if homeless:
        errors.append(
            RegistryError(
                ErrorCode.MISSING_HOME_COMMUNITY_ID,
                f"{answer.community.name} returned {homeless} objects without homeCommunityId; they were dropped",
                home,
            )
        )
    if foreign:
        errors.append(
            RegistryError(
                ErrorCode.UNAVAILABLE_COMMUNITY,
                f"{answer.community.name} returned {foreign} objects of another patient or community; dropped",
                home,
            )
        )
    return accepted, errors


def _asked_for(query: AdhocQuery, item: RemoteObject) -> bool:
    """Whether an object is of the patient asked for."""
    asked = patient_of(query)
    return not asked or item.kind == "association" or not item.patient_id or item.patient_id == asked
