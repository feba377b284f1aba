"""Roots of subtrees from the published tiles, so that a proof costs a few small reads however long the log is."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from trust.ledger import tiles
from trust.ledger.merkle import EMPTY_ROOT, Subtree, root_of
from trust.ledger.tiles import LEVEL_BITS, WIDTH


def subtree_of_tiles(folder: Path, size: int) -> Subtree:
    """A `Subtree` over the tiles in `folder`, whose checkpoint has at least `size` leaves.

    Calling it raises FileNotFoundError for a tile that is not there and ValueError for one that is damaged. Nothing is
    verified: whoever relies on a root compares it with a signed one.
    """

    @lru_cache(maxsize=64)
    def tile(level: int, number: int) -> list[bytes]:
        width = min(WIDTH, (size >> (LEVEL_BITS * level)) - number * WIDTH)
        try:
            data = (folder / tiles.path(level, number, width)).read_bytes()
        except FileNotFoundError:  # it has made room for the full one; in the other order both could be missed
            data = (folder / tiles.path(level, number)).read_bytes()
        return tiles.read_hashes(data)

    def complete(start: int, height: int) -> bytes:
        """The root over 2^height leaves, `start` a multiple of that."""
        level, above = divmod(height, LEVEL_BITS)
        first, count = start >> (LEVEL_BITS * level), 1 << above
        hashes = tile(level, first // WIDTH)[first % WIDTH : first % WIDTH + count]
        if len(hashes) != count:
            raise ValueError(f"tile {level}/{first // WIDTH} is shorter than its checkpoint says")
        return root_of(hashes)

    def subtree(start: int, end: int) -> bytes:
        peaks = []
        while start < end:
            height = (end - start).bit_length() - 1
            peaks.append(complete(start, height))
            start += 1 << height
        return _joined(peaks)

    return subtree


def _joined(peaks: list[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = root_of((peak, root))
    return root
