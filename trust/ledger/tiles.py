"""Tiles of a transparency log: paths and bytes, exactly C2SP tlog-tiles (audit-ledger 2.4).

A full tile holds 256 hashes, a full bundle 256 entries. Level 0 is made of leaf hashes; a hash of level n+1 is the root
over a full tile of level n.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

WIDTH: Final = 256
LEVEL_BITS: Final = 8  # 256 = 2 ** 8
ENTRIES: Final = "entries"
_MOST_ENTRY: Final = 2 + 98


def path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Where tile `number` of a level lies (`level` may be `ENTRIES` for the bundles).

    Source: C2SP tlog-tiles: `tile/<L>/<N>[.p/<W>]`, N in groups of three digits.
    """
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def files_of(size: int) -> Iterator[tuple[str, str, int]]:
    """Every file of a log of `size` entries: its path, that of the full tile in its place, and most bytes of it."""
    level, hashes = 0, size
    while hashes:
        for number in range((hashes + WIDTH - 1) // WIDTH):
            width = min(WIDTH, hashes - number * WIDTH)
            if level == 0:
                yield path(ENTRIES, number, width), path(ENTRIES, number), WIDTH * _MOST_ENTRY
            yield path(level, number, width), path(level, number), WIDTH * 32
        level, hashes = level + 1, hashes // WIDTH


def count_of(size: int) -> int:
    """How many files that are."""
    count, hashes = -(-size // WIDTH), size
    while hashes:
        count, hashes = count + -(-hashes // WIDTH), hashes // WIDTH
    return count


def bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as a bundle: each with its length in two bytes before it."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def read_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        ValueError: the bundle ends in the middle of an entry.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise ValueError(f"bundle ends inside entry {len(entries)}")
        entries.append(data[at + 2 : end])
        at = end
    return entries


def read_hashes(data: bytes) -> list[bytes]:
    """The hashes of a tile.

    Raises:
        ValueError: not a whole number of hashes, or none.
    """
    if not data or len(data) % 32:
        raise ValueError("a tile is a list of 32-byte hashes")
    return [data[at : at + 32] for at in range(0, len(data), 32)]
