"""Metadata objects with hostile values: apostrophes, ampersands, carets, CJK, right to left, long, white space in titles."""

from __future__ import annotations

from hypothesis import strategies as st

from registry.ebrim.vocabulary import DOCUMENT_ENTRY, FOLDER, SUBMISSION_SET, Vocabulary
from registry.metadata.objects import (
    APND,
    APPROVED,
    DEPRECATED,
    HAS_MEMBER,
    RPLC,
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    LocalizedString,
    Slot,
    SubmissionSet,
)

HOSTILE = [
    "O'Hara",
    "a&b",
    "&amp;",
    "<rim:Value>",
    "]]>",
    "--><!--",
    '"quoted"',
    "P1^^^&1.2&ISO",
    "出院小结\uff1a肺炎 𠀀",
    "\u202e\u05e9\u05dc\u05d5\u05dd مرحبا\u202c",
    "\u3000full width blank\u3000",
    "x" * 256,
    "%_\\",
    "urn:uuid:",
    "\ufeff",
]
characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
texts = st.one_of(st.sampled_from(HOSTILE), st.text(characters, min_size=1, max_size=30))
# In element content the white space that an indented message has around a value does not belong to it.
slot_texts = texts.map(lambda text: text.strip(" \t\r\n")).filter(bool)
titles = st.one_of(texts, st.sampled_from([" leading", "line\nbreak", "tab\tand\rreturn", "trailing \n"]))
uuids = st.uuids(version=4).map(lambda value: value.urn)
ids = st.one_of(uuids, st.sampled_from(["Document01", "a-symbol", "文档", "id with blank", "x" * 40]))
values = st.lists(slot_texts, min_size=1, max_size=3).map(tuple)
maybe = st.one_of(st.just(()), values)

localized = st.builds(
    LocalizedString,
    value=titles,
    lang=st.sampled_from(["en-US", "zh-CN", "ar"]),
    charset=st.sampled_from(["UTF-8", "GB18030"]),
)
strings = st.lists(localized, max_size=2).map(tuple)
KNOWN = {row.name for table in (DOCUMENT_ENTRY, SUBMISSION_SET, FOLDER) for row in table.slots}
extra_slots = st.lists(
    st.builds(
        Slot,
        name=slot_texts.map(str.strip)
        .filter(lambda name: bool(name) and name not in KNOWN)
        .map(lambda name: f"urn:x:{name}"),
        values=values,
    ),
    max_size=2,
    unique_by=lambda slot: slot.name,
).map(tuple)
codes = st.builds(
    Code, code=texts, scheme=st.one_of(st.none(), slot_texts), display=strings, id=uuids, extra=extra_slots
)
many_codes = st.lists(codes, max_size=2).map(tuple)
authors = st.builds(
    Author,
    persons=maybe,
    institutions=maybe,
    roles=maybe,
    specialties=maybe,
    telecommunications=maybe,
    id=uuids,
    node_representation=st.just(""),
    extra=extra_slots,
)
many_authors = st.lists(authors, max_size=2).map(tuple)
optional = st.one_of(st.none(), texts)


def _parts(vocabulary: Vocabulary):
    schemes = [vocabulary.node] * bool(vocabulary.node) + [row.scheme for row in vocabulary.identifiers]
    return st.tuples(*[st.tuples(st.just(scheme), uuids) for scheme in schemes])


common = {
    "entry_uuid": ids,
    "home_community_id": optional,
    "availability_status": st.sampled_from([None, APPROVED, DEPRECATED]),
    "logical_id": st.one_of(st.none(), uuids),
    "version": st.sampled_from([None, "1", "27"]),
    "extra": extra_slots,
}
described = common | {"patient_id": texts, "unique_id": texts, "title": strings, "comments": strings}

document_entries = st.builds(
    DocumentEntry,
    **described,
    **{row.attribute: maybe for row in DOCUMENT_ENTRY.slots},
    **{row.attribute: many_codes for row in DOCUMENT_ENTRY.codes},
    object_type=optional,
    mime_type=optional,
    authors=many_authors,
    part_ids=_parts(DOCUMENT_ENTRY),
)
submission_sets = st.builds(
    SubmissionSet,
    **described,
    source_id=texts,
    submission_time=maybe,
    intended_recipient=maybe,
    content_type_codes=many_codes,
    authors=many_authors,
    part_ids=_parts(SUBMISSION_SET),
)
folders = st.builds(Folder, **described, last_update_time=maybe, codes=many_codes, part_ids=_parts(FOLDER))
associations = st.builds(
    Association,
    **(common | {"home_community_id": st.none()}),  # not written: the homes of its ends tell
    association_type=st.sampled_from([HAS_MEMBER, RPLC, APND]),
    source=ids,
    target=ids,
    submission_set_status=maybe,
    documentation=many_codes,
)
objects = st.one_of(document_entries, submission_sets, folders, associations)
