"""The whole story as files: which institution holds which document, in the order of the patient's way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.demo_content import cda, clinic, hospital, laboratory, pdf
from scripts.demo_content.people import CLINIC, HOSPITAL, LABORATORY, PATIENT

INSTITUTIONS: Final = (HOSPITAL, CLINIC, LABORATORY)
_TEXTS: Final[dict[str, Sequence[cda.ClinicalDocument]]] = {
    HOSPITAL.oid: hospital.DOCUMENTS,
    CLINIC.oid: clinic.DOCUMENTS,
    LABORATORY.oid: laboratory.DOCUMENTS,
}
_SHEETS: Final = {
    HOSPITAL.oid: ("medication-plan.pdf", hospital.SHEET_TITLE, hospital.SHEET),
    LABORATORY.oid: ("blood-count.pdf", laboratory.SHEET_TITLE, laboratory.SHEET),
}


def documents_of(institution: cda.Organization) -> dict[str, bytes]:
    """File name and content of every document that `institution` holds."""
    files = {
        f"{document.when[:8]}-{_file_word(document.code.display)}-{document.number.lower()}.xml": cda.render(
            document, PATIENT, institution
        )
        for document in _TEXTS[institution.oid]
    }
    if institution.oid in _SHEETS:
        name, title, lines = _SHEETS[institution.oid]
        files[name] = pdf.render(title, lines)
    return files


def _file_word(display: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in display.lower()).split())


def write(institution: cda.Organization, folder: Path) -> list[Path]:
    """Write the documents of one institution below `folder`, and return their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in documents_of(institution).items():
        path = folder / name
        path.write_bytes(content)
        paths.append(path)
    return sorted(paths)
