"""What is pushed to another institution (XDR): registered entries as a submission of their own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from node.cx import escaped
from registry.metadata.objects import (
    HAS_MEMBER,
    ORIGINAL,
    Association,
    Author,
    Code,
    DocumentEntry,
    LocalizedString,
    SubmissionSet,
)
from registry.metadata.submission import Submission
from registry.patients.demographics import Demographics
from trust.communities import Community

_SEXES = {"M": "M", "F": "F", "UN": "O"}
_CONTENT: tuple[str, str, str] = ("34133-9", "2.16.840.1.113883.6.1", "Summary of episode note")


def pushed(
    entries: Sequence[DocumentEntry],
    recipient: Community,
    *,
    patient: str,
    author: Author,
    source_id: str,
    now: str,
    new_uuid: Callable[[], int],
) -> Submission:
    """A submission of these entries to a Document Recipient.

    What belongs to the registry here (ids, version, home, repository) stays here; uniqueId, hash and all that describes
    the document goes along.

    Args:
        entries: as they are registered.
        recipient: who gets it, the intendedRecipient.
        patient: CX.
        author: who pushes.
        source_id: OID of this node.
        now: 14 digits, UTC.
        new_uuid: 128 bits of a random UUID as an integer.
    """
    code, scheme, display = _CONTENT
    own = SubmissionSet(
        entry_uuid="SubmissionSet01",
        patient_id=patient,
        unique_id=f"2.25.{new_uuid()}",
        source_id=source_id,
        content_type_codes=(Code(code=code, scheme=scheme, display=(LocalizedString(value=display),)),),
        authors=(author,),
        submission_time=(now,),
        intended_recipient=(f"{escaped(recipient.name)}^^^^^^^^^{recipient.home.removeprefix('urn:oid:')}",),
    )
    documents = tuple(_document(entry, number, patient) for number, entry in enumerate(entries, start=1))
    members = tuple(_member(own, entry, number) for number, entry in enumerate(documents, start=1))
    return Submission(submission_sets=(own,), documents=documents, associations=members)


def _document(entry: DocumentEntry, number: int, patient: str) -> DocumentEntry:
    return replace(
        entry,
        entry_uuid=f"Document{number:02d}",
        patient_id=patient,
        home_community_id=None,
        availability_status=None,
        logical_id=None,
        version=None,
        repository_unique_id=(),
        part_ids=(),
    )


def described(entry: DocumentEntry, person: Demographics) -> DocumentEntry:
    """An entry that says who its patient is, so that the recipient can tell whose it is.

    Where it says nothing: name, date of birth and sex as fields of a PID segment (ITI TF-3: 4.2.3.2.23).
    """
    if entry.source_patient_info:
        return entry
    found = []
    if person.names:
        name = person.names[0]
        found.append(f"PID-5|{escaped(name.family)}^{escaped(' '.join(name.given))}^^^")
    if person.birth_date:
        found.append(f"PID-7|{person.birth_date.value}")
    if person.sex in _SEXES:
        found.append(f"PID-8|{_SEXES[person.sex]}")
    return replace(entry, source_patient_info=tuple(found))


def _member(own: SubmissionSet, entry: DocumentEntry, number: int) -> Association:
    return Association(
        entry_uuid=f"Contains{number:02d}",
        association_type=HAS_MEMBER,
        source=own.entry_uuid,
        target=entry.entry_uuid,
        submission_set_status=(ORIGINAL,),
    )
