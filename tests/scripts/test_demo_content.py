"""The demonstration's documents are what they claim to be: valid CDA R2, readable PDF, the same in every run."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from scripts.demo_content.pdf import render
from scripts.demo_content.story import INSTITUTIONS, documents_of
from tests.shared import SHARED, needs_shared

FILES = {name: content for institution in INSTITUTIONS for name, content in documents_of(institution).items()}
CDA = sorted(name for name in FILES if name.endswith(".xml"))
PDF = sorted(name for name in FILES if name.endswith(".pdf"))
V3 = {"v3": "urn:hl7-org:v3"}


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    assert SHARED is not None
    return etree.XMLSchema(etree.parse(str(SHARED / "schemas" / "cda" / "infrastructure" / "cda" / "CDA_SDTC.xsd")))


@needs_shared
@pytest.mark.parametrize("name", CDA)
def test_cda_is_valid(name: str, schema: etree.XMLSchema) -> None:
    schema.assertValid(etree.fromstring(FILES[name]))


@pytest.mark.parametrize("name", CDA)
def test_cda_says_what_a_submission_needs(name: str) -> None:
    root = etree.fromstring(FILES[name])
    for path in ("v3:title", "v3:effectiveTime/@value", "v3:languageCode/@code", "v3:confidentialityCode/@code"):
        assert root.xpath(path, namespaces=V3), path
    assert root.xpath("v3:author/v3:assignedAuthor/v3:representedOrganization/v3:name", namespaces=V3)
    assert len(root.xpath("//v3:section", namespaces=V3)) >= 1


def test_documents_are_of_many_kinds_and_two_languages() -> None:
    roots = [etree.fromstring(FILES[name]) for name in CDA]
    codes = {root.xpath("string(v3:code/@code)", namespaces=V3) for root in roots}
    languages = {root.xpath("string(v3:languageCode/@code)", namespaces=V3) for root in roots}
    assert {"18842-5", "11502-2", "57133-1", "11488-4", "18748-4"} <= codes
    assert languages == {"en-US", "zh-CN"}
    ids = [root.xpath("concat(v3:id/@root, '/', v3:id/@extension)", namespaces=V3) for root in roots]
    assert len(set(ids)) == len(ids)


def test_the_same_documents_every_time() -> None:
    again = {name: content for institution in INSTITUTIONS for name, content in documents_of(institution).items()}
    assert again == FILES


def check_structure(data: bytes) -> int:
    """Follow startxref to the table and every object it names; returns how many pages there are."""
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", data)[1])
    table = data[start:]
    count = int(re.match(rb"xref\n0 (\d+)\n", table)[1])
    offsets = [int(found) for found in re.findall(rb"(\d{10}) 00000 n \n", table)]
    assert len(offsets) == count - 1
    for number, offset in enumerate(offsets, start=1):
        assert data[offset:].startswith(b"%d 0 obj\n" % number)
    for found in re.finditer(rb"/Length (\d+) >>\nstream\n", data):
        assert data[found.end() + int(found[1]) :].startswith(b"\nendstream")
    return len(re.findall(rb"/Type /Page ", data))


@pytest.mark.parametrize("name", PDF)
def test_pdf_structure(name: str) -> None:
    assert FILES[name].startswith(b"%PDF-1.4\n")
    assert check_structure(FILES[name]) == 1


def test_pdf_of_many_lines_has_many_pages() -> None:
    assert check_structure(render("long", [f"line {number} 行" for number in range(100)])) == 3
