"""Answers under load are compared with what they must be, by a slow path that shares nothing with the fast one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lxml import etree

from registry.ebrim.writer import render
from registry.metadata.objects import APPROVED
from scripts.benchmarks.metadata import ASKED_FOR, expected, seeded
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workshop import BenchError, Loaded

_RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
_UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
SAMPLES = 10


def check_queries(target: Loaded, stage: Stage) -> None:
    """Ask some patients and compare each answer, entry by entry, with metadata that are rendered anew.

    Raises:
        BenchError: an answer is not what it must be.
    """
    for _ in range(SAMPLES):
        said = target.once()
        root = etree.fromstring(Path(said["body"]).read_bytes())
        entries = root.findall(f".//{{{_RIM}}}ExtrinsicObject")
        found = {_unique_id(entry): entry for entry in entries}
        if set(found) != expected(said["patient"]) or len(entries) != ASKED_FOR:
            raise BenchError(f"patient {said['patient']}: {len(entries)} entries, not the {ASKED_FOR} expected")
        for unique_id, reference in _references(said["patient"], stage).items():
            if _canonical(found[unique_id]) != reference:
                raise BenchError(f"document {unique_id} is not answered as it was registered")


def _unique_id(entry: etree._Element) -> str:
    return next(
        str(one.get("value"))
        for one in entry.findall(f"{{{_RIM}}}ExternalIdentifier")
        if one.get("identificationScheme") == _UNIQUE_ID
    )


def _references(patient: int, stage: Stage) -> dict[str, bytes]:
    home, repository = stage.described["home_community_id"], stage.described["repository_unique_id"]
    references = {}
    for entry in seeded(patient, repository).documents:
        if entry.unique_id in expected(patient):
            whole = replace(entry, home_community_id=home, availability_status=APPROVED)
            wrapped = b'<w xmlns:rim="' + _RIM.encode() + b'">' + render(whole) + b"</w>"
            references[str(entry.unique_id)] = _canonical(etree.fromstring(wrapped)[0])
    return references


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True)
