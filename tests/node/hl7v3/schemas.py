"""The HL7 v3 schemas that are given beside the checkout, loaded once each."""

from __future__ import annotations

from functools import cache

from lxml import etree

from tests.shared import SHARED


@cache
def schema(name: str) -> etree.XMLSchema:
    """The schema of one interaction, or of ITI-56."""
    assert SHARED is not None
    folder = SHARED / "schemas/hl7v3"
    where = "IHE" if name == "XCPD_PLQ" else "HL7V3/NE2008/multicacheschemas"
    return etree.XMLSchema(etree.parse(folder / where / f"{name}.xsd"))


def check(name: str, message: bytes) -> etree._Element:
    """The message as an element; it is valid."""
    root = etree.fromstring(message)
    schema(name).assertValid(root)
    return root
