"""The submissions of the conformance plans: what is valid passes, what is made to be refused is refused."""

from __future__ import annotations

import importlib
import sys
from itertools import count

import pytest
from lxml import etree

from registry.ebrim.reader import read_submission
from registry.metadata.affinity_domain import ANY
from registry.metadata.rules import violations
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

VALID = [
    "11966/submit/single_doc.xml",
    "11979/submit/two_doc.xml",
    "11992/submit/metadata.xml",
    "11999/submit/metadata.xml",
    "12000/submit/metadata.xml",
    "12001/create_folder/metadata.xml",
    "12021/submit/two_doc.xml",
    "12346/single_doc/single_doc.xml",
    "12346/doc_w_fol/single_doc_w_fol.xml",
    "12346/two_doc_w_fol/two_doc_w_fol.xml",
    "12379/support/metadata.xml",
]
MISSING = [
    "classCode", "confidentialityCode", "creationTime", "formatCode", "healthcareFacilityTypeCode", "languageCode",
    "practiceSettingCode", "sourcePatientId", "typeCode",
]  # fmt: skip


@pytest.fixture(scope="module")
def kit():
    """The plans' own code: it makes messages of ebRIM 3.0 out of templates."""
    assert SHARED is not None
    folder = str(SHARED / "nist-testkit")
    sys.path.insert(0, folder)
    yield importlib.import_module("nist_testkit.metadata").Metadata
    sys.path.remove(folder)


def request_of(kit, name: str) -> etree._Element:
    assert SHARED is not None
    path = SHARED / "nist-testkit" / "data" / "tests" / name
    if not path.is_file():
        pytest.skip(f"no {name}")
    numbers = count(1)
    made = kit(etree.parse(str(path)).getroot())
    made.assign_patient_id("P1^^^&1.2.3&ISO")
    made.assign_unique_ids(lambda: f"1.2.3.{next(numbers)}")
    made.assign_source_id("1.2.3.4")
    return made.submit_objects_request()


@pytest.mark.parametrize("name", VALID)
def test_a_valid_submission(kit, name):
    made, faults = read_submission(request_of(kit, name))
    assert faults == []
    assert violations(made, ANY, transaction="ITI-41") == []


@pytest.mark.parametrize("attribute", MISSING)
def test_an_attribute_is_missing(kit, attribute):
    made, faults = read_submission(request_of(kit, f"11998a/{attribute}/single_doc.xml"))
    found = violations(made, ANY, transaction="ITI-42")
    assert faults == []
    assert [(error.code, error.location) for error in found] == [("XDSRegistryMetadataError", "Document01")]
    assert found[0].context.startswith(f"DocumentEntry.{attribute} is missing")


def test_a_documentation_of_membership(kit):
    made, _ = read_submission(request_of(kit, "12370/not_configured/single_doc.xml"))
    assert any(
        "HasMember carries a documentation" in error.context for error in violations(made, ANY, transaction="ITI-41")
    )
