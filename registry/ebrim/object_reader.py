"""One ebRIM object -> one metadata object, noting what ebRIM itself forbids (ITI TF-3: 4.2.3.1).

What a metadata object can hold, right or wrong, is judged later by `registry.metadata.rules`; noted here is only
what gets lost on the way: repeated slots and identifiers, empty values, unknown schemes, references to another parent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from lxml import etree

from registry.ebrim.elements import (
    CLASSIFICATION,
    CONTENT_VERSION_INFO,
    DESCRIPTION,
    EXTERNAL_IDENTIFIER,
    NAME,
    SLOT,
    VERSION_INFO,
    fault,
    is_annotation,
    localized_strings,
    name_of,
    values_of,
)
from registry.ebrim.tolerances import Faults, Tolerance
from registry.ebrim.vocabulary import (
    ASSOCIATION,
    AUTHOR,
    CODING_SCHEME,
    DOCUMENT_ENTRY,
    FOLDER,
    SUBMISSION_SET,
    Vocabulary,
)
from registry.metadata.objects import (
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    LocalizedString,
    Slot,
    SubmissionSet,
)
from registry.metadata.values import is_urn, shown

Slots = dict[str, tuple[str, ...]]

_DISCOURAGED: Final = ("PID-2|", "PID-4|", "PID-12|", "PID-19|")  # ITI TF-3: 4.2.3.2.26: should not be sent
_ORDER: Final = {  # of rim.xsd
    tag: place for place, tag in enumerate((SLOT, NAME, DESCRIPTION, VERSION_INFO, CLASSIFICATION, EXTERNAL_IDENTIFIER))
}
_NUMBERED: Final = re.compile(r"([0-9]{1,4})\|(.*)", re.DOTALL)


def read_document_entry(element: etree._Element, siblings: Sequence[etree._Element], faults: Faults) -> DocumentEntry:
    """Read rim:ExtrinsicObject."""
    found = _Reading(element, DOCUMENT_ENTRY, faults).attributes(element, siblings)
    if "uri" in found:
        found["uri"] = _joined(found["uri"], faults)
    if any(value.startswith(_DISCOURAGED) for value in found.get("source_patient_info", ())):
        faults.tolerated.add(Tolerance.DISCOURAGED_PATIENT_INFO)
    return DocumentEntry(object_type=element.get("objectType"), mime_type=element.get("mimeType"), **found)


def read_submission_set(element: etree._Element, siblings: Sequence[etree._Element], faults: Faults) -> SubmissionSet:
    """Read a rim:RegistryPackage that is a submission set."""
    return SubmissionSet(**_Reading(element, SUBMISSION_SET, faults).attributes(element, siblings))


def read_folder(element: etree._Element, siblings: Sequence[etree._Element], faults: Faults) -> Folder:
    """Read a rim:RegistryPackage that is a folder."""
    return Folder(**_Reading(element, FOLDER, faults).attributes(element, siblings))


def read_association(element: etree._Element, siblings: Sequence[etree._Element], faults: Faults) -> Association:
    """Read rim:Association; its Name and Description mean nothing in XDS."""
    found = _Reading(element, ASSOCIATION, faults).attributes(element, siblings)
    found.pop("title", None)
    found.pop("comments", None)
    return Association(
        association_type=element.get("associationType") or "",
        source=element.get("sourceObject") or "",
        target=element.get("targetObject") or "",
        **found,
    )


def _joined(values: tuple[str, ...], faults: Faults) -> tuple[str, ...]:
    """The URI out of its old form of numbered pieces, `1|http://…`, `2|…`; any other value unchanged."""
    pieces = [match for value in values if (match := _NUMBERED.fullmatch(value))]
    if not pieces or len(pieces) != len(values):
        return values
    faults.tolerated.add(Tolerance.URI_IN_PIECES)
    return ("".join(match[2] for match in sorted(pieces, key=lambda match: int(match[1]))),)


class _Reading:
    """What has been read of one object so far, by the attribute names of its dataclass."""

    __slots__ = ("classified", "entry_uuid", "faults", "found", "part_ids", "slots", "vocabulary")

    def __init__(self, element: etree._Element, vocabulary: Vocabulary, faults: Faults) -> None:
        self.entry_uuid = element.get("id") or ""
        self.vocabulary = vocabulary
        self.faults = faults
        if self.entry_uuid.startswith("urn:uuid:") and not self.entry_uuid.islower():
            faults.tolerated.add(Tolerance.UPPER_CASE_UUID)
        self.slots: Slots = {}
        self.classified: dict[str, list[Code | Author]] = {}
        self.part_ids: list[tuple[str, str]] = []
        self.found: dict[str, Any] = {
            "entry_uuid": self.entry_uuid,
            "home_community_id": element.get("home"),
            "availability_status": element.get("status"),
            "logical_id": element.get("lid"),
        }

    def attributes(  # noqa: C901 - one branch for each of the seven children an object can have
        self, element: etree._Element, siblings: Sequence[etree._Element]
    ) -> dict[str, Any]:
        """Every attribute, from the children in whatever order they stand."""
        found, last = self.found, 0
        for child in (*element, *siblings) if siblings else element:
            tag = child.tag
            place = _ORDER.get(tag, last)
            if place < last and child.getparent() is element:
                self.faults.tolerated.add(Tolerance.CHILDREN_OUT_OF_ORDER)
            last = place
            if tag == SLOT:
                _take_slot(child, self.slots, self.entry_uuid, self.faults)
            elif tag == CLASSIFICATION:
                self._take_classification(child)
            elif tag == EXTERNAL_IDENTIFIER:
                self._take_identifier(child)
            elif tag == NAME:
                found["title"] = localized_strings(child)
            elif tag == DESCRIPTION:
                found["comments"] = localized_strings(child)
            elif tag == VERSION_INFO:
                found["version"] = child.get("versionName")
            elif tag != CONTENT_VERSION_INFO and not is_annotation(child):
                self._fault(f"unexpected element {shown(tag)} in {self.vocabulary.name}")
        _place_slots(self.slots, found, self.vocabulary)
        if "extra" in found and not all(is_urn(slot.name) for slot in found["extra"]):
            self.faults.tolerated.add(Tolerance.EXTRA_NAME)  # one that is no URN at all is refused later
        for attribute, values in self.classified.items():
            found[attribute] = tuple(values)
        if self.part_ids:
            found["part_ids"] = tuple(self.part_ids)
        return found

    def _fault(self, context: str) -> None:
        fault(self.faults, self.entry_uuid, context)

    def _check_parent(self, reference: str | None, name: str) -> None:
        if reference != self.entry_uuid:
            self._fault(f"{name} {shown(reference)} is not the id of the object it belongs to")

    def _take_identifier(self, element: etree._Element) -> None:
        scheme = element.get("identificationScheme") or ""
        attribute = self.vocabulary.identifier_attributes.get(scheme)
        if attribute is None:
            self._fault(f"identificationScheme {shown(scheme)} is not one of {self.vocabulary.name}")
            return
        self._check_parent(element.get("registryObject"), "registryObject")
        if attribute in self.found:
            self._fault(f"ExternalIdentifier {attribute} ({scheme}) of {self.vocabulary.name} is repeated")
            return
        self.found[attribute] = element.get("value") or ""
        self.part_ids.append((scheme, element.get("id") or ""))

    def _take_classification(self, element: etree._Element) -> None:
        self._check_parent(element.get("classifiedObject"), "classifiedObject")
        scheme = element.get("classificationScheme") or ""
        attribute = self.vocabulary.code_attributes.get(scheme)
        if attribute is not None:
            code = _code(element, self.entry_uuid, self.faults)
            self.classified.setdefault(attribute, []).append(code)
        elif scheme and scheme == self.vocabulary.author:
            author = _author(element, self.entry_uuid, self.faults)
            self.classified.setdefault("authors", []).append(author)
        elif scheme:
            self._fault(f"classificationScheme {shown(scheme)} is not one of {self.vocabulary.name}")
        else:
            self._take_node(element)

    def _take_node(self, element: etree._Element) -> None:
        node = element.get("classificationNode") or ""
        if node and node == self.vocabulary.limited_metadata:
            self.found["limited_metadata"] = True
        elif not node or node != self.vocabulary.node:
            self._fault(f"classificationNode {shown(node)} is not one of {self.vocabulary.name}")
        elif any(scheme == node for scheme, _ in self.part_ids):
            self._fault(f"the Classification as {self.vocabulary.name} is repeated")
        else:
            self.part_ids.append((node, element.get("id") or ""))


def _take_slot(element: etree._Element, slots: Slots, entry_uuid: str, faults: Faults) -> None:
    name = name_of(element, faults.tolerated)
    values = values_of(element, faults.tolerated)
    if not values or "" in values:
        fault(faults, entry_uuid, f"slot {shown(name)} has no value or an empty one; an absent attribute has no slot")
        values = tuple([value for value in values if value])
    if name in slots:
        fault(faults, entry_uuid, f"slot {shown(name)} is repeated; several values stand in one slot")
        return
    slots[name] = values


def _place_slots(slots: Slots, found: dict[str, Any], vocabulary: Vocabulary) -> None:
    """Known slots under their attribute, the others as extra metadata in their order."""
    extra: list[Slot] = []
    attributes = vocabulary.slot_attributes
    for name, values in slots.items():
        attribute = attributes.get(name)
        if attribute is not None:
            found[attribute] = values
        elif values:
            extra.append(Slot(name=name, values=values))
    if extra:
        found["extra"] = tuple(extra)


def _code(element: etree._Element, entry_uuid: str, faults: Faults) -> Code:
    code = element.get("nodeRepresentation") or ""
    slots: Slots = {}
    display: tuple[LocalizedString, ...] = ()
    for child in element:
        tag = child.tag
        if tag == SLOT:
            _take_slot(child, slots, entry_uuid, faults)
            if display:
                faults.tolerated.add(Tolerance.CHILDREN_OUT_OF_ORDER)
        elif tag == NAME:
            display = localized_strings(child)
    schemes = slots.pop(CODING_SCHEME, ())
    if len(schemes) > 1:
        fault(faults, entry_uuid, f"code {shown(code)} has {len(schemes)} values of codingScheme instead of one")
    return Code(
        code=code,
        scheme=schemes[0] if schemes else None,
        display=display,
        id=element.get("id") or "",
        extra=_as_slots(slots) if slots else (),
    )


def _as_slots(slots: Slots) -> tuple[Slot, ...]:
    return tuple([Slot(name=name, values=values) for name, values in slots.items()])


def _author(element: etree._Element, entry_uuid: str, faults: Faults) -> Author:
    slots: Slots = {}
    for child in element.iterchildren(SLOT):
        _take_slot(child, slots, entry_uuid, faults)
    found: dict[str, Any] = {}
    _place_slots(slots, found, AUTHOR)
    return Author(id=element.get("id") or "", node_representation=element.get("nodeRepresentation") or "", **found)
