"""Which documents are asked of whom, and what the answers come to. Pure.

Source: ITI TF-2: 3.43.4.1.3, 3.43.5; ITI TF-2: 3.39
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from registry.ebrim.messages import FAILURE, PARTIAL_SUCCESS, SUCCESS
from registry.errors import DocumentUniqueIdError, RegistryError, Severity, UnknownRepositoryId
from repository.messages import DocumentRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A request by who serves it; order within each part is the request's."""

    here: tuple[DocumentRequest, ...]
    elsewhere: tuple[DocumentRequest, ...]  # of this community, but of a repository that is not served here
    communities: dict[str, tuple[DocumentRequest, ...]]  # by homeCommunityId


def distinct(requests: Iterable[DocumentRequest]) -> tuple[DocumentRequest, ...]:
    """Each request once, where it first stood: the standard is silent on repetitions, a second copy helps nobody."""
    return tuple(dict.fromkeys(requests))


def split(requests: Iterable[DocumentRequest], *, own_home: str, repositories: Container[str]) -> Split:
    """Sort distinct requests by the community and repository that they name; no community means this one."""
    here: list[DocumentRequest] = []
    elsewhere: list[DocumentRequest] = []
    communities: dict[str, list[DocumentRequest]] = {}
    for request in distinct(requests):
        if request.home_community_id not in (None, own_home):
            communities.setdefault(request.home_community_id or "", []).append(request)
        elif request.repository_unique_id in repositories:
            here.append(request)
        else:
            elsewhere.append(request)
    return Split(
        here=tuple(here),
        elsewhere=tuple(elsewhere),
        communities={home: tuple(items) for home, items in communities.items()},
    )


def overall_status(documents: int, errors: Sequence[RegistryError]) -> str:
    """The status of a response with so many documents: all, some or none of what was asked.

    Warnings come with their document and change nothing.

    Source: ITI TF-2: 3.43.5
    """
    if not any(error.severity != Severity.WARNING for error in errors):
        return SUCCESS
    return PARTIAL_SUCCESS if documents else FAILURE


def unknown_repository(request: DocumentRequest) -> RegistryError:
    """The error of a document that is asked of the wrong repository; its location is the uniqueId."""
    context = f"repository {request.repository_unique_id!r:.120} is not served here"
    return UnknownRepositoryId(context, location=request.document_unique_id).errors[0]


def not_available(request: DocumentRequest) -> RegistryError:
    """The error of a document that is absent, withheld or damaged, one text for all; its location is the uniqueId."""
    context = f"document {request.document_unique_id!r:.120} is not available"
    return DocumentUniqueIdError(context, location=request.document_unique_id).errors[0]
