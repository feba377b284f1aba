"""Answers, misses and errors of many communities -> one response (ITI TF-2: 3.18.4.1.3, XCA merge rules). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.queries import QueryResult
from registry.ebrim.messages import FAILURE, PARTIAL_SUCCESS, SUCCESS, AdhocQuery
from registry.ebrim.writer import object_ref
from registry.errors import RegistryError, Severity

if TYPE_CHECKING:
    from node.federation.answered import Answered
    from registry.document_registry import Found, FoundObject


def merge_queries(query: AdhocQuery, found: Found | None, answers: Sequence[Answered], *, own_home: str) -> QueryResult:
    """One query answer. The local part (`found`) is None when only another community was asked.

    A peer's XDSUnknownPatientId is no error; every other error of a peer is passed on with its home as location;
    a peer without an answer is one XDSUnavailableCommunity (`judging`).
    """
    local = local_result(query, found.objects, own_home=own_home) if found else None
    objects: list[bytes] = list(local.objects) if local else []
    errors: list[RegistryError] = []
    succeeded = local is not None
    for answer in answers:
        objects += answer.accepted
        errors += answer.errors
        failed = any(fault.severity is Severity.ERROR for fault in answer.errors)
        succeeded = succeeded or not failed or bool(answer.accepted)
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
