"""What `find` and `fetch` show of a document and of what went wrong, with institutions by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from node.outcome_words import ANSWERED, Outcome, Word
from node.sources import Identity, fold
from registry.errors import RegistryError
from registry.metadata.objects import APPROVED, ON_DEMAND_DOCUMENT, Code, DocumentEntry
from registry.metadata.values import is_size, readable_dtm

_EXTENSIONS = {
    "text/xml": ".xml",
    "text/plain": ".txt",
    "text/html": ".html",
    "application/pdf": ".pdf",
    "application/dicom": ".dcm",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "application/fhir+json": ".json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One document as it is shown and fetched."""

    institution: str
    home: str
    repository: str
    unique_id: str
    entry_uuid: str
    title: str
    type: str
    created: str
    mime_type: str
    size: str
    sha1: str
    deprecated: bool
    on_demand: bool = False  # made when it is fetched
    also: tuple[str, ...] = ()  # other institutions that hold the same document
    contradicted: bool = False  # another institution has other content under this uniqueId

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "institution": self.institution,
            "home_community_id": self.home,
            "repository_unique_id": self.repository,
            "unique_id": self.unique_id,
            "entry_uuid": self.entry_uuid,
            "title": self.title,
            "type": self.type,
            "creation_time": self.created,
            "mime_type": self.mime_type,
            "size": int(self.size) if is_size(self.size) else None,
            "hash": self.sha1,
            "on_demand": self.on_demand,
            "status": "Deprecated" if self.deprecated else "Approved",
            "also_at": list(self.also),
            "contradicted": self.contradicted,
        }

    def row(self) -> tuple[str, ...]:
        """Institution, home, repository, uniqueId, what, when."""
        what = self.title or self.type
        note = " (replaced)" if self.deprecated else ""
        note += " (made when it is fetched)" if self.on_demand else ""
        note += f" (also at {', '.join(self.also)})" if self.also else ""
        note += " (another institution has other content under this uniqueId)" if self.contradicted else ""
        return self.institution, self.home, self.repository, self.unique_id, what + note, readable_dtm(self.created)

    def file_name(self) -> str:
        """A name for its file: the uniqueId reduced to harmless characters, never a path."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", self.unique_id).strip("._") or "document"
        return plain[:120] + _EXTENSIONS.get(self.mime_type.partition(";")[0].strip().lower(), ".bin")


def listed(entries: Sequence[DocumentEntry], names: Mapping[str, str], own_home: str) -> list[Listed]:
    """Documents in the order of time, newest first, each once; `names` leads from homeCommunityId to institution."""
    items = [_listed(entry, names, own_home) for entry in entries]
    found = [
        replace(
            one.first,
            also=tuple(dict.fromkeys(item.institution for item in one.others if item.home != one.first.home)),
            contradicted=one.contradicted,
        )
        for one in fold(items, lambda item: Identity(item.unique_id, item.sha1, item.home), own_home=own_home)
    ]
    return sorted(found, key=lambda item: (item.created, item.unique_id), reverse=True)


def _listed(entry: DocumentEntry, names: Mapping[str, str], own_home: str) -> Listed:
    home = entry.home_community_id or own_home
    return Listed(
        institution=names.get(home, home),
        home=home,
        repository=_one(entry.repository_unique_id),
        unique_id=entry.unique_id or "",
        entry_uuid=entry.entry_uuid,
        title=" ".join(entry.title[0].value.split()) if entry.title else "",
        type=_display(entry.type_codes),
        created=_one(entry.creation_time),
        mime_type=entry.mime_type or "",
        size=_one(entry.size),
        sha1=_one(entry.hash).lower(),
        deprecated=entry.availability_status not in (None, APPROVED),
        on_demand=entry.object_type == ON_DEMAND_DOCUMENT,
    )


def explained(error: RegistryError, names: Mapping[str, str]) -> str:
    """One error of an answer, with the institution it comes from by name."""
    where = names.get(error.location, error.location)
    return f"{error.code}: {'' if error.context.startswith(where) else where + ': '}{error.context}"


def missing(outcomes: Sequence[Outcome]) -> list[str]:
    """What may be missing, in sentences; empty when no other institution was asked."""
    silent = [one for one in outcomes if one.word not in ANSWERED]
    sentences = [
        f"{len(outcomes) - len(silent)} of {len(outcomes)} other institutions answered."
        if silent
        else f"All {len(outcomes)} other institutions answered; others than these were not asked."
    ]
    sentences += [f"What {one.name} holds is missing: {one.text()}." for one in silent]
    sentences += [f"{one.name} may hold more: {one.text()}." for one in outcomes if one.word is Word.REFUSED]
    sentences += [f"{one.name} may hold more: its answer is incomplete." for one in outcomes if one.incomplete]
    return sentences if outcomes else []


def _display(codes: Sequence[Code]) -> str:
    if not codes:
        return ""
    return codes[0].display[0].value if codes[0].display else codes[0].code


def _one(values: Sequence[str]) -> str:
    return values[0] if values else ""
