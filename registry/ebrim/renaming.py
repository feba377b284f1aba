"""Stored ebRIM of one object made into that of another: what an object hands on without being read and written anew.

Everything here works on what `ebrim.writer` wrote, where values are escaped: a quote or a bracket is always markup.
"""

from __future__ import annotations

import re
from typing import Final

from registry.ebrim.writer import escape

_HEAD: Final = len("urn:uuid:xxxxxxxx")
_PART: Final = re.compile(rb'(<rim:(?:Classification|ExternalIdentifier) id=")([^"]*)"')
_LOGICAL_ID: Final = re.compile(rb'^(<rim:[^>]*? lid=")[^"]*')
_VERSION: Final = re.compile(rb'<rim:VersionInfo versionName="[^"]*"/>')
_SOURCE_PATIENT: Final = re.compile(rb'(<rim:Slot name="sourcePatientId"><rim:ValueList><rim:Value>)[^<]*')
_FIRST_OWN_PART: Final = 0x8000  # ids that `ebrim.writer` derives count from 1


def renamed(template: bytes, before: str, after: str) -> bytes:
    """Stored ebRIM with another UUID, and ids of parts derived from it (`ebrim.writer`) derived from the new one."""
    if before == after:
        return template
    difference = int(before[_HEAD - 8 : _HEAD], 16) ^ int(after[_HEAD - 8 : _HEAD], 16)

    def new(match: re.Match[bytes]) -> bytes:
        return b"urn:uuid:%08x%s" % (int(match[1], 16) ^ difference, after[_HEAD:].encode())

    return re.sub(rb"urn:uuid:([0-9A-Fa-f]{8})" + re.escape(before[_HEAD:].encode()), new, template)


def next_version(template: bytes, before: str, after: str, *, logical_id: str, version: int, source: str = "") -> bytes:
    """Stored ebRIM of the version that follows; the ids of its parts are new as well.

    Args:
        template: of a DocumentEntry or Folder.
        before: its entryUUID.
        after: the entryUUID of the next version.
        logical_id: of all versions.
        version: of the next one.
        source: its sourcePatientId; "": it stays as it is.
    """
    own = after[_HEAD:].encode()
    count = _FIRST_OWN_PART

    def part(match: re.Match[bytes]) -> bytes:
        nonlocal count
        if match[2].endswith(own):
            return match[0]
        count += 1
        return b'%surn:uuid:%08x%s"' % (match[1], int(after[_HEAD - 8 : _HEAD], 16) ^ count, own)

    text = _PART.sub(part, renamed(template, before, after))
    text = _LOGICAL_ID.sub(lambda found: found[1] + logical_id.encode(), text)
    text = _VERSION.sub(b'<rim:VersionInfo versionName="%d"/>' % version, text, count=1)
    if source:
        text = _SOURCE_PATIENT.sub(lambda found: found[1] + escape(source).encode(), text, count=1)
    return text


def logical_id_of(template: bytes) -> str:
    """The logicalID that stored ebRIM carries."""
    head = re.match(rb'<rim:[^>]*? lid="([^"]*)', template)
    return head[1].decode() if head else ""
