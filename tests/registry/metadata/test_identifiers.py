"""Ids of a registered submission (ITI TF-2: 3.42.4.1.3.7)."""

from __future__ import annotations

from itertools import count

import pytest

from registry.metadata.identifiers import assign_ids
from registry.metadata.objects import APPROVED
from tests.registry.samples import REGISTERED, association, code, entry, original, related, submission, with_folder


def uuids():
    numbers = count(1)
    return lambda: f"urn:uuid:00000000-0000-4000-8000-{next(numbers):012d}"


@pytest.mark.parametrize("made", [submission(), with_folder(), related("urn:ihe:iti:2007:AssociationType:RPLC")])
def test_one_name_becomes_one_uuid_everywhere(made):
    assigned, names = assign_ids(made, uuids())
    assert len(set(names.values())) == len(names)
    for before, after in zip(made.objects(), assigned.objects(), strict=True):
        assert after.entry_uuid == names[before.entry_uuid] == after.logical_id
        assert (after.version, after.availability_status) == ("1", APPROVED)
    for before, after in zip(made.associations, assigned.associations, strict=True):
        assert after.source == names[before.source]
        assert after.target == names.get(before.target, before.target)


def test_a_submitted_uuid_stays():
    upper = "urn:uuid:" + REGISTERED[9:].upper()
    made = submission(documents=(entry(upper),), associations=(original(upper, REGISTERED),))
    assigned, names = assign_ids(made, uuids())
    assert assigned.documents[0].entry_uuid == assigned.associations[0].target == upper
    assert assigned.associations[0].entry_uuid == REGISTERED
    assert set(names) == {"SubmissionSet01"}


def test_submitted_status_lid_and_version_do_not_count():
    made = entry(availability_status="Deprecated", logical_id="x", version="9")
    document = assign_ids(submission(documents=(made,)), uuids())[0].documents[0]
    assert (document.availability_status, document.logical_id, document.version) == (APPROVED, document.entry_uuid, "1")


def test_nothing_else_changes():
    made = submission(
        associations=(
            original("Document01"),
            association("a", "Document01", REGISTERED, "urn:x", documentation=(code(),)),
        )
    )
    assigned, _ = assign_ids(made, uuids())
    assert assigned.documents[0].authors == made.documents[0].authors
    assert assigned.associations[1].documentation == made.associations[1].documentation
    assert assigned.associations[0].submission_set_status == ("Original",)
