"""AuditMessages as syslog, the way an Audit Record Repository takes them (ITI TF-2: 3.20; RFC 5424, RFC 5425).

Pure: text in, bytes out. A message sent twice is the same bytes twice.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

AUDIT_MESSAGE: Final = "IHE+RFC-3881"
CHECKPOINT: Final = "AUDIT-CHECKPOINT"
_PRIORITY: Final = 85  # facility 10 (authpriv), severity 5 (notice)
_APPLICATION: Final = "xdsnode"
_BOM: Final = b"\xef\xbb\xbf"
_NAME: Final = re.compile(r"[\x21-\x7e]{1,255}")
_ESCAPED: Final = re.compile(r'(["\\\]])')


def message(text: str, *, time: str, host: str, message_id: str = AUDIT_MESSAGE, structured: str = "-") -> bytes:
    """One SYSLOG-MSG (RFC 5424: 6) with `text` as UTF-8 behind a byte order mark.

    Args:
        text: the AuditMessage, or whatever `message_id` says.
        time: when it happened, UTC, `YYYY-MM-DDThh:mm:ss.mmmZ`.
        host: name of the sending machine.
        message_id: MSGID.
        structured: STRUCTURED-DATA, "-" for none.

    Raises:
        ValueError: `host` is not 1 to 255 printable ASCII characters.
    """
    if not _NAME.fullmatch(host):
        raise ValueError(f"{host!r} cannot be the HOSTNAME of a syslog message")
    # PROCID stays empty: a message that is sent again by another process is still the same message.
    head = f"<{_PRIORITY}>1 {time} {host} {_APPLICATION} - {message_id} {structured} "
    return head.encode("ascii") + _BOM + text.encode()


def place(number: int, origin: str, *, index: int, entry: bytes) -> str:
    """STRUCTURED-DATA that says which entry of which log a message is, under a private enterprise number (0: "-").

    `entry` is the public leaf of 98 bytes, so that a receiver recognises duplicates and an auditor finds the entry.
    """
    if not number:
        return "-"
    named = _ESCAPED.sub(r"\\\1", origin)
    return f'[audit@{number} origin="{named}" index="{index}" entry="{b64encode(entry).decode()}"]'


def checkpoint(note: bytes) -> str:
    """A signed checkpoint as text of one line: base64, because receivers rewrite line ends."""
    return b64encode(note).decode("ascii")


def frame(data: bytes) -> bytes:
    """One frame of RFC 5425: length in bytes, a space, the message."""
    return b"%d %b" % (len(data), data)
