"""A document that is about to be published: what its file says, what somebody has to add, what is wrong. Pure.

The order of sources is: the header of a CDA document, the file, the person who publishes, the institution's [submit].
Each value says where it comes from. Codes are of one cause each (ui 4.i).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from node.configuration.readers import Coded
from node.cx import escaped
from node.documents import cda_header, xml_documents
from node.documents.cda_header import CLINICAL_DOCUMENT
from node.documents.submission_builder import FileFacts, Source, Wishes, build, mime_type
from node.web.items import Item
from node.web.sessions import Person
from node.web.uploads import Upload
from registry.metadata.affinity_domain import AffinityDomain, AllowedCode, default_toml
from registry.metadata.objects import Author
from registry.metadata.submission import Submission
from registry.metadata.values import is_dtm

ACCEPTED: Final = frozenset({"text/xml", "application/pdf", "image/jpeg", "image/png", "image/tiff", "text/plain"})
UUIDS: Final = 8  # random numbers that a submission takes at most
WAITS: Final = 30 * 60.0  # seconds that a file waits to be published
_LEVELS: Final[Mapping[str, str]] = {"N": "normal", "R": "restricted", "V": "very restricted"}
LEVELS: Final = tuple(_LEVELS)
_CONFIDENTIALITY: Final = "2.16.840.1.113883.5.25"
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_HEAD: Final = 4096

PROBLEMS: Final[Mapping[str, str]] = {
    "PUB-13": "The PDF is damaged or locked: it cannot be drawn.",
    "PUB-14": "The file is empty.",
    "PUB-15": "The XML cannot be read: it is not well-formed, or holds what no document of a patient needs.",
    "PUB-16": "This XML is no clinical document (CDA).",
    "PUB-17": "Files of this kind are not published here: CDA, PDF, JPEG, PNG, TIFF and plain text are.",
    "PUB-18": "The same content is published here already.",
    "PUB-21": "The file is too large: 50 MB at most.",
    "PUB-23": "The document is about another patient.",
}
"""What is wrong, by code; a code is never used for a second cause."""


class Whose(StrEnum):
    """What a file says of its patient."""

    SAME = "same"
    ANOTHER = "another"
    NOT_SAID = "not said"


@dataclass(slots=True, kw_only=True)
class Draft:
    """One file of one patient, not published yet. `numbers` make its ids, the same however often it is sent.

    `said` is what was typed, `stated` how often; `good` whether it can be taken, so that it is shown and published.
    `replaces` is the entryUUID of the document of which the file says that it is a new version, `former` the title of
    the one that was chosen; `published` the log entry of its publication.
    """

    handle: str
    upload: Upload
    facts: FileFacts
    whose: Whose
    until: float  # seconds of the sessions' clock
    problem: str = ""
    numbers: tuple[int, ...] = ()
    replaces: str = ""
    former: str = ""
    published: str = ""
    stated: int = 0
    good: bool = False
    said: dict[str, str] = field(default_factory=dict)
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)  # a second click waits for what the first one did

    def close(self) -> None:
        """Forget the file."""
        self.upload.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One field of the form, and where its value comes from; a required one without a value has to be filled in."""

    name: str
    value: str
    source: str
    missing: bool = False


def facts_of(upload: Upload, today: str) -> tuple[FileFacts, str]:
    """What the file is, and the code of what is wrong with it, "" for nothing."""
    content = upload.content if not upload.problem else b""
    mime = mime_type(upload.name, content[:_HEAD])
    header = None
    problem = upload.problem
    if not problem and mime not in ACCEPTED:
        problem = "PUB-17"
    elif not problem and mime == "text/xml":
        root = xml_documents.read(content)
        if root is None or root.tag != CLINICAL_DOCUMENT:
            problem = "PUB-15" if root is None else "PUB-16"
        else:
            header = cda_header.read(root)
    facts = FileFacts(
        name=upload.name or "document",
        mime_type=mime,
        size=upload.size,
        sha1=upload.sha1,
        modified=today,
        header=header,
    )
    return facts, problem


def whose(facts: FileFacts, person: Person, authority: str) -> Whose:
    """Whether the file is about this patient: by a number of the own authority, else by name and date of birth."""
    header = facts.header
    if header is None:
        return Whose.NOT_SAID
    number, _, _ = person.cx.partition("^")
    own = [cx.partition("^")[0] for cx in header.source_patient_ids if f"&{authority}&" in cx]
    if own:
        return Whose.SAME if number in own else Whose.ANOTHER
    info = dict(one.split("|", 1) for one in header.source_patient_info if "|" in one)
    born = info.get("PID-7", "")[:8]
    if born and person.birth and not (born.startswith(person.birth[:8]) or person.birth.startswith(born)):
        return Whose.ANOTHER
    name = " ".join(info.get("PID-5", "").replace("^", " ").casefold().split())
    if born and person.birth and name and person.name:
        words = {word for word in re.split(r"\W+", person.name.casefold()) if word}
        return Whose.SAME if words & set(name.split()) else Whose.ANOTHER
    return Whose.NOT_SAID


def kinds(domain: AffinityDomain) -> Sequence[AllowedCode]:
    """Kinds of documents to choose from: those of this affinity domain, else those that are shipped."""
    return domain.codes("typeCode") or AffinityDomain.from_toml(default_toml()).codes("typeCode")


def values(draft: Draft, author: str, source: Source) -> dict[str, Value]:
    """Every field of the form with its value; what was typed already stands before what the file says."""
    header = draft.facts.header or cda_header.CdaHeader()
    coded = header.type_code
    known = coded if coded and source.accepts("typeCode", coded.code, coded.scheme) else None
    writer = _written(header.authors) if header.authors else ""
    level = header.confidentiality_code.code if header.confidentiality_code else ""
    derived = {
        "kind": (f"{known.code}^{known.scheme}" if known else "", "document"),
        "title": (header.title, "document")
        if header.title
        else (draft.facts.name.rpartition(".")[0][:128], "file name"),
        "author": (writer, "document") if writer else (author, "you"),
        "start": (_shown(header.service_start_time or header.creation_time), "document"),
        "stop": (_shown(header.service_stop_time), "document"),
        "language": (header.language_code, "document")
        if header.language_code
        else (source.defaults.language_code, "institution"),
        "level": (level, "document") if level in LEVELS else (source.defaults.confidentiality_code.code, "institution"),
    }
    found = {}
    for name, (value, where) in derived.items():
        typed = draft.said.get(name)
        changed = typed is not None and typed != value
        found[name] = Value(
            name=name,
            value=typed if typed is not None else value,
            source="you" if changed else where if value else "",
            missing=name in ("kind", "title", "author", "start") and not (typed if typed is not None else value),
        )
    return found


def wrong(said: Mapping[str, str], domain: AffinityDomain) -> list[str]:
    """Names of fields whose values cannot be taken."""
    known = {f"{one.code}^{one.scheme}" for one in kinds(domain)}
    kind, _, scheme = said.get("kind", "").partition("^")
    checks = {
        "kind": said.get("kind", "") in known
        or (bool(kind) and domain.accepts("typeCode", kind, scheme) and bool(scheme)),
        "title": 0 < len(said.get("title", "").strip()) <= 128,
        "author": 0 < len(said.get("author", "").strip()) <= 120,
        "start": bool(_dtm(said.get("start", ""))),
        "stop": not said.get("stop", "").strip() or _dtm(said.get("stop", "")) >= _dtm(said.get("start", "")) != "",
        "language": bool(_LANGUAGE.fullmatch(said.get("language", "").strip())),
        "level": said.get("level", "") in LEVELS,
    }
    return [name for name, good in checks.items() if not good]


def submission(draft: Draft, patient: str, source: Source, domain: AffinityDomain, by: Author, now: str) -> Submission:
    """The submission as it is sent, with the same ids however often it is made.

    `by` is who publishes, as author: their roles stand beside their name where it is they who wrote it.
    """
    said = {name: value.strip() for name, value in draft.said.items()}
    header = draft.facts.header or cda_header.CdaHeader()
    code, _, scheme = said["kind"].partition("^")
    names = {f"{one.code}^{one.scheme}": one.names.get("en", one.code) for one in kinds(domain)}
    of_file = header.type_code
    shown = of_file.display if of_file and (of_file.code, of_file.scheme) == (code, scheme) else names.get(said["kind"])
    authors = header.authors
    if not authors or _written(authors) != said["author"]:
        person = f"^{escaped(said['author'])}"
        own = by.persons == (person,)
        authors = (Author(persons=(person,), institutions=by.institutions, roles=by.roles if own else ()),)
    decided = replace(
        header,
        type_code=Coded(code, scheme, shown or code),
        confidentiality_code=Coded(said["level"], _CONFIDENTIALITY, _LEVELS[said["level"]]),
        language_code=said["language"],
        service_start_time=_dtm(said["start"]),
        service_stop_time=_dtm(said.get("stop", "")),
        authors=authors,
    )
    wishes = Wishes(patient=patient, title=said["title"], replaces=said.get("replaces", ""))
    facts = replace(draft.facts, header=decided)
    return build(facts, wishes, source, now=now, new_uuid=iter(draft.numbers).__next__)


def version_of(header_replaces: Sequence[str], own: Sequence[Item]) -> str:
    """EntryUUID of the own document that a CDA says it replaces, by its number or the id it came with; "" for none."""
    for item in own:
        known = {item.entry.unique_id, *(one.partition("^")[0] for one in item.entry.reference_id_list)}
        if known & set(header_replaces):
            return item.entry.entry_uuid
    return ""


def _written(authors: Sequence[Author]) -> str:
    for author in authors:
        for one in author.persons:
            parts = (one.split("^") + [""] * 6)[:6]
            return " ".join(part for part in (parts[5], parts[2], parts[1]) if part) or parts[0]
    return ""


def _shown(dtm: str) -> str:
    """A DTM as a date that can be typed: 2026-11-22."""
    return "-".join(part for part in (dtm[:4], dtm[4:6], dtm[6:8]) if part)


def _dtm(date: str) -> str:
    """What was typed as DTM; "" for what is no date."""
    digits = date.strip().replace("-", "")
    return digits if len(digits) in (4, 6, 8) and is_dtm(digits) else ""
