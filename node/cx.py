"""HL7 v2 values as people write them: text escaped, a patient identifier completed."""

from __future__ import annotations


def escaped(text: str) -> str:
    """Text as a part of an HL7 v2 value."""
    for character, escape in (("\\", "\\E\\"), ("|", "\\F\\"), ("^", "\\S\\"), ("~", "\\R\\"), ("&", "\\T\\")):
        text = text.replace(character, escape)
    return text


def patient_cx(text: str, authority: str) -> str:
    """`ID` or `ID^^^&OID&ISO` as CX; `ID` alone is of `authority`."""
    return text.strip() if "^" in text else f"{escaped(text.strip())}^^^&{authority}&ISO"
