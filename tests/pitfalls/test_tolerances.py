"""Every deviation of metadata and queries that is tolerated: its recorded message is read, counted and named.

And it is refused of the application of whom that is said, or taken only of the one of whom it is required.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from node.soap.leniencies import ONLY_WHERE_REQUIRED
from registry.ebrim.tolerances import Tolerance
from tests.end_to_end.wire import FAILURE, NS, SUCCESS, external_id
from tests.pitfalls.registry import APND, VECTORS, Registry, associations, listed, patient, slot_of

UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
# Recorded message -> what it shows. A number of a pitfall says which one it is.
RECORDED = {
    "children-out-of-order": Tolerance.CHILDREN_OUT_OF_ORDER,
    "P16-name-before-slot": Tolerance.CHILDREN_OUT_OF_ORDER,
    "P26-patient-info-discouraged": Tolerance.DISCOURAGED_PATIENT_INFO,
    "P29-extra-name-half-a-urn": Tolerance.EXTRA_NAME,
    "membership-status": Tolerance.MEMBERSHIP_STATUS,
    "padded-name": Tolerance.PADDED_NAME,
    "padded-value": Tolerance.PADDED_VALUE,
    "upper-case-uuid": Tolerance.UPPER_CASE_UUID,
    "uri-in-pieces": Tolerance.URI_IN_PIECES,
    "double-quotes": Tolerance.DOUBLE_QUOTES,
    "P14-query-escaped-twice": Tolerance.ESCAPED_TWICE,
    "list-for-one-value": Tolerance.LIST_FOR_ONE_VALUE,
    "one-value-for-list": Tolerance.ONE_VALUE_FOR_LIST,
    "padded-list": Tolerance.PADDED_VALUE,
    "quoted-time": Tolerance.QUOTED_TIME,
}
REQUIRED = {
    "old-association-type": (Tolerance.OLD_ASSOCIATION_TYPE, "XDSRegistryMetadataError"),
    "P15-status-short": (Tolerance.SHORT_STATUS, "XDSStoredQueryMissingParam"),
    "P15-status-of-a-response": (Tolerance.SHORT_STATUS, "XDSStoredQueryMissingParam"),
}


def test_every_tolerance_has_a_recorded_message() -> None:
    assert {*RECORDED.values(), *(one for one, _ in REQUIRED.values())} == set(Tolerance)
    assert {str(one) for one, _ in REQUIRED.values()} == set(map(str, ONLY_WHERE_REQUIRED))


def message(name: str, arc: bytes = b"2.999.315.") -> bytes:
    """A recorded message under uniqueIds of its own: other tests send some of them too."""
    return (VECTORS / f"{name}.xml").read_bytes().replace(b"2.999.314.", arc)


def noted(registry: Registry) -> str:
    """What the newest record says was tolerated."""
    with closing(sqlite3.connect(f"file:{registry.node.folder / 'data' / 'node.db'}?mode=ro", uri=True)) as connection:
        (body,) = connection.execute("SELECT body FROM audit_record ORDER BY seq DESC LIMIT 1").fetchone()
    return json.loads(body)["event"].get("note", {}).get("tolerated", "")


@pytest.mark.parametrize("name", RECORDED)
def test_what_deviates_is_refused_of_whom_it_is_refused_and_else_read_and_named(registry: Registry, name: str) -> None:
    tolerance = RECORDED[name]
    refused = registry.by("strict").sent(message(name))
    assert (refused.http_status, refused.status) == (200, FAILURE)
    assert {code for code, _, _ in refused.errors} <= {"XDSRegistryMetadataError", "XDSRegistryError"}
    assert any(str(tolerance) in context for _, _, context in refused.errors)
    assert refused.body.findall(".//rim:ExtrinsicObject", NS) == []
    before = registry.tolerated().get(tolerance, 0)
    assert registry.by("usual").sent(message(name)).status == SUCCESS
    assert registry.tolerated()[tolerance] == before + 1
    assert noted(registry) == tolerance


@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_taken_only_where_it_is_required(registry: Registry, name: str) -> None:
    tolerance, code = REQUIRED[name]
    for application in ("usual", "strict"):
        refused = registry.by(application).sent(message(name))
        assert (refused.status, set(refused.codes)) == (FAILURE, {code})
    before = registry.tolerated().get(tolerance, 0)
    assert registry.by("old").sent(message(name)).status == SUCCESS
    assert registry.tolerated()[tolerance] == before + 1
    assert noted(registry) == tolerance


def test_what_a_tolerated_form_means(registry: Registry) -> None:
    """What was sent in an old form is kept and found in that of today."""
    for name in ("old-association-type", "uri-in-pieces", "padded-name", "padded-value"):
        again = message(name, b"2.999.316.").replace(b"5a1c0000", b"5a1e0000")
        assert registry.by("old").sent(again).status == SUCCESS
    found = {one: item for item in registry.find(patient(60)).entries() for one in [external_id(item, UNIQUE_ID)]}
    uris = {number: slot_of(found[f"2.999.316.60.{number}"], "URI") for number in (6, 7, 9)}
    assert uris == {6: ["a.txt"], 7: ["a.txt"], 9: ["http://example.org/a.txt"]}
    later = found["2.999.316.60.5"].get("id")
    types = [one.get("associationType") for one in associations(registry.ask("GetAssociations", uuid=listed(later)))]
    assert APND in types
    assert all(type_.startswith("urn:") for type_ in types)
