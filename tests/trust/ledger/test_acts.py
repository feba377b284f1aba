"""What a report calls an act: nobody reads that patients were merged where documents were removed."""

from __future__ import annotations

import pytest

from trust.ledger import hdn_verify

LOCAL, ANSWERED, GOT = 5, 3, 4
ACTS = [
    ("ITI-8", "D", LOCAL, "merged the patient into another"),
    ("ITI-44", "C", LOCAL, "made the patient known"),
    ("ITI-64", "U", LOCAL, "changed the patient's entry"),
    ("patient merge", "D", LOCAL, "merged the patient into another"),
    ("patient show", "R", LOCAL, "looked up the patient"),
    ("inbox list", "R", LOCAL, "looked up the patient"),
    ("ITI-62", "D", LOCAL, "removed the description of documents for good"),
    ("ITI-86", "D", LOCAL, "removed documents for good"),
    ("inbox accept", "C", LOCAL, "took documents that were sent here into the patient's record"),
    ("inbox reject", "D", LOCAL, "refused and removed documents that were sent here"),
    ("something new", "D", LOCAL, "as the record calls it"),
    ("something new", "U", LOCAL, "as the record calls it"),
    ("ITI-92", "U", ANSWERED, "asked this institution to change how documents are described"),
    ("ITI-92", "U", GOT, "asked {peer} to change how documents are described"),
    ("ITI-41", "R", GOT, "sent documents to {peer}"),
]


@pytest.mark.parametrize(("code", "action", "kind", "told"), ACTS)
def test_what_was_done(code: str, action: str, kind: int, told: str) -> None:
    event = {"id": ["110110", "DCM", ""], "action": action, "type": [code, "x", "as the record calls it"]}
    assert hdn_verify._what({"kind": kind}, event, "en") == told
