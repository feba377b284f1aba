"""The published files of one shard, read for proofs: checkpoint, entries, inclusion proofs (C2SP tlog-tiles).

A node may publish while this reads. A checkpoint is replaced after its tiles are there, and a partial tile makes room
for the full one only, so whatever the checkpoint that was read covers can be read. The file `cosigned` is read before
it: what witnesses have signed is never newer than the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trust.ledger import tiles
from trust.ledger.checkpoint import Checkpoint, parse_checkpoint, parse_note
from trust.ledger.merkle import inclusion_proof
from trust.ledger.tile_tree import subtree_of_tiles
from trust.ledger.tiles import ENTRIES, WIDTH

_ENTRY: Final = 100  # bytes of one entry in a bundle, with its length


class ShardFiles:
    """One shard as its newest checkpoint in `folder` states it; errors are OSError and ValueError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        cosigned = folder / "cosigned"
        self.cosigned = cosigned.read_bytes() if cosigned.exists() else b""
        self.note = (folder / "checkpoint").read_bytes()
        self.checkpoint: Checkpoint = parse_checkpoint(parse_note(self.note).text)
        self._subtree = subtree_of_tiles(folder, self.checkpoint.size)

    @property
    def size(self) -> int:
        """Number of entries that the checkpoint covers."""
        return self.checkpoint.size

    def entry(self, index: int) -> bytes:
        """One entry, 98 bytes."""
        return tiles.read_bundle(self._bundle(index // WIDTH))[index % WIDTH]

    def proof(self, index: int) -> list[bytes]:
        """The inclusion proof of an entry in the tree of the checkpoint."""
        return inclusion_proof(index, self.size, self._subtree)

    def bundles(self) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of every bundle of entries: the whole leaf layer of the checkpoint, and nothing after it."""
        for number in range((self.size + WIDTH - 1) // WIDTH):
            width = min(WIDTH, self.size - number * WIDTH)
            yield tiles.path(ENTRIES, number, width), self._bundle(number)[: width * _ENTRY]

    def _bundle(self, number: int) -> bytes:
        """A bundle as the checkpoint has it, or the full one that has taken its place."""
        width = min(WIDTH, self.size - number * WIDTH)
        try:
            return (self.folder / tiles.path(ENTRIES, number, width)).read_bytes()
        except FileNotFoundError:
            return (self.folder / tiles.path(ENTRIES, number)).read_bytes()
