"""What is wrong with a request's head beyond what aiohttp's parser refuses (threats M14, M16, M24, T16, T24). Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_VERSION: Final = (1, 1)
_VERSION_10: Final = (1, 0)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a request is refused before its body is read. `close` ends the connection after the answer.

    `allow` names the methods that are answered, for a 405; `error` is that of an access token (RFC 6750).
    """

    status: int
    reason: str
    close: bool = True
    allow: str = "POST"
    error: str = ""


_NOT_HTTP: Final = Objection(400, "the request line is not HTTP/1.1")
_TRANSFER_ENCODING: Final = Objection(400, "Transfer-Encoding is not exactly chunked")
_TWO_LENGTHS: Final = Objection(400, "Content-Length and Transfer-Encoding stand together")
_UPGRADE: Final = Objection(400, "upgrades are not supported")
_COMPRESSED: Final = Objection(415, "Content-Encoding is not supported for requests")
_MISDIRECTED: Final = Objection(421, "the host asked for is not this node")
_EXPECTATION: Final = Objection(417, "the expectation is not supported")
_NO_HOST: Final = Objection(400, "the Host header cannot be read")
_NO_LENGTH: Final = Objection(411, "the request has no body")


def objection(version: tuple[int, int], target: str, headers: Mapping[str, str]) -> Objection | None:
    """Look at the head of a request; aiohttp has already refused doubled headers that matter.

    Args:
        version: HTTP version.
        target: request target as it was sent.
        headers: case-insensitive headers.
    """
    if version not in (_VERSION, _VERSION_10) or not target.startswith("/"):
        return _NOT_HTTP
    encoding = headers.get("Transfer-Encoding")
    if encoding is not None:
        if "Content-Length" in headers:
            return _TWO_LENGTHS
        if encoding.lower() != "chunked" or version != _VERSION:
            return _TRANSFER_ENCODING
    return _UPGRADE if "Upgrade" in headers else None


def objection_to_host(host: str, sni: str, ours: Collection[str]) -> Objection | None:
    """Look at the host that is asked for.

    Args:
        host: the Host header, "" when there is none (HTTP/1.0).
        sni: server name that TLS asked for, "" for none.
        ours: host names and addresses of this node, lower case, without port.
    """
    if not host:
        return None
    found = _HOST.fullmatch(host)
    if found is None:
        return _NO_HOST
    name = found[1].strip("[]").lower()
    if name not in ours or (sni and sni.lower() != name):
        return _MISDIRECTED
    return None


def objection_to_body(headers: Mapping[str, str], most: int) -> Objection | None:
    """Look at what the head says about the body. `most` is the cap of the route in bytes."""
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        return _COMPRESSED
    expectation = headers.get("Expect")
    if expectation is not None and expectation.lower() != "100-continue":
        return _EXPECTATION
    length = headers.get("Content-Length")
    if length is None:
        return None if "Transfer-Encoding" in headers else _NO_LENGTH
    if int(length) > most:
        return Objection(413, f"the request is larger than {most} bytes")
    return None
