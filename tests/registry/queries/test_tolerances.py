"""What deviates from the value grammar is named and rewritten; what it selects stays the same (xds-wire 6.4)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.ebrim.messages import AdhocQuery
from registry.ebrim.tolerances import Tolerance
from registry.errors import XdsErrors
from registry.metadata.objects import APPROVED, DEPRECATED, Slot
from registry.queries.criteria import criteria
from registry.queries.tolerances import in_form, with_required
from tests.registry.registry_bench import P1, QUERY_ID, coded, stored_query

CLASS, FROM, PATIENT, STATUS = (
    f"$XDSDocumentEntry{name}" for name in ("ClassCode", "CreationTimeFrom", "PatientId", "Status")
)


def asked(*slots: tuple[str, *tuple[str, ...]]) -> AdhocQuery:
    given = {PATIENT: (coded(P1),), STATUS: (coded((APPROVED,)),)} | {name: values for name, *values in slots}
    made = tuple(Slot(name=name, values=tuple(values)) for name, values in given.items())
    return AdhocQuery(QUERY_ID["FindDocuments"], "LeafClass", None, made)


@pytest.mark.parametrize(
    ("name", "values", "rewritten", "deviations"),
    [
        (CLASS, ("('a^^s','b^^s')",), ("('a^^s','b^^s')",), set()),
        (CLASS, ("'a^^s'",), ("('a^^s')",), {Tolerance.ONE_VALUE_FOR_LIST}),
        (CLASS, ("'a^^s'", "('b^^s')"), ("('a^^s')", "('b^^s')"), {Tolerance.ONE_VALUE_FOR_LIST}),
        (CLASS, ('("it\'s^^s")',), ("('it''s^^s')",), {Tolerance.DOUBLE_QUOTES}),
        (CLASS, ("( 'a^^s' , 'b^^s' )",), ("('a^^s','b^^s')",), {Tolerance.PADDED_VALUE}),
        (CLASS, ("('a , (b^^s','( c^^s )')",), ("('a , (b^^s','( c^^s )')",), set()),
        (PATIENT, (f"({coded(P1)})",), (coded(P1),), {Tolerance.LIST_FOR_ONE_VALUE}),
        (FROM, ("2024",), ("2024",), set()),
        (FROM, ("'2024'",), ("2024",), {Tolerance.QUOTED_TIME}),
        (FROM, ('("2024")',), ("2024",), {Tolerance.LIST_FOR_ONE_VALUE, Tolerance.DOUBLE_QUOTES, Tolerance.QUOTED_TIME}),
    ],
)  # fmt: skip
def test_how_it_is_rewritten(name: str, values: tuple[str, ...], rewritten: tuple[str, ...], deviations: set) -> None:
    query = asked((name, *values))
    mended = in_form(query)
    assert next(slot.values for slot in mended.slots if slot.name == name) == rewritten
    assert mended.tolerated == deviations
    assert criteria(mended) == criteria(query)
    assert in_form(mended) is mended


@pytest.mark.parametrize(
    ("name", "value"), [(PATIENT, "('a','b')"), (CLASS, "a^^s"), (CLASS, "('a^^s'"), (FROM, '"a'), (PATIENT, '"a')]
)
def test_what_is_malformed_stays_as_it_is(name: str, value: str) -> None:
    query = asked((name, value))
    assert in_form(query) is query
    with pytest.raises(XdsErrors):
        criteria(query)


def test_a_query_that_is_not_known_stays_as_it_is() -> None:
    query = AdhocQuery("urn:uuid:0", "LeafClass", None, (Slot(name=CLASS, values=("'a'",)),))
    assert in_form(query) is query


@given(st.lists(st.text(min_size=1), min_size=1))
@example([", "])
@example(["it's, 2", "( ,"])
def test_a_query_in_form_is_left_alone(texts: list[str]) -> None:
    query = stored_query("GetDocuments", XDSDocumentEntryUniqueId=tuple(texts))
    assert in_form(query) is query
    loose = AdhocQuery(query.query_id, "LeafClass", None, (Slot(name=query.slots[0].name, values=(coded(texts[0]),)),))
    assert criteria(in_form(loose)).unique_ids == (texts[0],)


@pytest.mark.parametrize("prefix", ["", "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:"])
def test_short_statuses(prefix: str) -> None:
    query = asked((STATUS, f"('{prefix}Approved',\"{prefix}Deprecated\")"))
    assert with_required(query, ()) is query
    mended = in_form(with_required(query, ("short-status",)))
    assert criteria(mended) == criteria(asked((STATUS, coded((APPROVED, DEPRECATED)))))
    assert Tolerance.SHORT_STATUS in mended.tolerated
    assert with_required(asked(), ("short-status",)).tolerated == frozenset()
