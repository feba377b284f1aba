"""ITI-56 and the revocation of ITI-55: what is written is valid and says what was meant, what others write is read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from node.hl7v3.datatypes import Ii
from node.hl7v3.location import (
    Location,
    read_location_query,
    read_locations,
    write_location_query,
    write_locations,
)
from node.hl7v3.query import read_query
from node.hl7v3.revocation import read_revocation, write_revocation
from node.hl7v3.wrapper import BadMessage, Party, Wrapper, read_wrapper
from registry.patients.demographics import Identifier
from tests.node.hl7v3.schemas import check, schema
from tests.shared import needs_shared

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
TOKEN = Ii("2.25.1", "00112233445566778899aabbccddeeff")
NOW = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)


def vector(name: str) -> etree._Element:
    return etree.fromstring((VECTORS / name).read_bytes())


def test_what_others_write_of_locations_is_read() -> None:
    assert read_location_query(vector("iti56/query.xml")) == TOKEN
    assert read_locations(vector("iti56/response.xml")) == (
        Location("urn:oid:2.999.20", Ii("2.999.20.200", "B-88123"), TOKEN),
        Location("urn:oid:2.999.30", Ii("2.999.30.200", "C-1"), TOKEN),
    )


def test_an_answer_that_names_nobody_has_no_community() -> None:
    empty = etree.fromstring(write_locations([]))
    assert read_locations(empty) == ()
    etree.SubElement(empty, "{urn:ihe:iti:xcpd:2009}PatientLocationResponse")
    assert read_locations(empty) == ()


@needs_shared
def test_what_is_written_of_locations_is_valid() -> None:
    assert read_location_query(check("XCPD_PLQ", write_location_query(TOKEN))) == TOKEN
    locations = [Location(f"urn:oid:2.999.{k}", TOKEN, TOKEN) for k in range(3)]
    assert list(read_locations(check("XCPD_PLQ", write_locations(locations)))) == locations
    for name in ("query", "response"):
        schema("XCPD_PLQ").assertValid(vector(f"iti56/{name}.xml"))


def as_duplicate(root: etree._Element) -> etree._Element:
    """As PRPA_IN201304UV02, whose schema has the same payload (PRPA_MT201303UV02) and, unlike this one's, was given."""
    return etree.fromstring(etree.tostring(root).replace(b"201303UV02", b"201304UV02"))


@needs_shared
def test_a_revocation_is_valid_and_names_the_identifier_alone() -> None:
    own, theirs = Ii("2.999.10"), Ii("2.999.20")
    head = Wrapper(
        interaction="PRPA_IN201303UV02",
        id=Ii("2.999.10.1", "r-1"),
        sender=Party(device=own, organization=own.root),
        receiver=Party(device=theirs, organization=theirs.root, telecom="https://b.example/iti-55"),
    )
    written = etree.fromstring(write_revocation(head, Identifier("A-4711", "2.999.1.1"), now=NOW))
    schema("PRPA_IN201304UV02").assertValid(as_duplicate(written))
    assert read_revocation(written).ids == (Identifier("A-4711", "2.999.1.1"),)
    assert read_revocation(written).wrapper.sender.organization == "2.999.10"
    (name,) = written.iter("{urn:hl7-org:v3}name")
    assert (name.get("nullFlavor"), len(name)) == ("NA", 0)
    schema("PRPA_IN201304UV02").assertValid(as_duplicate(vector("iti55/revocation.xml")))


def test_a_revocation_of_another_stack_is_read() -> None:
    assert read_revocation(vector("iti55/revocation.xml")).ids == (Identifier("A-4711", "2.999.1.1"),)


def test_a_revocation_without_an_identifier_is_refused() -> None:
    root = vector("iti55/revocation.xml")
    for patient in root.iter("{urn:hl7-org:v3}patient"):
        patient.remove(patient[0])
    with pytest.raises(BadMessage, match="no patient with an id"):
        read_revocation(root)


@needs_shared
def test_a_query_of_another_stack_is_read() -> None:
    root = vector("iti55/query.xml")
    schema("PRPA_IN201305UV02").assertValid(root)
    found = read_query(read_wrapper(root))
    assert (found.minimum, found.query_back, found.person.sex) == (60, (Ii("2.999.10.100"),), "F")
    assert found.person.birth_date is not None
    assert found.person.birth_date.value == "19720415"
    assert found.person.identifiers == (Identifier("A-4711", "2.999.10.100"),)
