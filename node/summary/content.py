"""A summary before it is written: what it says, where each part comes from. Pure.

Nothing is merged: each excerpt stands under the document that it is from. What a section does not say is never
"none known".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from registry.metadata.values import readable_dtm

# Sections that are excerpted, in the order in which they are shown: LOINC code, title. Source: content-wire 2.6.
SECTIONS: Final = {
    "48765-2": "Allergies and intolerances",
    "11450-4": "Problems",
    "10160-0": "Medications",
    "10183-2": "Medications at discharge",
    "11535-2": "Diagnoses at discharge",
    "8648-8": "Hospital course",
    "11369-6": "Immunizations",
    "47519-4": "Procedures",
    "30954-2": "Results",
    "26436-6": "Laboratory results",
    "8716-3": "Vital signs",
    "51848-0": "Assessment",
    "18776-5": "Plan of care",
}
NOTE: Final = ""  # the text of a document that has no sections
TITLES: Final = {**SECTIONS, NOTE: "Notes"}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text; its lines are separated by line feeds."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list; each item is blocks of its own."""

    items: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; `heads` is how many of the first rows are headings."""

    rows: tuple[tuple[str, ...], ...]
    heads: int = 0


Block = Paragraph | Bullets | Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """What one document says in one kind of section."""

    kind: str  # LOINC code, or `NOTE`
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One document, as it is named; `remark` says why nothing of its text is in the summary."""

    unique_id: str
    repository: str
    title: str
    institution: str
    created: str  # DTM, UTC
    mime_type: str
    excerpts: tuple[Excerpt, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Who it is about. Name, birth and sex are as the newest document that says so."""

    identifier: str
    authority: str  # OID
    family: str = ""
    given: str = ""
    born: str = ""  # digits
    sex: str = ""  # HL7 v2 table 0001


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything a written summary is made of. `institution` and `home` (OID) are those of the node that makes it."""

    patient: Patient
    institution: str
    home: str
    sources: tuple[Source, ...]  # newest first

    @property
    def as_of(self) -> str:
        """When the newest document was made; "" without any. So the same documents give the same bytes."""
        return max((source.created for source in self.sources), default="")

    def sections(self) -> list[tuple[str, str, list[tuple[Source, Excerpt]]]]:
        """Kind, title and excerpts, newest first; kinds that no document has are left out."""
        found = []
        for kind, title in TITLES.items():
            excerpts = [(source, one) for source in self.sources for one in source.excerpts if one.kind == kind]
            if excerpts:
                found.append((kind, title, excerpts))
        return found


STATEMENT: Final = (
    "Compiled by software from documents that whoever asked may see, at one institution. Nobody has reviewed it. "
    "What is not written here may stand in documents that are not shown, or at other institutions."
)


def provenance(source: Source) -> str:
    """Where an excerpt is from, in one line."""
    return f"{source.title}, {source.institution}, {readable_dtm(source.created)}, document {source.unique_id}"
