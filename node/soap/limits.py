"""Caps of the XML and MIME readers (threats 3: parser baseline, M6 to M13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlLimits:
    """What one XML document may hold. Sizes in bytes.

    `nodes` counts elements, comments and processing instructions. `long_texts` permits a text of more than 10 MB, as a
    scanned letter within a CDA is one.
    """

    size: int
    nodes: int
    depth: int = 64
    attributes: int = 64
    namespaces: int = 32
    long_texts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MimeLimits:
    """What one multipart/related package may hold. Sizes in bytes; `total` counts what arrives on the wire."""

    total: int = 4096 * MIB
    parts: int = 1000
    part_headers: int = 16 * KIB
    header_lines: int = 64
    around: int = 64 * KIB  # preamble and epilogue, each
    before_root: int = 256 * MIB  # parts that must be spooled before the root is known
    not_referenced: int = MIB  # parts that nobody asked for
    inline: int = 64 * MIB  # documents inside the envelope, decoded
    inline_from: int = MIB  # a larger root is searched for documents while it arrives


REQUEST: Final = XmlLimits(size=4 * MIB, nodes=200_000)
ANSWER: Final = XmlLimits(size=64 * MIB, nodes=2_000_000)
DOCUMENT: Final = XmlLimits(size=96 * MIB, nodes=2_000_000, long_texts=True)
