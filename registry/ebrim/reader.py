"""ebRS and ebRIM messages -> values: submissions, stored queries, answers (ITI TF-3: 4.2; ITI TF-2: 3.18.4).

Elements come in already parsed. Metadata that is wrong never raises: it is read as far as it goes, and what is wrong
with it is noted beside it. Answers of peers are read leniently: what is absent is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from registry.ebrim.elements import (
    ADHOC_QUERY,
    ASSOCIATION,
    CLASSIFICATION,
    EXTERNAL_IDENTIFIER,
    EXTRINSIC_OBJECT,
    OBJECT_REF,
    OBJECT_REF_LIST,
    REGISTRY_ERROR,
    REGISTRY_ERROR_LIST,
    REGISTRY_OBJECT_LIST,
    REGISTRY_PACKAGE,
    REGISTRY_RESPONSE,
    RESPONSE_OPTION,
    SLOT,
    SUBMIT_OBJECTS_REQUEST,
    fault,
    is_annotation,
    slot_of,
    values_of,
)
from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.ebrim.object_reader import (
    read_association,
    read_document_entry,
    read_folder,
    read_submission_set,
)
from registry.ebrim.tolerances import Faults, Tolerance
from registry.ebrim.vocabulary import DOCUMENT_ENTRY, FOLDER, SUBMISSION_SET
from registry.errors import RegistryError, Severity
from registry.metadata.objects import ON_DEMAND_DOCUMENT, Association, DocumentEntry, Folder, Slot, SubmissionSet
from registry.metadata.submission import Submission
from registry.metadata.values import shown

_DELETE_ALL: Final = "urn:oasis:names:tc:ebxml-regrep:DeletionScopeType:DeleteAll"
_NO_SIBLINGS: Final[list[etree._Element]] = []


# --- submissions ----------------------------------------------------------------------------------------------------


def read_submission(request: etree._Element) -> tuple[Submission, Faults]:
    """Read lcm:SubmitObjectsRequest: the objects as they stand, and the faults that an object cannot hold.

    Each fault has the object's id as its location. Beside the faults is noted what was tolerated.

    Source: ITI TF-3: 4.2.1.4
    """
    faults = Faults()
    if request.tag != SUBMIT_OBJECTS_REQUEST:
        fault(faults, "", f"{shown(request.tag)} is not lcm:SubmitObjectsRequest")
    lists = list(request.iterchildren(REGISTRY_OBJECT_LIST))
    if len(lists) != 1:
        fault(faults, "", f"SubmitObjectsRequest has {len(lists)} RegistryObjectList instead of one")
    objects, siblings = _sorted_out(lists, faults)
    documents: list[DocumentEntry] = []
    associations: list[Association] = []
    packages: list[SubmissionSet | Folder] = []
    for element in objects:
        beside = siblings.pop(element.get("id") or "", _NO_SIBLINGS)
        tag = element.tag
        if tag == EXTRINSIC_OBJECT:
            documents.append(read_document_entry(element, beside, faults))
        elif tag == ASSOCIATION:
            associations.append(read_association(element, beside, faults))
        else:
            packages.append(_package(element, beside, faults))
    _note_statuses(packages, associations, faults)
    for reference in siblings:
        fault(faults, reference, f"a Classification of {shown(reference)}, which is not in this submission")
    submission = Submission(
        submission_sets=tuple([package for package in packages if isinstance(package, SubmissionSet)]),
        documents=tuple(documents),
        folders=tuple([package for package in packages if isinstance(package, Folder)]),
        associations=tuple(associations),
    )
    return submission, faults


def _note_statuses(packages: list[SubmissionSet | Folder], associations: list[Association], faults: Faults) -> None:
    """SubmissionSetStatus belongs to the membership of a document in a submission set (ITI TF-3: 4.2.2.1.1)."""
    sets = {item.entry_uuid for item in packages if isinstance(item, SubmissionSet)}
    others = {item.entry_uuid for item in (*packages, *associations)}
    for item in associations:
        if item.submission_set_status and (item.source not in sets or item.target in others):
            faults.tolerated.add(Tolerance.MEMBERSHIP_STATUS)


def _sorted_out(
    lists: list[etree._Element], faults: Faults
) -> tuple[list[etree._Element], dict[str, list[etree._Element]]]:
    """The objects, and the Classifications that stand beside them, by the id of the object they classify."""
    objects: list[etree._Element] = []
    siblings: dict[str, list[etree._Element]] = {}
    for registry_object_list in lists:
        for element in registry_object_list:
            tag = element.tag
            if tag in (EXTRINSIC_OBJECT, REGISTRY_PACKAGE, ASSOCIATION):
                objects.append(element)
            elif tag == CLASSIFICATION:
                siblings.setdefault(element.get("classifiedObject") or "", []).append(element)
            elif tag != OBJECT_REF and not is_annotation(element):
                fault(faults, element.get("id") or "", f"unexpected element {shown(tag)} in RegistryObjectList")
    return objects, siblings


def _package(element: etree._Element, siblings: list[etree._Element], faults: Faults) -> SubmissionSet | Folder:
    """A RegistryPackage as what it is classified as; one that is both or neither is still read for its other faults."""
    nodes = {item.get("classificationNode") for item in (*element.iterchildren(CLASSIFICATION), *siblings)}
    is_set, is_folder = SUBMISSION_SET.node in nodes, FOLDER.node in nodes
    if is_set == is_folder:
        which = "both submission set and folder" if is_set else "neither submission set nor folder"
        fault(faults, element.get("id") or "", f"a RegistryPackage is classified as {which}")
        schemes = {item.get("identificationScheme") for item in element.iterchildren(EXTERNAL_IDENTIFIER)}
        is_set = not schemes & FOLDER.identifier_attributes.keys()
    if is_set:
        return read_submission_set(element, siblings, faults)
    return read_folder(element, siblings, faults)


@dataclass(frozen=True, slots=True)
class RemoveObjects:
    """lcm:RemoveObjectsRequest: entryUUIDs, each once. `beside`: what it asks for that ITI-62 does not have."""

    entry_uuids: tuple[str, ...]
    beside: tuple[str, ...] = ()


def read_remove_objects(request: etree._Element) -> RemoveObjects:
    """Read lcm:RemoveObjectsRequest.

    Source: ITI TF-2: 3.62.4.1.2
    """
    references = [
        (item.get("id") or "").strip()
        for listed in request.iterchildren(OBJECT_REF_LIST)
        for item in listed.iterchildren(OBJECT_REF)
    ]
    beside = ["a query"] if request.find(ADHOC_QUERY) is not None else []
    if (scope := request.get("deletionScope")) not in (None, _DELETE_ALL):
        beside.append(f"deletionScope {shown(scope)}")
    return RemoveObjects(tuple(dict.fromkeys(references)), tuple(beside))


# --- stored queries -------------------------------------------------------------------------------------------------


def read_adhoc_query(request: etree._Element) -> AdhocQuery:
    """Read query:AdhocQueryRequest. An absent part is empty text: judging the query is the registry's matter.

    Source: ITI TF-2: 3.18.4.1.2
    """
    return_type, query_id, home = "", "", None
    slots: tuple[Slot, ...] = ()
    tolerated: set[Tolerance] = set()
    for element in request:
        tag = element.tag
        if tag == ADHOC_QUERY:
            query_id = (element.get("id") or "").strip()
            home = element.get("home")
            slots = tuple([slot_of(item, tolerated) for item in element.iterchildren(SLOT)])
        elif tag == RESPONSE_OPTION:
            # rim.xsd's default, which no stored query may use.
            return_type = element.get("returnType") or "RegistryObject"
    if any(_is_escaped_twice(slot) for slot in slots):
        slots = tuple([_unescaped(slot) if _is_escaped_twice(slot) else slot for slot in slots])
        tolerated.add(Tolerance.ESCAPED_TWICE)
    return AdhocQuery(
        query_id=query_id, return_type=return_type, home=home or None, slots=slots, tolerated=frozenset(tolerated)
    )


def _is_escaped_twice(slot: Slot) -> bool:
    """A patient id that was escaped twice, as samples of the framework have it: no patient id holds `&amp;`."""
    return slot.name.lower().endswith("patientid") and any("&amp;" in value for value in slot.values)


def _unescaped(slot: Slot) -> Slot:
    return Slot(name=slot.name, values=tuple([value.replace("&amp;", "&") for value in slot.values]))


def read_filter_query(element: etree._Element) -> AdhocQuery:
    """Read a rim:AdhocQuery that stands alone, as the filter of a subscription does (ITI TF-2: 3.52.5.2)."""
    slots = tuple([slot_of(item) for item in element.iterchildren(SLOT)])
    return AdhocQuery((element.get("id") or "").strip(), LEAF_CLASS, None, slots)


# --- answers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status and errors of any registry response."""

    status: str
    errors: tuple[RegistryError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteObject:
    """One object of a peer's query answer: what must be known of it, and its element ready to be spliced.

    `kind` is document, submission_set, folder, association or object_ref; `size` and `hash` are as they were written.
    """

    kind: str
    id: str
    home: str | None
    xml: bytes
    unique_id: str = ""
    patient_id: str = ""
    repository_unique_id: str = ""
    hash: str = ""
    size: str = ""
    status: str = ""
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """A peer's answer to a stored query."""

    head: ResponseHead
    objects: tuple[RemoteObject, ...] = ()


def read_registry_response(element: etree._Element) -> ResponseHead:
    """Read the head of rs:RegistryResponse, query:AdhocQueryResponse or xds:RetrieveDocumentSetResponse.

    Source: ITI TF-3: 4.2.4
    """
    inner = element.find(REGISTRY_RESPONSE)
    head = element if inner is None else inner
    return ResponseHead(status=(head.get("status") or "").strip(), errors=tuple(_errors(head)))


def _errors(head: etree._Element) -> Iterator[RegistryError]:
    for error_list in head.iterchildren(REGISTRY_ERROR_LIST):
        for item in error_list.iterchildren(REGISTRY_ERROR):
            warning = (item.get("severity") or "").endswith("Warning")
            yield RegistryError(
                code=item.get("errorCode") or "",
                context=item.get("codeContext") or "",
                location=item.get("location") or "",
                severity=Severity.WARNING if warning else Severity.ERROR,
            )


def read_query_answer(element: etree._Element) -> QueryAnswer:
    """Read query:AdhocQueryResponse of another community.

    Comments and processing instructions are taken out of `element`, so that `xml` holds nothing but metadata.

    Source: ITI TF-2: 3.38.4.1.3
    """
    etree.strip_elements(element, etree.Comment, etree.PI, with_tail=False)
    objects: list[etree._Element] = []
    for registry_object_list in element.iterchildren(REGISTRY_OBJECT_LIST):
        _gather(registry_object_list)
        objects += registry_object_list.iterchildren(EXTRINSIC_OBJECT, REGISTRY_PACKAGE, ASSOCIATION, OBJECT_REF)
    return QueryAnswer(read_registry_response(element), tuple([_remote_object(item) for item in objects]))


def _gather(registry_object_list: etree._Element) -> None:
    """Move a Classification that stands beside its object into it: the objects are spliced one by one."""
    beside = list(registry_object_list.iterchildren(CLASSIFICATION))
    if not beside:
        return
    owners = {item.get("id"): item for item in registry_object_list.iterchildren(EXTRINSIC_OBJECT, REGISTRY_PACKAGE)}
    first_identifiers = {name: item.find(EXTERNAL_IDENTIFIER) for name, item in owners.items()}
    for classification in beside:
        name = classification.get("classifiedObject")
        if (place := first_identifiers.get(name)) is not None:
            place.addprevious(classification)
        elif name in owners:
            owners[name].append(classification)


_REMOTE_SLOTS: Final = ("repositoryUniqueId", "hash", "size")
_REMOTE_IDENTIFIERS: Final = {
    **DOCUMENT_ENTRY.identifier_attributes,
    **SUBMISSION_SET.identifier_attributes,
    **FOLDER.identifier_attributes,
}


def _remote_object(element: etree._Element) -> RemoteObject:
    kind, found = _remote_kind(element), {}
    if kind == "document":
        for item in element.iterchildren(SLOT):
            if (name := item.get("name")) in _REMOTE_SLOTS:
                found[name] = next(iter(values_of(item)), "")
    identifiers = {
        _REMOTE_IDENTIFIERS.get(item.get("identificationScheme") or ""): item.get("value") or ""
        for item in element.iterchildren(EXTERNAL_IDENTIFIER)
    }
    return RemoteObject(
        kind=kind,
        id=element.get("id") or "",
        home=element.get("home") or None,
        unique_id=identifiers.get("unique_id", ""),
        patient_id=identifiers.get("patient_id", ""),
        repository_unique_id=found.get("repositoryUniqueId", ""),
        hash=found.get("hash", ""),
        size=found.get("size", ""),
        status=element.get("status") or "",
        on_demand=element.get("objectType") == ON_DEMAND_DOCUMENT,
        xml=etree.tostring(element, encoding="UTF-8", with_tail=False),
    )


def _remote_kind(element: etree._Element) -> str:
    if element.tag != REGISTRY_PACKAGE:
        return {EXTRINSIC_OBJECT: "document", ASSOCIATION: "association"}.get(element.tag, "object_ref")
    # Folders are the rarer: a package whose Classification stands elsewhere is known by its identifiers.
    is_folder = any(
        item.get("classificationNode") == FOLDER.node
        or item.get("identificationScheme") in FOLDER.identifier_attributes
        for item in element.iterchildren(CLASSIFICATION, EXTERNAL_IDENTIFIER)
    )
    return "folder" if is_folder else "submission_set"
