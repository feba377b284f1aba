"""The XDS metadata objects as plain values (ITI TF-3: 4.2.3).

An object holds what was submitted, also when it is wrong: `rules.py` says what is wrong with it, all at once.
So every attribute is text as it stood on the wire; None or an empty tuple means absent, nothing else.
"""

from __future__ import annotations

from registry.metadata.frozen import dataclass

STABLE_DOCUMENT = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
ON_DEMAND_DOCUMENT = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"

HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
RPLC = "urn:ihe:iti:2007:AssociationType:RPLC"
XFRM = "urn:ihe:iti:2007:AssociationType:XFRM"
APND = "urn:ihe:iti:2007:AssociationType:APND"
XFRM_RPLC = "urn:ihe:iti:2007:AssociationType:XFRM_RPLC"
SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
IS_SNAPSHOT_OF = "urn:ihe:iti:2010:AssociationType:IsSnapshotOf"
UPDATE_AVAILABILITY_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"
SUBMIT_ASSOCIATION = "urn:ihe:iti:2010:AssociationType:SubmitAssociation"

ONLINE = "urn:ihe:iti:2010:DocumentAvailability:Online"
OFFLINE = "urn:ihe:iti:2010:DocumentAvailability:Offline"

ORIGINAL = "Original"
REFERENCE = "Reference"

# The ids of an object's rim:ExternalIdentifiers and of its node rim:Classification, as (scheme or node, id).
# They mean nothing, but they are returned, so they are kept (ITI TF-2: 3.42.4.1.3.7).
PartIds = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalizedString:
    """One rim:LocalizedString of a Name or Description."""

    value: str
    lang: str = "en-US"
    charset: str = "UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One rim:Slot: a name and its values in order."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A coded attribute; equality of codes in queries is on (code, scheme), the display name is for people."""

    code: str
    scheme: str | None
    display: tuple[LocalizedString, ...] = ()
    id: str = ""  # Classification/@id as submitted
    extra: tuple[Slot, ...] = ()  # slots other than codingScheme


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """One author Classification (ITI TF-3: 4.2.3.1.4); values in their HL7 v2 form (XCN, XON, XTN)."""

    persons: tuple[str, ...] = ()  # at most one is valid
    institutions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    specialties: tuple[str, ...] = ()
    telecommunications: tuple[str, ...] = ()
    id: str = ""
    node_representation: str = ""  # must be empty
    extra: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEntry:
    """One rim:ExtrinsicObject (ITI TF-3: 4.2.3.2). Ids are UUID URNs, or symbolic in a submission."""

    entry_uuid: str
    object_type: str | None = STABLE_DOCUMENT
    mime_type: str | None = None
    home_community_id: str | None = None
    availability_status: str | None = None
    logical_id: str | None = None
    version: str | None = None

    patient_id: str | None = None
    unique_id: str | None = None
    class_codes: tuple[Code, ...] = ()  # exactly one is valid; so for every plural of a single-valued code
    type_codes: tuple[Code, ...] = ()
    format_codes: tuple[Code, ...] = ()
    healthcare_facility_type_codes: tuple[Code, ...] = ()
    practice_setting_codes: tuple[Code, ...] = ()
    confidentiality_codes: tuple[Code, ...] = ()
    event_codes: tuple[Code, ...] = ()
    authors: tuple[Author, ...] = ()

    title: tuple[LocalizedString, ...] = ()
    comments: tuple[LocalizedString, ...] = ()
    creation_time: tuple[str, ...] = ()  # slots hold all their values; one is valid for the single-valued
    hash: tuple[str, ...] = ()  # SHA-1, 40 hex digits
    size: tuple[str, ...] = ()  # octets, decimal
    language_code: tuple[str, ...] = ()
    legal_authenticator: tuple[str, ...] = ()
    reference_id_list: tuple[str, ...] = ()
    repository_unique_id: tuple[str, ...] = ()
    service_start_time: tuple[str, ...] = ()
    service_stop_time: tuple[str, ...] = ()
    source_patient_id: tuple[str, ...] = ()
    source_patient_info: tuple[str, ...] = ()
    uri: tuple[str, ...] = ()
    document_availability: tuple[str, ...] = ()
    limited_metadata: bool = False
    extra: tuple[Slot, ...] = ()  # every slot the standard does not name, in order
    part_ids: PartIds = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSet:
    """One rim:RegistryPackage classified as submission set (ITI TF-3: 4.2.3.3)."""

    entry_uuid: str
    home_community_id: str | None = None
    availability_status: str | None = None
    logical_id: str | None = None
    version: str | None = None
    patient_id: str | None = None
    unique_id: str | None = None
    source_id: str | None = None
    content_type_codes: tuple[Code, ...] = ()
    authors: tuple[Author, ...] = ()
    title: tuple[LocalizedString, ...] = ()
    comments: tuple[LocalizedString, ...] = ()
    submission_time: tuple[str, ...] = ()
    intended_recipient: tuple[str, ...] = ()
    limited_metadata: bool = False
    extra: tuple[Slot, ...] = ()
    part_ids: PartIds = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One rim:RegistryPackage classified as folder (ITI TF-3: 4.2.3.4)."""

    entry_uuid: str
    home_community_id: str | None = None
    availability_status: str | None = None
    logical_id: str | None = None
    version: str | None = None
    patient_id: str | None = None
    unique_id: str | None = None
    codes: tuple[Code, ...] = ()
    title: tuple[LocalizedString, ...] = ()
    comments: tuple[LocalizedString, ...] = ()
    last_update_time: tuple[str, ...] = ()
    limited_metadata: bool = False
    extra: tuple[Slot, ...] = ()
    part_ids: PartIds = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """One rim:Association (ITI TF-3: 4.2.2)."""

    entry_uuid: str
    association_type: str
    source: str  # sourceObject
    target: str  # targetObject
    home_community_id: str | None = None
    availability_status: str | None = None
    logical_id: str | None = None
    version: str | None = None
    submission_set_status: tuple[str, ...] = ()
    documentation: tuple[Code, ...] = ()  # at most one, only on relationships
    extra: tuple[Slot, ...] = ()


RegistryObject = DocumentEntry | SubmissionSet | Folder | Association
