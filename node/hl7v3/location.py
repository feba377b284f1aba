"""Patient Location Query, the messages of ITI-56: written and read. Pure.

Source: ITI TF-2: 3.56 (trial implementation, Health Data Locator option of XCPD); federation-wire 2.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from lxml import etree

from node.hl7v3.correlation import XCPD
from node.hl7v3.datatypes import Ii, read_ii, write_ii
from node.soap.tree import children, text_of
from node.soap.writing import escape

REQUEST: Final = f"{{{XCPD}}}PatientLocationQueryRequest"
RESPONSE: Final = f"{{{XCPD}}}PatientLocationQueryResponse"
MOST_LOCATIONS: Final = 20_000  # of one answer that are read: as many as a directory has members


class Location(NamedTuple):
    """One community that knows the patient who was asked for: `urn:oid:…`, and the identifier there."""

    home: str
    corresponding: Ii
    requested: Ii


def write_location_query(requested: Ii) -> bytes:
    """A whole PatientLocationQueryRequest."""
    return (
        f'<xcpd:PatientLocationQueryRequest xmlns:xcpd="{XCPD}">{write_ii("xcpd:RequestedPatientId", requested)}'
        "</xcpd:PatientLocationQueryRequest>"
    ).encode()


def read_location_query(element: etree._Element) -> Ii:
    """The patient who is asked for; its root is "" where there is none."""
    return read_ii(_child(element, "RequestedPatientId"))


def write_locations(locations: Iterable[Location]) -> bytes:
    """A whole PatientLocationQueryResponse."""
    parts = (
        f"<xcpd:PatientLocationResponse><xcpd:HomeCommunityId>{escape(one.home)}</xcpd:HomeCommunityId>"
        f"{write_ii('xcpd:CorrespondingPatientId', one.corresponding)}"
        f"{write_ii('xcpd:RequestedPatientId', one.requested)}</xcpd:PatientLocationResponse>"
        for one in locations
    )
    return (
        f'<xcpd:PatientLocationQueryResponse xmlns:xcpd="{XCPD}">{"".join(parts)}</xcpd:PatientLocationQueryResponse>'
    ).encode()


def read_locations(element: etree._Element) -> tuple[Location, ...]:
    """What a PatientLocationQueryResponse says; entries without a community are passed over."""
    found = []
    for one in children(element)[:MOST_LOCATIONS]:
        home = _child(one, "HomeCommunityId")
        if home is not None and (text := text_of(home).strip()):
            found.append(
                Location(
                    text, read_ii(_child(one, "CorrespondingPatientId")), read_ii(_child(one, "RequestedPatientId"))
                )
            )
    return tuple(found)


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((one for one in children(element) if one.tag == f"{{{XCPD}}}{name}"), None)
