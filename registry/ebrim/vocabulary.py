"""Which XDS attribute stands where in ebRIM (ITI TF-3: Tables 4.2.3.2-1, 4.2.3.3-1, 4.2.3.4-1).

One table for each object, read in both directions: by the reader from slot name or scheme to attribute, by the writer
from attribute to slot name or scheme, and by the rules for the name that people know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

RIM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
RS: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
LCM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
QUERY: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"

_OBJECT_TYPE: Final = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:"
CLASSIFICATION_TYPE: Final = _OBJECT_TYPE + "Classification"
EXTERNAL_IDENTIFIER_TYPE: Final = _OBJECT_TYPE + "ExternalIdentifier"
REGISTRY_PACKAGE_TYPE: Final = _OBJECT_TYPE + "RegistryPackage"
ASSOCIATION_TYPE: Final = _OBJECT_TYPE + "Association"

CODING_SCHEME: Final = "codingScheme"


@dataclass(frozen=True, slots=True)
class SlotRow:
    """An attribute held by a rim:Slot."""

    attribute: str
    name: str


@dataclass(frozen=True, slots=True)
class CodeRow:
    """A coded attribute held by rim:Classifications of one scheme; `name` is the attribute's IHE name."""

    attribute: str
    name: str
    scheme: str


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """An attribute held by a rim:ExternalIdentifier; `name` is the fixed text of its rim:Name."""

    attribute: str
    name: str
    scheme: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything that tells one kind of object from ebRIM in general; the three dicts are the way back."""

    name: str
    slots: tuple[SlotRow, ...] = ()
    codes: tuple[CodeRow, ...] = ()
    identifiers: tuple[IdentifierRow, ...] = ()
    author: str = ""  # classificationScheme of author
    node: str = ""  # classificationNode that makes a RegistryPackage this kind of object
    limited_metadata: str = ""  # classificationNode of the limitedMetadata flag
    slot_attributes: dict[str, str] = field(init=False)
    code_attributes: dict[str, str] = field(init=False)
    identifier_attributes: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slot_attributes", {row.name: row.attribute for row in self.slots})
        object.__setattr__(self, "code_attributes", {row.scheme: row.attribute for row in self.codes})
        object.__setattr__(self, "identifier_attributes", {row.scheme: row.attribute for row in self.identifiers})


DOCUMENT_ENTRY: Final = Vocabulary(
    name="XDSDocumentEntry",
    slots=(
        SlotRow("creation_time", "creationTime"),
        SlotRow("hash", "hash"),
        SlotRow("size", "size"),
        SlotRow("language_code", "languageCode"),
        SlotRow("legal_authenticator", "legalAuthenticator"),
        SlotRow("reference_id_list", "urn:ihe:iti:xds:2013:referenceIdList"),
        SlotRow("repository_unique_id", "repositoryUniqueId"),
        SlotRow("service_start_time", "serviceStartTime"),
        SlotRow("service_stop_time", "serviceStopTime"),
        SlotRow("source_patient_id", "sourcePatientId"),
        SlotRow("source_patient_info", "sourcePatientInfo"),
        SlotRow("uri", "URI"),
        SlotRow("document_availability", "documentAvailability"),
    ),
    codes=(
        CodeRow("class_codes", "classCode", "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"),
        CodeRow("confidentiality_codes", "confidentialityCode", "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"),
        CodeRow("event_codes", "eventCodeList", "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"),
        CodeRow("format_codes", "formatCode", "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"),
        CodeRow(
            "healthcare_facility_type_codes",
            "healthcareFacilityTypeCode",
            "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
        ),
        CodeRow("practice_setting_codes", "practiceSettingCode", "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"),
        CodeRow("type_codes", "typeCode", "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"),
    ),
    identifiers=(
        IdentifierRow("patient_id", "XDSDocumentEntry.patientId", "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"),
        IdentifierRow("unique_id", "XDSDocumentEntry.uniqueId", "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"),
    ),
    author="urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d",
    limited_metadata="urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85",
)

SUBMISSION_SET: Final = Vocabulary(
    name="XDSSubmissionSet",
    slots=(
        SlotRow("submission_time", "submissionTime"),
        SlotRow("intended_recipient", "intendedRecipient"),
    ),
    codes=(CodeRow("content_type_codes", "contentTypeCode", "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"),),
    identifiers=(
        IdentifierRow("patient_id", "XDSSubmissionSet.patientId", "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"),
        IdentifierRow("source_id", "XDSSubmissionSet.sourceId", "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"),
        IdentifierRow("unique_id", "XDSSubmissionSet.uniqueId", "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"),
    ),
    author="urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d",
    node="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
    limited_metadata="urn:uuid:5003a9db-8d8d-49e6-bf0c-990e34ac7707",
)

FOLDER: Final = Vocabulary(
    name="XDSFolder",
    slots=(SlotRow("last_update_time", "lastUpdateTime"),),
    codes=(CodeRow("codes", "codeList", "urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5"),),
    identifiers=(
        IdentifierRow("patient_id", "XDSFolder.patientId", "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a"),
        IdentifierRow("unique_id", "XDSFolder.uniqueId", "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a"),
    ),
    node="urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2",
    limited_metadata="urn:uuid:2c144a76-29a9-4b7c-af54-b25409fe7d03",
)

ASSOCIATION: Final = Vocabulary(
    name="Association",
    slots=(SlotRow("submission_set_status", "SubmissionSetStatus"),),
    codes=(CodeRow("documentation", "documentation", "urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3"),),
)

AUTHOR: Final = Vocabulary(
    name="author",
    slots=(
        SlotRow("persons", "authorPerson"),
        SlotRow("institutions", "authorInstitution"),
        SlotRow("roles", "authorRole"),
        SlotRow("specialties", "authorSpecialty"),
        SlotRow("telecommunications", "authorTelecommunication"),
    ),
)
