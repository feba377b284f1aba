"""Which documents a summary is made of: the newest that whoever asks may see, with what this node holds of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.access import Access
from node.exchange import Exchange
from node.summary.content import Patient, Source, Summary
from node.summary.excerpts import clean, excerpts
from registry.document_registry import RegisteredDocument
from registry.metadata.values import Cx
from repository.errors import BlobDamaged
from repository.store.catalogue import StoredDocument

_MOST_BYTES: Final = 1 << 20  # of one document that is read
_READ: Final = ("xml", "text/plain")


@dataclass(frozen=True, slots=True)
class Found:
    """One document: how it is named, its entry, and its bytes where they are read."""

    source: Source
    entry: RegisteredDocument
    stored: StoredDocument | None = None
    frames: Iterator[bytes] | None = None


def gather(entry: RegisteredDocument, view: Access, exchange: Exchange, most: int) -> tuple[Summary, list[Found]]:
    """What there is to say about the patient of `entry`; `read` then adds the excerpts."""
    actors = exchange.actors
    newest = actors.registry.newest(entry.patient_id, most, view.sees, view.judge)
    found = [_found(one, exchange) for one in newest]
    return Summary(
        patient=_patient(entry.patient_id, newest, exchange),
        institution=clean(actors.own.name),
        home=actors.own.home.removeprefix("urn:oid:"),
        sources=tuple(one.source for one in found),
    ), found


def _found(entry: RegisteredDocument, exchange: Exchange) -> Found:
    actors = exchange.actors
    authors = actors.registry.author_institutions(entry.id)
    source = Source(
        unique_id=entry.unique_id,
        repository=entry.repository_unique_id,
        title=clean(" ".join(entry.title.split())) or entry.mime_type,
        institution=clean(authors[0].partition("^")[0]) if authors else clean(actors.own.name),
        created=entry.creation_time,
        mime_type=entry.mime_type,
    )
    if entry.repository_unique_id != actors.own.repository_unique_id:
        return Found(replace(source, remark="held by another repository; not read"), entry)
    stored = actors.repository.locate(entry.unique_id)
    if stored is None:
        return Found(replace(source, remark="not available"), entry)
    if not any(kind in entry.mime_type.lower() for kind in _READ):
        return Found(replace(source, remark="not text; see the document"), entry)
    if stored.size > _MOST_BYTES:
        return Found(replace(source, remark="too large to be read; see the document"), entry)
    try:
        return Found(source, entry, stored, actors.repository.open(stored).frames())
    except BlobDamaged:
        actors.damages.found(stored, exchange.incident)
        return Found(replace(source, remark="damaged; it cannot be read"), entry)


def read(summary: Summary, found: Sequence[Found], exchange: Exchange) -> Summary:
    """The summary with what its documents say. Blocking for some milliseconds for each document."""
    return replace(summary, sources=tuple(_read(one, exchange) for one in found))


def _read(one: Found, exchange: Exchange) -> Source:
    if one.frames is None or one.stored is None:
        return one.source
    try:
        parts = excerpts(b"".join(one.frames), one.source.mime_type)
    except BlobDamaged:
        exchange.actors.damages.found(one.stored, exchange.incident)
        return replace(one.source, remark="damaged; it cannot be read")
    return replace(one.source, excerpts=parts, remark="" if parts else "nothing of it is excerpted; see the document")


def _patient(identifier: str, documents: Sequence[RegisteredDocument], exchange: Exchange) -> Patient:
    """Who it is about: what the newest document says of the person, which whoever asks may see."""
    cx = Cx.parse(identifier)
    number, authority = (cx.id, cx.authority) if cx else (identifier, "")
    for document in documents:
        info = [value.partition("|") for value in exchange.actors.registry.patient_info(document.id)]
        fields = {name: clean(value.partition("~")[0]) for name, _, value in info}
        if fields.get("PID-5"):
            family, given, *_ = [*fields["PID-5"].split("^"), "", ""]
            born = fields.get("PID-7", "").partition("^")[0][:8]
            return Patient(
                identifier=number,
                authority=authority,
                family=family.partition("&")[0],
                given=given,
                born=born if born.isdecimal() else "",
                sex=fields.get("PID-8", "")[:1],
            )
    return Patient(identifier=number, authority=authority)
