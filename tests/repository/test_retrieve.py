"""Who is asked for which document, and what the answers come to (ITI TF-2: 3.43.4.1.3, 3.43.5)."""

from __future__ import annotations

import pytest

from registry.ebrim.messages import FAILURE, PARTIAL_SUCCESS, SUCCESS
from registry.errors import RegistryError, Severity
from repository.messages import DocumentRequest
from repository.retrieve import distinct, not_available, overall_status, split, unknown_repository

HOME = "urn:oid:2.999.1"
ERROR = RegistryError("XDSDocumentUniqueIdError", "gone", "2")
WARNING = RegistryError("XDSRepositoryError", "odd", "2", Severity.WARNING)


def ask(unique_id: str, repository: str = "r1", home: str | None = None) -> DocumentRequest:
    return DocumentRequest(repository_unique_id=repository, document_unique_id=unique_id, home_community_id=home)


def test_a_line_that_is_repeated_is_answered_once_where_it_first_stood() -> None:
    assert distinct([ask("2"), ask("1"), ask("2"), ask("2", "r2"), ask("2", home=HOME)]) == (
        ask("2"),
        ask("1"),
        ask("2", "r2"),
        ask("2", home=HOME),
    )


def test_split() -> None:
    other, third = "urn:oid:2.999.2", "urn:oid:2.999.3"
    parts = split(
        [
            ask("1"),
            ask("2", home=other),
            ask("3", "r9"),
            ask("4", home=HOME),
            ask("5", home=third),
            ask("6", home=other),
            ask("1"),
        ],
        own_home=HOME,
        repositories={"r1"},
    )
    assert parts.here == (ask("1"), ask("4", home=HOME))
    assert parts.elsewhere == (ask("3", "r9"),)
    assert parts.communities == {other: (ask("2", home=other), ask("6", home=other)), third: (ask("5", home=third),)}


@pytest.mark.parametrize(
    ("documents", "errors", "expected"),
    [
        pytest.param(2, [], SUCCESS, id="all"),
        pytest.param(1, [ERROR], PARTIAL_SUCCESS, id="some"),
        pytest.param(0, [ERROR], FAILURE, id="none"),
        pytest.param(1, [WARNING], SUCCESS, id="a warning comes with its document"),
        pytest.param(1, [WARNING, ERROR], PARTIAL_SUCCESS, id="a warning beside an error"),
        pytest.param(0, [], SUCCESS, id="nothing was asked"),
    ],
)
def test_status(documents: int, errors: list[RegistryError], expected: str) -> None:
    assert overall_status(documents, errors) == expected


def test_errors_are_located_at_the_document() -> None:
    unknown, absent = unknown_repository(ask("1.2", "9.9")), not_available(ask("1.2"))
    assert (unknown.code, unknown.location, "9.9" in unknown.context) == ("XDSUnknownRepositoryId", "1.2", True)
    assert (absent.code, absent.location, "1.2" in absent.context) == ("XDSDocumentUniqueIdError", "1.2", True)
