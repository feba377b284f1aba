"""What is told of though it is not registered here: published metadata (ITI-54), what other communities told. Pure.

It waits as finished ebRIM, with what a rule about access may look at: who gets it is decided when it leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from registry.ebrim.writer import object_ref, render
from registry.metadata.objects import APPROVED, DocumentEntry, SubmissionSet
from trust.consent.matching import oid
from trust.consent.policy import ResourceLabels

Codes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One object. `patient` is our identifier of the patient, which the element itself need not name."""

    kind: str  # document or submission_set
    entry_uuid: str
    xml: str
    patient: str
    unique_id: str
    repository_unique_id: str = ""
    home: str
    confidentiality: Codes = ()
    kinds: Codes = ()
    institutions: tuple[str, ...] = ()

    def element(self, *, minimal: bool) -> bytes:
        """As it stands in a notification."""
        return object_ref(self.entry_uuid, self.home) if minimal else self.xml.encode()

    def labels(self) -> ResourceLabels:
        """What decides who may see it."""
        return ResourceLabels(
            patient=self.patient,
            document=self.unique_id,
            confidentiality=self.confidentiality,
            kinds=self.kinds,
            author_institutions=self.institutions,
        )

    def digest(self) -> bytes:
        """Equal for what was told twice."""
        return sha256(f"{self.home} {self.entry_uuid} {self.xml}".encode()).digest()


def told(item: DocumentEntry | SubmissionSet, patient: str, home: str) -> Told:
    """An object as it was read, ready to be passed on as one of `home`."""
    known = replace(item, home_community_id=home, availability_status=item.availability_status or APPROVED)
    plain = Told(
        kind="submission_set",
        entry_uuid=item.entry_uuid,
        xml=render(known).decode(),
        patient=patient,
        unique_id=item.unique_id or "",
        home=home,
    )
    if isinstance(item, SubmissionSet):
        return plain
    one_each = (item.class_codes, item.type_codes, item.practice_setting_codes, item.healthcare_facility_type_codes)
    return replace(
        plain,
        kind="document",
        repository_unique_id=next(iter(item.repository_unique_id), ""),
        confidentiality=tuple((one.code, one.scheme or "") for one in item.confidentiality_codes),
        kinds=tuple((one.code, one.scheme or "") for codes in (*one_each, item.event_codes) for one in codes),
        institutions=tuple(_institutions(item)),
    )


def _institutions(item: DocumentEntry) -> Iterable[str]:
    for author in item.authors:
        for xon in author.institutions:
            parts = [*xon.split("^"), *[""] * 10]
            yield from (part for part in (parts[0], oid(parts[9])) if part)


def write_content(items: Iterable[Told]) -> str:
    """As it is kept while it waits."""
    return json.dumps([asdict(item) for item in items], ensure_ascii=False)


def read_content(text: str) -> list[Told]:
    """What `write_content` wrote."""

    def pairs(value: list[list[str]]) -> Codes:
        return tuple((code, scheme) for code, scheme in value)

    return [
        Told(
            **one
            | {
                "confidentiality": pairs(one["confidentiality"]),
                "kinds": pairs(one["kinds"]),
                "institutions": tuple(one["institutions"]),
            }
        )
        for one in json.loads(text)
    ]
