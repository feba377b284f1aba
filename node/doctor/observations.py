"""What was seen on the way to one address of another institution: values for `diagnosis`, made by `probing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

SECONDS: Final = 10.0  # for a name, a handshake, an answer
CONNECT_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the resolver said: addresses, or `trouble` as it names it (EAI_NONAME, timeout …) with its words."""

    addresses: tuple[str, ...] = ()
    trouble: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """One attempt to connect: `trouble` is the name of the errno, `timeout`, `forbidden`, or "" when it stands."""

    address: str
    trouble: str = ""
    words: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaken:
    """One handshake.

    `trouble` is OpenSSL's reason (`TLSV1_ALERT_UNKNOWN_CA`), `CERTIFICATE` where this node refused theirs, `timeout`,
    `closed`, or "" when it succeeded. `version`, `cipher` and `shown` (DER) are what the other side showed, also to a
    second, tolerant look after a failure.
    """

    trouble: str = ""
    words: str = ""
    version: str = ""
    cipher: str = ""
    shown: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came back for a GET: the status line and the Date header, or `trouble` as for `Shaken`."""

    line: str = ""
    date: str = ""
    trouble: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that was seen of one address; what was not tried is None. `at` is this machine's time of the answer.

    `own` is what is wrong with this node's own certificate: a code of the table and its words, or empty.
    """

    host: str
    port: int
    named: Named
    connected: Sequence[Connected] = ()
    own: tuple[str, str] = ("", "")
    shaken: Shaken | None = None
    heard: Heard | None = None
    at: datetime | None = None
    synchronised: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is recorded about the other institution (PEM), and what this node is.

    `own` is the fingerprint of this node's certificate; `lists` says whether it keeps revocation lists. `bound` are the
    fingerprints on record here as this institution's, `withdrawn` those of everybody that were revoked, and when.
    """

    chain: str
    pins: str
    now: datetime
    own: str = ""
    lists: bool = False
    bound: frozenset[str]
    withdrawn: Mapping[str, str]
