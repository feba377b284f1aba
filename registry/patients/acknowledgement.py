"""The acknowledgement of an HL7 v2 message: AA, or AE and AR with an ERR segment (HL7 v2.3.1 and v2.5: 2.9.2). Pure."""

from __future__ import annotations

from typing import Final

from registry.patients.hl7v2 import CONTROL, Header, MessageRefused

# HL7 table 0357: what an ERR segment may say.
_CONDITIONS: Final = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    204: "Unknown key identifier",
    207: "Application internal error",
}


def acknowledge(header: Header, *, now: str, control_id: str, text: str = "") -> bytes:
    """An AA: the message is stored durably.

    Args:
        header: of the message that is answered.
        now: `YYYYMMDDhhmmss`.
        control_id: MSH-10 of the acknowledgement, at most 20 characters.
        text: MSA-3, for people.
    """
    return _ack(header, now, control_id, ["MSA|AA|" + header.control_id + (f"|{_escaped(text)}" if text else "")])


def refuse(refusal: MessageRefused, *, now: str, control_id: str) -> bytes:
    """An AE or AR with its ERR segment; the same arguments as `acknowledge`."""
    header = refusal.header
    condition = f"{refusal.condition}^{_CONDITIONS[refusal.condition]}^HL70357"
    if _recent(header.version):
        error = f"ERR||{refusal.location}|{condition}|E"
    else:  # ERR-1 of v2.3.1 is segment, sequence, field, and the code as its subcomponents
        place = [*refusal.location.split("^"), "", "", ""][:3]
        error = f"ERR|{'^'.join(place)}^{condition.replace('^', '&')}"
    return _ack(header, now, control_id, [f"MSA|{refusal.code}|{header.control_id}|{_escaped(refusal.text)}", error])


def _ack(header: Header, now: str, control_id: str, segments: list[str]) -> bytes:
    kind = "^".join(["ACK", *([header.event] if header.event else []), *(["ACK"] if _recent(header.version) else [])])
    fields = [
        "MSH",
        "^~\\&",
        header.receiving_application,
        header.receiving_facility,
        header.sending_application,
        header.sending_facility,
        now,
        "",
        kind,
        control_id[:20],
        header.processing_id,
        header.version,
    ]
    return "".join(line + "\r" for line in ["|".join(fields), *segments]).encode("utf-8", "replace")


def _recent(version: str) -> bool:
    return version >= "2.5"


def _escaped(text: str) -> str:
    """Free text of an acknowledgement: separators escaped, one line, bounded."""
    for character, escape in (("\\", "\\E\\"), ("|", "\\F\\"), ("^", "\\S\\"), ("~", "\\R\\"), ("&", "\\T\\")):
        text = text.replace(character, escape)
    return CONTROL.sub(" ", text)[:250]
