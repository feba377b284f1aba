"""Messages of ITI-44, ITI-45 and ITI-47: read as they are meant, and refused in words whatever is missing from them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from node.hl7v3.continuation import read_continuation
from node.hl7v3.datatypes import Ii
from node.hl7v3.feed import read_feed
from node.hl7v3.identifiers import read_identifiers_query
from node.hl7v3.query import read_query
from node.hl7v3.wrapper import BadMessage, read_wrapper
from registry.patients.demographics import Address, Identifier
from tests.node.hl7v3.schemas import schema
from tests.shared import needs_shared

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
READERS = {
    "iti44/added": read_feed,
    "iti44/revised": read_feed,
    "iti44/resolved": read_feed,
    "iti45/query": read_identifiers_query,
    "iti47/query": lambda root: read_query(read_wrapper(root)),
    "iti47/continuation": read_continuation,
}


def root_of(name: str) -> etree._Element:
    return etree.fromstring((VECTORS / f"{name}.xml").read_bytes())


@needs_shared
@pytest.mark.parametrize("name", READERS)
def test_the_vectors_are_valid(name: str) -> None:
    root = root_of(name)
    schema(etree.QName(root).localname).assertValid(root)


def test_the_feed() -> None:
    added = read_feed(root_of("iti44/added"))
    assert (added.kind, added.ids) == ("add", (Identifier("A-4711", "2.999.1.1"),))
    assert added.person.identifiers == (*added.ids, Identifier("N-720415-55", "2.999.7.7"))
    revised = read_feed(root_of("iti44/revised"))
    assert revised.kind == "revise"
    assert revised.person.addresses == (Address(lines=("1 Mill Lane",), city="Altdorf", postal_code="90210", use="H"),)
    resolved = read_feed(root_of("iti44/resolved"))
    assert (resolved.kind, resolved.priors) == ("merge", (Identifier("A-4999", "2.999.1.1"),))


def test_the_query_for_identifiers() -> None:
    query = read_identifiers_query(root_of("iti45/query"))
    assert (query.query_id, query.identifier, query.sources) == (
        Ii("2.999.10.2", "pix-1"),
        Ii("2.999.1.1", "A-4711"),
        ("2.999.7.7",),
    )


def test_the_continuation() -> None:
    found = read_continuation(root_of("iti47/continuation"))
    assert (found.query_id, found.quantity, found.cancelled) == (Ii("2.999.10.2", "pdq-1"), 2, False)


@given(st.sampled_from(sorted(READERS)), st.lists(st.integers(0, 60), min_size=1, max_size=6), st.booleans())
def test_whatever_is_missing_nothing_but_a_refusal_happens(name: str, places: list[int], whole: bool) -> None:
    """Elements or attributes are taken out; what is left is read, or is a BadMessage."""
    root = root_of(name)
    for place in places:
        elements = [one for one in root.iter() if one is not root]
        if not elements:
            break
        chosen = elements[place % len(elements)]
        if whole:
            chosen.getparent().remove(chosen)
        else:
            chosen.attrib.clear()
    with contextlib.suppress(BadMessage):
        READERS[name](root)
