"""Every row of the table: what is accepted, what is refused, and what it changes; and that without rows nothing changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.federation import quirks
from node.federation.quirks import ROWS, STANDARD, Quirks
from registry.ebrim.messages import AdhocQuery
from registry.metadata.objects import Slot
from repository.messages import DocumentRequest

NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
FIND = AdhocQuery(
    "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
    "LeafClass",
    None,
    (Slot(name="$XDSDocumentEntryPatientId", values=("'P1^^^&2.999.1&ISO'",)),),
)
GET = AdhocQuery(
    "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
    "LeafClass",
    "urn:oid:2.999.7",
    (Slot(name="$XDSDocumentEntryEntryUUID", values=("('urn:uuid:0Ab0', 'urn:uuid:0aB1')",)),),
)
ROW_VALUES = {
    "documents_per_retrieve": ([1, 10, 1000], [0, 1001, True, "10", -1, ()]),
    "uuid_form": (["lower", "upper", "bare"], ["", "title", 1, True]),
    "date_range": (["creation"], ["service", True, 1]),
    "retrieve_packaging": (["mtom", "soap"], ["xop", False]),
    "exchange": (["synchronous", "asynchronous", "deferred"], ["later", True]),
    "required_leniencies": ([("old-association-type",), ("short-status",)], ["all", ("start-missing",), True, 1]),
    "refused_leniencies": ([("all",), ("start-missing", "encoded-part")], ["", "everything", ("sha1",), True, 1]),
}


def requests(count: int) -> list[DocumentRequest]:
    return [DocumentRequest(repository_unique_id="2.9", document_unique_id=f"2.9.{k}") for k in range(count)]


def test_every_row_has_its_values_here_and_its_field() -> None:
    assert set(ROW_VALUES) == set(ROWS) == set(Quirks.__slots__)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_takes_what_it_means_and_nothing_else(name: str) -> None:
    good, bad = ROW_VALUES[name]
    for value in good:
        assert list(quirks.faults({name: value})) == []
        assert getattr(quirks.read({name: value}), name) == value
    for value in bad:
        assert ROWS[name].meaning in "".join(quirks.faults({name: value}))
        assert quirks.read({name: value}) == STANDARD


def test_a_row_of_a_later_version_is_said_and_does_nothing() -> None:
    assert "knows no sha1" in "".join(quirks.faults({"sha1": True}))
    assert quirks.read({"sha1": True}) == STANDARD


@pytest.mark.parametrize("query", [FIND, GET])
def test_without_quirks_a_query_is_what_was_asked(query: AdhocQuery) -> None:
    assert quirks.asked(query, STANDARD, NOW) == query


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ("lower", "('urn:uuid:0ab0', 'urn:uuid:0ab1')"),
        ("upper", "('urn:uuid:0AB0', 'urn:uuid:0AB1')"),
        ("bare", "('0Ab0', '0aB1')"),
    ],
)
def test_forms_of_uuids(form: str, sent: str) -> None:
    assert quirks.asked(GET, Quirks(uuid_form=form), NOW).slots[0].values == (sent,)
    assert quirks.asked(FIND, Quirks(uuid_form=form), NOW) == FIND


def test_a_range_that_leaves_nothing_out_is_added_once() -> None:
    needs = Quirks(date_range="creation")
    ranged = quirks.asked(FIND, needs, NOW)
    assert ranged.slots[1:] == (
        Slot(name="$XDSDocumentEntryCreationTimeFrom", values=("19000101000000",)),
        Slot(name="$XDSDocumentEntryCreationTimeTo", values=("20260302233000",)),
    )
    assert quirks.asked(ranged, needs, NOW) == ranged
    assert quirks.asked(GET, needs, NOW) == GET


@given(st.integers(0, 60), st.integers(1, 20))
def test_portions_hold_everything_in_order_and_none_too_much(count: int, most: int) -> None:
    found = quirks.portions(requests(count), Quirks(documents_per_retrieve=most))
    assert [one for portion in found for one in portion] == requests(count)
    assert all(1 <= len(portion) <= most for portion in found)
