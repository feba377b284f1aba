"""HL7 v2 patient identity messages: ITI-8 (2.3.1), add, revise, merge and link of ITI-30 (2.5), ITI-64 (2.5). Pure.

Read are MSH, PID (its demographics by `pid`), MRG-1 and of PV1 the unit. Only A24 and A37 may be about two patients.
Source: ITI TF-2: 3.8, 3.30, 3.64; HL7 v2.3.1 and v2.5 chapter 2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import hl7

from registry.metadata.values import is_oid
from registry.patients.demographics import Identifier
from registry.patients.pid import Said, read_pid

MOST_SEGMENTS: Final = 2_000
MOST_CX_CHARACTERS: Final = 256  # an XDS patientId (ITI TF-3: 4.2.3.1)
MOST_UNIT_CHARACTERS: Final = 80
MOST_SEGMENT_CHARACTERS: Final = 16_000  # of the three segments that are parsed

Kind = Literal["add", "revise", "merge", "link", "unlink", "move", "none"]
EVENTS: Final[dict[str, Kind]] = {
    "A01": "add",  # admit
    "A04": "add",  # register
    "A05": "add",  # pre-admit
    "A28": "add",  # ITI-30 create
    "A08": "revise",
    "A31": "revise",
    "A40": "merge",
    "A24": "link",  # ITI-30, option Link/Unlink
    "A37": "unlink",
    "A43": "move",  # ITI-64
}
_CHARSETS: Final = {
    "": "utf-8",
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "8859/1": "iso-8859-1",
    "8859/2": "iso-8859-2",
    "8859/15": "iso-8859-15",
    "GB 18030-2000": "gb18030",
}
_VERSION = re.compile(r"2\.[1-9](\.\d)?")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an acknowledgement needs of the message it answers; every field may be empty."""

    sending_application: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    event: str = ""
    control_id: str = ""
    processing_id: str = "P"
    version: str = "2.3.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientIdentityChange:
    """One change of patient identities. `patient` and `prior` are CX, `ID^^^&OID&ISO`.

    `prior` is the subsumed one of a merge, the other one of a link, whose patient it was of a move. A move is about the
    `local` id, into which `subsumed` ("": none) is merged. `said` is what a message adds or revises. Kind "none": the
    message names no identifier of an assigning authority whose patients are taken; they are ignored.
    """

    kind: Kind
    header: Header
    patient: str = ""
    prior: str = ""
    local: str = ""
    subsumed: str = ""
    said: Said | None = None
    unit: str = ""  # PV1-3.1: where in the institution the patient is
    ignored: int = 0  # identifiers of other assigning authorities

    @property
    def message_id(self) -> str:
        """MSH-10."""
        return self.header.control_id

    @property
    def sender(self) -> str:
        """Facility and application, as audit messages name a v2 sender."""
        return f"{self.header.sending_facility}|{self.header.sending_application}"

    @property
    def sender_oid(self) -> str:
        """The OID in MSH-3, "" where there is none (ITI TF-2: 3.64.4.1.2.1)."""
        parts = self.header.sending_application.split("^")
        return next((part for part in parts if is_oid(part)), "")


class MessageRefused(Exception):  # noqa: N818  what happened
    """A message that cannot be accepted: the acknowledgement code, where, and why.

    `code` is AE for content that is wrong (do not send it again unchanged) and AR for a message that this node does
    not take (type, event, version, structure).
    """

    def __init__(self, code: str, condition: int, location: str, text: str, header: Header | None = None) -> None:
        self.code = code
        self.condition = condition
        self.location = location  # SEG^sequence^field^repetition^component, as far as known
        self.text = text
        self.header = header or Header()
        super().__init__(text)


def read(message: bytes, *, authority: str, others: Sequence[str] = ()) -> PatientIdentityChange:
    """Read one message (without its MLLP frame).

    Args:
        message: segments that end with CR (CR LF is tolerated).
        authority: OID of the affinity domain's assigning authority; it also stands for an authority without OID.
        others: OIDs of further authorities whose patients are taken, if a message names none of `authority`.

    Raises:
        MessageRefused: with what the acknowledgement says.
    """
    segments, guessed = _segments(message)
    header = _header(segments[0])
    kind = EVENTS[header.event]
    if kind in ("link", "unlink"):
        return _two_patients(kind, segments, header, [authority, *others], ascii_only=guessed)
    pid = _only(segments, "PID", header)
    if kind == "move":
        mrg = _only(segments, "MRG", header)
        return _move(pid, mrg, header, authority, ascii_only=guessed)
    patient, ignored = _chosen(pid, (3, "PID"), header, [authority, *others], ascii_only=guessed)
    if kind != "merge":
        said = read_pid(_raw(segments, "PID")[0], patient, ascii_only=guessed) if patient else None
        unit = _unit(segments, ascii_only=guessed)
        kind = kind if patient else "none"
        return PatientIdentityChange(kind=kind, header=header, patient=patient, said=said, unit=unit, ignored=ignored)
    mrg = _only(segments, "MRG", header)
    same = [Identifier.of(patient).authority] if patient else [authority]
    prior, more = _chosen(mrg, (1, "MRG"), header, same, ascii_only=guessed)
    for location, found in (("PID^1^3^1^4", patient), ("MRG^1^1^1^4", prior)):
        if not found:
            raise MessageRefused("AE", 204, location, f"no identifier of assigning authority {same[0]}", header)
    return PatientIdentityChange(kind=kind, header=header, patient=patient, prior=prior, ignored=ignored + more)


def _two_patients(
    kind: Kind, segments: Sequence[str], header: Header, authorities: Sequence[str], *, ascii_only: bool
) -> PatientIdentityChange:
    """A24 and A37: two PID segments, each with its own identifier."""
    raw = _raw(segments, "PID")
    if len(raw) != 2:
        raise MessageRefused("AR", 100, "PID", f"{header.event} has two PID segments", header)
    found = []
    for number, text in enumerate(raw, start=1):
        patient, _ = _chosen(_parsed(text, "PID", header), (3, "PID"), header, authorities, ascii_only=ascii_only)
        if not patient:
            location = f"PID^{number}^3^1^4"
            raise MessageRefused("AE", 204, location, "no identifier of an assigning authority taken here", header)
        found.append(patient)
    return PatientIdentityChange(kind=kind, header=header, patient=found[0], prior=found[1])


def _move(
    pid: hl7.Segment, mrg: hl7.Segment, header: Header, authority: str, *, ascii_only: bool
) -> PatientIdentityChange:
    """A43: the first repetition of PID-3 and MRG-1 is the patient of the domain, the second the local id."""
    patient, local, *_ = [*_listed(pid, (3, "PID"), header, ascii_only=ascii_only), "", ""]
    prior, subsumed, *_ = [*_listed(mrg, (1, "MRG"), header, ascii_only=ascii_only), "", ""]
    for place, found in (("PID^1^3^1", patient), ("PID^1^3^2", local), ("MRG^1^1^1", prior)):
        if not found:
            raise MessageRefused("AE", 101, place, "PID-3 is patient and local id, MRG-1 the patient before", header)
    for place, found in (("PID^1^3^1^4", patient), ("MRG^1^1^1^4", prior)):
        if Identifier.of(found).authority != authority:
            raise MessageRefused("AE", 204, place, f"no identifier of assigning authority {authority}", header)
    if subsumed and Identifier.of(subsumed).authority != Identifier.of(local).authority:
        raise MessageRefused("AE", 204, "MRG^1^1^2^4", "the local ids are of two assigning authorities", header)
    return PatientIdentityChange(
        kind="move",
        header=header,
        patient=patient,
        prior=prior,
        local=local,
        subsumed="" if subsumed == local else subsumed,
    )


def _listed(segment: hl7.Segment, field: tuple[int, str], header: Header, *, ascii_only: bool) -> list[str]:
    """The repetitions of a field as CX, in their order; one or two, each with the OID of its assigning authority."""
    number, name = field
    repetitions = [item for item in (segment[number] if len(segment) > number else []) if str(item)]
    if len(repetitions) > 2:
        raise MessageRefused("AE", 102, f"{name}^1^{number}^3", "more than two identifiers", header)
    found = []
    for place, repetition in enumerate(repetitions, start=1):
        oid, kind = _part(repetition, 4, 2), _part(repetition, 4, 3)
        if not is_oid(oid) or kind not in ("", "ISO"):
            where = f"{name}^1^{number}^{place}^4"
            raise MessageRefused("AE", 102, where, "the identifier has no OID of its assigning authority", header)
        identifier = _part(repetition, 1, 1)
        found.append(_cx(identifier, oid, f"{name}^1^{number}^{place}^1", header, ascii_only=ascii_only))
    return found


def _cx(identifier: str, oid: str, place: str, header: Header, *, ascii_only: bool) -> str:
    """An identifier as it stands in metadata."""
    cx = f"{identifier}^^^&{oid}&ISO"
    unreadable = CONTROL.search(identifier) or (ascii_only and not identifier.isascii())
    if not identifier or unreadable or len(cx) > MOST_CX_CHARACTERS:
        raise MessageRefused("AE", 102, place, "the identifier is empty, too long or unreadable", header)
    return cx


def _chosen(
    segment: hl7.Segment, field: tuple[int, str], header: Header, authorities: Sequence[str], *, ascii_only: bool
) -> tuple[str, int]:
    """The identifier of the first authority that the field names, as CX, and how many others there are."""
    number, name = field
    ignored = 0
    for place, authority in enumerate(authorities):
        found, ignored = _identifiers(segment, number, name, header, authority, ascii_only=ascii_only, bare=place == 0)
        if found:
            return _one(found, f"{name}^1^{number}", header), ignored
    return "", ignored


def _unit(segments: Sequence[str], *, ascii_only: bool) -> str:
    """The point of care of PV1-3, "" where it is not said or cannot be read: no message is refused for it."""
    fields = next(iter(_raw(segments, "PV1")), "").split("|")
    text = re.split(r"[~^&]", fields[3])[0].strip() if len(fields) > 3 else ""
    readable = len(text) <= MOST_UNIT_CHARACTERS and not CONTROL.search(text) and "\\" not in text
    return text if readable and (text.isascii() or not ascii_only) else ""


def _raw(segments: Sequence[str], name: str) -> list[str]:
    return [segment for segment in segments if segment[:4] == name + "|"]


def _segments(message: bytes) -> tuple[list[str], bool]:
    """The segments as text, and whether the character set had to be guessed."""
    head = message.split(b"\r", 1)[0]
    if not head.startswith(b"MSH|"):
        raise MessageRefused("AR", 100, "MSH", "the message does not begin with MSH|")
    fields = head.split(b"|")
    # MSH-1 is the separator itself, so field n stands at index n - 1.
    declared = fields[17].split(b"~")[0].decode("ascii", "replace").strip() if len(fields) > 17 else ""
    charset = _CHARSETS.get(declared)
    if charset is None:
        raise MessageRefused("AR", 102, "MSH^1^18", "this character set is not supported", _bare_header(fields))
    guessed = False
    try:
        text = message.decode(charset)
    except UnicodeDecodeError:
        if declared:
            raise MessageRefused(
                "AR", 102, "MSH^1^18", f"the message is not {declared}", _bare_header(fields)
            ) from None
        # Some 8-bit character set: identifiers must then be ASCII, and other text that is not counts as not said.
        text, guessed = message.decode("iso-8859-1"), True
    segments = [segment.removeprefix("\n") for segment in text.split("\r")]
    if len(segments) > MOST_SEGMENTS:
        raise MessageRefused("AR", 100, "MSH", "too many segments", _bare_header(fields))
    return segments, guessed


def _bare_header(fields: Sequence[bytes]) -> Header:
    """The header of a message that cannot be decoded: enough to answer it."""
    texts = [field.decode("ascii", "ignore") for field in fields] + [""] * 12
    return Header(control_id=_plain(texts[9]), version=texts[11] if _VERSION.fullmatch(texts[11]) else "2.3.1")


def _header(segment: str) -> Header:
    """MSH, checked in the order type, event, processing id, version (HL7 v2.5: 2.9.2.2)."""
    if segment[3:8] != "|^~\\&":
        raise MessageRefused("AR", 102, "MSH^1^2", "only the encoding characters ^~\\& are supported")
    msh = _parsed(segment, "MSH", Header())
    kind = _component(msh, 9, 1), _component(msh, 9, 2)
    version = _component(msh, 12, 1)
    header = Header(
        sending_application=_plain(_field(msh, 3)),
        sending_facility=_plain(_field(msh, 4)),
        receiving_application=_plain(_field(msh, 5)),
        receiving_facility=_plain(_field(msh, 6)),
        event=kind[1] if re.fullmatch(r"[A-Z]\d\d", kind[1]) else "",
        control_id=_plain(_field(msh, 10)),
        processing_id=_component(msh, 11, 1) if _component(msh, 11, 1) in ("P", "T", "D") else "P",
        version=version if _VERSION.fullmatch(version) else "2.3.1",
    )
    if kind[0] != "ADT":
        raise MessageRefused("AR", 200, "MSH^1^9^1^1", "only ADT messages are taken here", header)
    if header.event not in EVENTS:
        raise MessageRefused("AR", 201, "MSH^1^9^1^2", f"these events are taken: {' '.join(EVENTS)}", header)
    if _component(msh, 11, 1) not in ("P", "T", "D"):
        raise MessageRefused("AR", 202, "MSH^1^11", "the processing id is P, T or D", header)
    if not _VERSION.fullmatch(version):
        raise MessageRefused("AR", 203, "MSH^1^12", "only versions 2.x are taken", header)
    if not header.control_id:
        raise MessageRefused("AR", 101, "MSH^1^10", "the message has no control id (MSH-10)", header)
    return header


def _only(segments: Sequence[str], name: str, header: Header) -> hl7.Segment:
    """The one segment `name`; several would be several patients in one message."""
    found = _raw(segments, name)
    if len(found) != 1:
        why = "is missing" if not found else "is there several times: one patient for each message"
        raise MessageRefused("AR", 100, name, f"segment {name} {why}", header)
    return _parsed(found[0], name, header)


def _parsed(segment: str, name: str, header: Header) -> hl7.Segment:
    if len(segment) > MOST_SEGMENT_CHARACTERS:
        raise MessageRefused("AR", 102, name, f"segment {name} is too long", header)
    try:
        # The library wants a whole message; the separators are known to be the usual ones.
        message = hl7.parse(segment if name == "MSH" else f"MSH|^~\\&|\r{segment}")
        return message.segment(name)
    except (hl7.HL7Exception, KeyError, IndexError, ValueError):
        raise MessageRefused("AR", 102, name, f"segment {name} cannot be read", header) from None


def _identifiers(
    segment: hl7.Segment, field: int, name: str, header: Header, authority: str, *, ascii_only: bool, bare: bool
) -> tuple[list[str], int]:
    """Identifiers of `authority` in one field, as CX, and how many there are of others.

    An identifier without any OID counts, if `bare` ones do, only where none has the right one: it might be a local
    number.
    """
    exact: dict[str, None] = {}
    local: dict[str, None] = {}
    ignored = 0
    for number, repetition in enumerate(segment[field] if len(segment) > field else [], start=1):
        if not str(repetition):
            continue
        identifier = _part(repetition, 1, 1)
        oid, kind = _part(repetition, 4, 2), _part(repetition, 4, 3)
        if (
            oid not in (("", authority) if bare else (authority,))
            or kind not in ("", "ISO")
            or (oid and not is_oid(oid))
        ):
            ignored += 1
            continue
        cx = _cx(identifier, authority, f"{name}^1^{field}^{number}^1", header, ascii_only=ascii_only)
        (exact if oid else local)[cx] = None
    if exact:
        return list(exact), ignored + len(local)
    return list(local), ignored


def _one(identifiers: Sequence[str], location: str, header: Header) -> str:
    if len(identifiers) > 1:
        raise MessageRefused("AE", 102, location, "several identifiers of one assigning authority", header)
    return identifiers[0]


def _field(segment: hl7.Segment, number: int) -> str:
    return str(segment[number]) if len(segment) > number else ""


def _component(segment: hl7.Segment, field: int, component: int) -> str:
    if len(segment) <= field or not len(segment[field]):
        return ""
    return _part(segment[field][0], component, 1)


def _part(repetition: hl7.Repetition | str, component: int, subcomponent: int) -> str:
    """One subcomponent of a repetition; the library leaves out levels that have no separator."""
    if isinstance(repetition, str):
        return repetition if (component, subcomponent) == (1, 1) else ""
    if len(repetition) < component:
        return ""
    found = repetition[component - 1]
    if isinstance(found, str):
        return found if subcomponent == 1 else ""
    return str(found[subcomponent - 1]) if len(found) >= subcomponent else ""


def _plain(text: str) -> str:
    """A header field as it may be echoed: one line, bounded."""
    return CONTROL.sub("", text)[:199]
