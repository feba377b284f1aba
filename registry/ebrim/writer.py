"""Metadata objects -> ebRIM bytes (ITI TF-3: 4.2.3; form of query answers: ITI TF-2: 3.18.4.1.3).

Text is put together, never a tree: an element tree costs a hundred times as much. Everything that comes from outside
passes `escape`. A registry stores the `template` of an object once and fills in what may change with every answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from registry.ebrim.vocabulary import (
    ASSOCIATION,
    ASSOCIATION_TYPE,
    AUTHOR,
    CLASSIFICATION_TYPE,
    CODING_SCHEME,
    DOCUMENT_ENTRY,
    EXTERNAL_IDENTIFIER_TYPE,
    FOLDER,
    REGISTRY_PACKAGE_TYPE,
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
    RegistryObject,
    Slot,
    SubmissionSet,
)

# XML 1.0 cannot carry most control characters at all. They become U+FFFD here, so that no value can be taken for a
# marker or make an answer unreadable; the rules refuse them in submissions, which need not have come as XML.
_SPECIAL: Final = re.compile('[&<>"\x00-\x1f\ud800-\udfff\ufffe\uffff]')
# White space as references: attribute normalisation would make blanks of it, line end handling \n of \r.
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}

_UUID: Final = re.compile("urn:uuid:([0-9A-Fa-f]{8})(.{28})")

_ATTRIBUTES_MARK: Final = "\x01"
_PATIENT_MARK: Final = "\x02"
_UPDATE_MARK: Final = "\x03"


_SLOT_END: Final = "</rim:Value></rim:ValueList></rim:Slot>"


def escape(text: str) -> str:
    """Text for an attribute in double quotes or for element content."""
    if not text.isprintable():
        return _SPECIAL.sub(_reference, text)
    # An ampersand is in every HL7 value: replacing is ten times as quick as asking for each one what becomes of it.
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if '"' in text:
        text = text.replace('"', "&quot;")
    return text


def _reference(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], "\ufffd")


def slot(name: str, values: Sequence[str]) -> str:
    """One rim:Slot."""
    return _slot(f'<rim:Slot name="{escape(name)}"><rim:ValueList><rim:Value>', values)


def _slot(head: str, values: Sequence[str]) -> str:
    text = escape(values[0]) if len(values) == 1 else "</rim:Value><rim:Value>".join([escape(one) for one in values])
    return f"{head}{text}{_SLOT_END}"


# --- the public forms -----------------------------------------------------------------------------------------------


def render(obj: RegistryObject) -> bytes:
    """The whole element with prefix `rim` and no namespace declaration, to be spliced into a list that has it.

    Attributes that the object does not have are left out: a submission carries no status, lid or version.
    Of the ids of Classifications and ExternalIdentifiers UUIDs are kept. Any other, to which nothing refers, becomes
    one that is derived from the object's, always the same.
    """
    home = None if isinstance(obj, Association) else obj.home_community_id
    patient_id = None if isinstance(obj, Association) else obj.patient_id
    times = obj.last_update_time if isinstance(obj, Folder) else ()
    return _Writing(
        obj,
        attributes=_home_and_status(home or "", obj.availability_status or ""),
        patient_id=None if patient_id is None else escape(patient_id),
        last_update_times=times,
    ).element()


def template(obj: RegistryObject) -> bytes:
    """The same with marks where `fill` puts home and status, patientId, and a Folder's lastUpdateTime.

    The marks are control characters, which never occur in XML.
    """
    has_patient = not isinstance(obj, Association) and obj.patient_id is not None
    text = _Writing(
        obj, attributes=_ATTRIBUTES_MARK, patient_id=_PATIENT_MARK if has_patient else None, last_update_times=None
    )
    return text.element()


def fill(template: bytes, *, home: str, status: str, patient_id: str, last_update_time: str = "") -> bytes:
    """A finished element out of a template. `home` is not put on associations; empty `home` or `status` is left out."""
    # One mark of each at most. The hot path of every query answer: three searches in C are quicker than one step of
    # Python for each part.
    if template.startswith(b"<rim:Association"):
        home = ""
    filled = template.replace(b"\x01", _attribute_bytes(home, status), 1)
    filled = filled.replace(b"\x03", _value_bytes(last_update_time), 1)
    return filled.replace(b"\x02", _value_bytes(patient_id), 1)


def object_ref(entry_uuid: str, home: str) -> bytes:
    """rim:ObjectRef."""
    return f'<rim:ObjectRef id="{escape(entry_uuid)}"'.encode() + _attribute_bytes(home, "") + b"/>"


def _home_and_status(home: str, status: str) -> str:
    return _optional("home", home) + _optional("status", status)


@lru_cache(maxsize=256)
def _attribute_bytes(home: str, status: str) -> bytes:
    return _home_and_status(home, status).encode()


@lru_cache(maxsize=1024)
def _value_bytes(value: str) -> bytes:
    return escape(value).encode()


def _optional(name: str, value: str | None) -> str:
    return f' {name}="{escape(value)}"' if value else ""


# --- one object -----------------------------------------------------------------------------------------------------


class _Table:
    """A vocabulary with the constant text around every value already put together."""

    __slots__ = ("author", "codes", "identifiers", "node", "of_codes", "of_identifiers", "of_slots", "slots")

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.slots = tuple(f'<rim:Slot name="{row.name}"><rim:ValueList><rim:Value>' for row in vocabulary.slots)
        self.of_slots = _getter([row.attribute for row in vocabulary.slots])
        self.codes = tuple(_classification(row.scheme) for row in vocabulary.codes)
        self.of_codes = _getter([row.attribute for row in vocabulary.codes])
        self.identifiers = tuple((row.scheme, row.name) for row in vocabulary.identifiers)
        self.of_identifiers = _getter([row.attribute for row in vocabulary.identifiers])
        self.author = _classification(vocabulary.author) if vocabulary.author else ""
        self.node = vocabulary.node


def _getter(attributes: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """All these attributes of an object at once, always as a tuple."""
    if len(attributes) == 1:
        one = attrgetter(attributes[0])
        return lambda obj: (one(obj),)
    return attrgetter(*attributes) if attributes else lambda _: ()


def _classification(scheme: str) -> str:
    return f'" objectType="{CLASSIFICATION_TYPE}" classificationScheme="{scheme}" classifiedObject="'


_TABLES: Final[dict[type, _Table]] = {
    DocumentEntry: _Table(DOCUMENT_ENTRY),
    SubmissionSet: _Table(SUBMISSION_SET),
    Folder: _Table(FOLDER),
    Association: _Table(ASSOCIATION),
}
_AUTHOR: Final = _Table(AUTHOR)
_SCHEME_HEAD: Final = f'<rim:Slot name="{CODING_SCHEME}"><rim:ValueList><rim:Value>'
_IDENTIFIER: Final = f'" objectType="{EXTERNAL_IDENTIFIER_TYPE}" registryObject="'


class _Writing:
    """One object on its way to bytes. `last_update_times` is None when a Folder's is to be filled in later."""

    __slots__ = (
        *("attributes", "entry_uuid", "first", "last_update_times", "nameless", "obj", "patient_id", "rest", "table"),
    )

    def __init__(
        self,
        obj: RegistryObject,
        *,
        attributes: str,
        patient_id: str | None,
        last_update_times: tuple[str, ...] | None,
    ) -> None:
        self.obj = obj
        self.table = _TABLES[type(obj)]
        self.entry_uuid = escape(obj.entry_uuid)
        own = _UUID.fullmatch(self.entry_uuid)
        self.first, self.rest = (int(own[1], 16), own[2]) if own else (0, "")
        self.attributes = attributes
        self.patient_id = patient_id
        self.last_update_times = last_update_times
        self.nameless = 0

    def element(self) -> bytes:
        """The element, its children in the order of rim.xsd."""
        obj = self.obj
        name, own = self._start()
        parts = [f'<rim:{name} id="{self.entry_uuid}"{self.attributes}{_optional("lid", obj.logical_id)}{own}>']
        parts += self._slots()
        if not isinstance(obj, Association):
            parts += [_international("Name", obj.title), _international("Description", obj.comments)]
        if obj.version:
            parts.append(f'<rim:VersionInfo versionName="{escape(obj.version)}"/>')
        parts += self._classifications()
        parts += self._identifiers()
        parts.append(f"</rim:{name}>")
        return "".join(parts).encode()

    def _start(self) -> tuple[str, str]:
        """Element name and the attributes that only this kind of object has."""
        obj = self.obj
        if isinstance(obj, DocumentEntry):
            own = _optional("objectType", obj.object_type) + _optional("mimeType", obj.mime_type)
            return "ExtrinsicObject", own + ' isOpaque="false"'
        if isinstance(obj, Association):
            return "Association", (
                f' objectType="{ASSOCIATION_TYPE}" associationType="{escape(obj.association_type)}"'
                f' sourceObject="{escape(obj.source)}" targetObject="{escape(obj.target)}"'
            )
        return "RegistryPackage", f' objectType="{REGISTRY_PACKAGE_TYPE}"'

    def _slots(self) -> list[str]:
        obj, table = self.obj, self.table
        if isinstance(obj, Folder):
            times = self.last_update_times
            filled = [f"{table.slots[0]}{_UPDATE_MARK}{_SLOT_END}"]
            parts = filled if times is None else [_slot(table.slots[0], times)] if times else []
        else:
            values = table.of_slots(obj)
            parts = [_slot(head, value) for head, value in zip(table.slots, values, strict=True) if value]
        return parts + [slot(item.name, item.values) for item in obj.extra]

    def _classifications(self) -> list[str]:
        obj, table, owner = self.obj, self.table, self.entry_uuid
        parts = []
        if isinstance(obj, SubmissionSet | Folder):
            part_id = self._id(dict(obj.part_ids).get(table.node, ""))
            parts.append(
                f'<rim:Classification id="{part_id}" objectType="{CLASSIFICATION_TYPE}"'
                f' classifiedObject="{owner}" classificationNode="{table.node}"/>'
            )
        if isinstance(obj, DocumentEntry | SubmissionSet):
            parts += [self._author(author) for author in obj.authors]
        for head, codes in zip(table.codes, table.of_codes(obj), strict=True):
            parts += [self._code(head, code) for code in codes]
        return parts

    def _author(self, author: Author) -> str:
        values = _AUTHOR.of_slots(author)
        slots = [_slot(head, value) for head, value in zip(_AUTHOR.slots, values, strict=True) if value]
        return (
            f'<rim:Classification id="{self._id(author.id)}{self.table.author}{self.entry_uuid}"'
            f' nodeRepresentation="{escape(author.node_representation)}">'
            f"{''.join(slots)}{_extra(author.extra)}</rim:Classification>"
        )

    def _code(self, head: str, code: Code) -> str:
        scheme = f"{_SCHEME_HEAD}{escape(code.scheme)}{_SLOT_END}" if code.scheme else ""
        return (
            f'<rim:Classification id="{self._id(code.id)}{head}{self.entry_uuid}"'
            f' nodeRepresentation="{escape(code.code)}">'
            f"{scheme}{_extra(code.extra)}{_international('Name', code.display)}</rim:Classification>"
        )

    def _identifiers(self) -> list[str]:
        obj, table = self.obj, self.table
        if isinstance(obj, Association):
            return []
        ids = dict(obj.part_ids)
        parts = []
        for (scheme, name), value in zip(table.identifiers, table.of_identifiers(obj), strict=True):
            if value is None:
                continue
            text = self.patient_id if name.endswith("patientId") else escape(value)
            parts.append(
                f'<rim:ExternalIdentifier id="{self._id(ids.get(scheme, ""))}{_IDENTIFIER}{self.entry_uuid}"'
                f' identificationScheme="{scheme}" value="{text}"><rim:Name><rim:LocalizedString value="{name}"/>'
                "</rim:Name></rim:ExternalIdentifier>"
            )
        return parts

    def _id(self, given: str) -> str:
        """A part's own UUID, or one derived from the object's: rim.xsd demands an id everywhere.

        A derived UUID differs from the object's in its first digits only: as unique as that one, since nothing refers
        to it, and next to nothing to store.
        """
        if given.startswith("urn:uuid:"):
            return escape(given)
        self.nameless += 1
        if not self.rest:
            return f"{self.entry_uuid}.{self.nameless}"
        return f"urn:uuid:{self.first ^ self.nameless:08x}{self.rest}"


def _extra(slots: tuple[Slot, ...]) -> str:
    return "".join([slot(item.name, item.values) for item in slots]) if slots else ""


def _international(name: str, strings: tuple[LocalizedString, ...]) -> str:
    """rim:Name or rim:Description; nothing for none. What rim.xsd has as default is not written."""
    if not strings:
        return ""
    text = _localized(strings[0]) if len(strings) == 1 else "".join([_localized(item) for item in strings])
    return f"<rim:{name}>{text}</rim:{name}>"


def _localized(item: LocalizedString) -> str:
    lang = "" if item.lang == "en-US" else f' xml:lang="{escape(item.lang)}"'
    charset = "" if item.charset == "UTF-8" else f' charset="{escape(item.charset)}"'
    return f'<rim:LocalizedString{lang}{charset} value="{escape(item.value)}"/>'
