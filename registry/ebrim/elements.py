"""Names of ebRIM elements, and the few things every reader takes from one (ebRIM 3.0, rim.xsd).

Nothing here depends on prefixes, on the order of children, or on comments and CDATA sections inside text.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from registry.ebrim.tolerances import Faults, Tolerance
from registry.ebrim.vocabulary import LCM, QUERY, RIM, RS
from registry.errors import ErrorCode, RegistryError
from registry.metadata.objects import LocalizedString, Slot

SLOT: Final = f"{{{RIM}}}Slot"
VALUE_LIST: Final = f"{{{RIM}}}ValueList"
VALUE: Final = f"{{{RIM}}}Value"
NAME: Final = f"{{{RIM}}}Name"
DESCRIPTION: Final = f"{{{RIM}}}Description"
LOCALIZED_STRING: Final = f"{{{RIM}}}LocalizedString"
VERSION_INFO: Final = f"{{{RIM}}}VersionInfo"
CONTENT_VERSION_INFO: Final = f"{{{RIM}}}ContentVersionInfo"
CLASSIFICATION: Final = f"{{{RIM}}}Classification"
EXTERNAL_IDENTIFIER: Final = f"{{{RIM}}}ExternalIdentifier"
EXTRINSIC_OBJECT: Final = f"{{{RIM}}}ExtrinsicObject"
REGISTRY_PACKAGE: Final = f"{{{RIM}}}RegistryPackage"
ASSOCIATION: Final = f"{{{RIM}}}Association"
OBJECT_REF: Final = f"{{{RIM}}}ObjectRef"
REGISTRY_OBJECT_LIST: Final = f"{{{RIM}}}RegistryObjectList"
ADHOC_QUERY: Final = f"{{{RIM}}}AdhocQuery"
RESPONSE_OPTION: Final = f"{{{QUERY}}}ResponseOption"
SUBMIT_OBJECTS_REQUEST: Final = f"{{{LCM}}}SubmitObjectsRequest"
REMOVE_OBJECTS_REQUEST: Final = f"{{{LCM}}}RemoveObjectsRequest"
OBJECT_REF_LIST: Final = f"{{{RIM}}}ObjectRefList"
REGISTRY_RESPONSE: Final = f"{{{RS}}}RegistryResponse"
REGISTRY_ERROR_LIST: Final = f"{{{RS}}}RegistryErrorList"
REGISTRY_ERROR: Final = f"{{{RS}}}RegistryError"

_XML_SPACE: Final = " \t\r\n"
_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_MOST_FAULTS: Final = 100  # a message can be wrong in a million places; the answer names this many


def fault(faults: Faults, location: str, context: str) -> None:
    """Note one structural fault of the object `location`."""
    if len(faults) < _MOST_FAULTS:
        faults.append(RegistryError(ErrorCode.REGISTRY_METADATA, context, location))


def is_annotation(element: etree._Element) -> bool:
    """Whether this is a comment or a processing instruction, which lxml hands out among the children."""
    return not isinstance(element.tag, str)


def text_of(element: etree._Element) -> str:
    """All character data of an element without surrounding XML white space, whatever comments divide it."""
    # .text ends at the first comment: `1.2<!-- -->.3` would be another id. CDATA sections are merged into .text.
    text = "".join(map(str, element.itertext())) if len(element) else element.text
    return text.strip(_XML_SPACE) if text else ""


def values_of(slot: etree._Element, tolerated: set[Tolerance] | None = None) -> tuple[str, ...]:
    """The values of a rim:Slot in order, empty ones included; blanks that are left out around one are noted."""
    # Nearly every slot is one list, mostly of one value; making an iterator for it would cost more than all the rest.
    value_list = slot[0] if len(slot) == 1 else slot
    if len(value_list) == 1 and (value := value_list[0]).tag == VALUE and not len(value):
        text = value.text
        if not text:
            return ("",)
        stripped = text.strip(_XML_SPACE)
        if tolerated is not None and stripped is not text:
            tolerated.add(Tolerance.PADDED_VALUE)
        return (stripped,)
    if value_list.tag == VALUE_LIST:
        texts = [value.text or "" for value in value_list if value.tag == VALUE and not len(value)]
        if len(texts) == len(value_list):
            stripped_texts = tuple([text.strip(_XML_SPACE) for text in texts])
            if tolerated is not None and stripped_texts != tuple(texts):
                tolerated.add(Tolerance.PADDED_VALUE)
            return stripped_texts
    values = list(slot.iter(VALUE))
    if tolerated is not None and any((text := value.text) and text != text.strip(_XML_SPACE) for value in values):
        tolerated.add(Tolerance.PADDED_VALUE)
    return tuple([text_of(value) for value in values])


def name_of(slot: etree._Element, tolerated: set[Tolerance] | None = None) -> str:
    """The name of a rim:Slot without the blanks that some senders leave around it, which are noted."""
    name = slot.get("name") or ""
    stripped = name.strip()
    if tolerated is not None and stripped is not name:
        tolerated.add(Tolerance.PADDED_NAME)
    return stripped


def slot_of(element: etree._Element, tolerated: set[Tolerance] | None = None) -> Slot:
    """A rim:Slot as it stands."""
    return Slot(name=name_of(element, tolerated), values=values_of(element, tolerated))


def localized_strings(element: etree._Element) -> tuple[LocalizedString, ...]:
    """The rim:LocalizedStrings of a Name or Description, with the defaults of rim.xsd filled in."""
    if len(element) == 1 and (item := element[0]).tag == LOCALIZED_STRING:
        return (_localized_string(item),)
    return tuple([_localized_string(item) for item in element.iter(LOCALIZED_STRING)])


def _localized_string(item: etree._Element) -> LocalizedString:
    given: dict[str, str] = dict(item.items())  # type: ignore[arg-type]  # one as a rule: three questions take longer
    return LocalizedString(
        value=given.get("value") or "", lang=given.get(_LANG) or "en-US", charset=given.get("charset") or "UTF-8"
    )
