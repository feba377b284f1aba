"""Subtrees from published tiles are those of the leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trust.ledger import tiles
from trust.ledger.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_of, subtree_of, verify_consistency
from trust.ledger.tile_tree import subtree_of_tiles

SIZE = 70_000  # three levels
LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(SIZE)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("log")
    level, hashes = 0, LEAVES
    while hashes:
        for number in range(0, len(hashes), tiles.WIDTH):
            part = hashes[number : number + tiles.WIDTH]
            path = place / tiles.path(level, number // tiles.WIDTH, len(part))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(part))
        full = len(hashes) // tiles.WIDTH
        hashes = [root_of(hashes[at * tiles.WIDTH : (at + 1) * tiles.WIDTH]) for at in range(full)]
        level += 1
    return place


@settings(max_examples=40, deadline=None)
@given(st.integers(0, SIZE), st.integers(0, SIZE))
def test_proofs_between_any_two_sizes(folder: Path, one: int, two: int) -> None:
    old, new = sorted((one, two))
    subtree = subtree_of_tiles(folder, SIZE)
    proof = consistency_proof(old, new, subtree)
    roots = [root_of(LEAVES[:size]) if size else EMPTY_ROOT for size in (old, new)]
    assert verify_consistency(old, new, roots[0], roots[1], proof)
    assert subtree(0, new) == roots[1]
    if new < 2000:
        assert proof == consistency_proof(old, new, subtree_of(LEAVES))


def test_a_tile_that_becomes_full_meanwhile_is_read_all_the_same(tmp_path: Path, monkeypatch) -> None:
    """The full one is there before the partial one goes: wherever the writer is, one of them is found."""
    partial, full = (tmp_path / tiles.path(0, 0, width) for width in (3, tiles.WIDTH))
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"".join(LEAVES[:3]))
    really = Path.read_bytes

    def reading(path: Path) -> bytes:
        try:
            return really(path)
        finally:  # the writer is as fast as it can be
            if not full.exists():
                full.write_bytes(b"".join(LEAVES[: tiles.WIDTH]))
                partial.unlink()

    monkeypatch.setattr(Path, "read_bytes", reading)
    assert subtree_of_tiles(tmp_path, 3)(0, 3) == root_of(LEAVES[:3])


def test_what_is_missing_or_short_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        subtree_of_tiles(tmp_path, 3)(0, 3)
    path = tmp_path / tiles.path(0, 0, 3)
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(64))
    with pytest.raises(ValueError, match="shorter"):
        subtree_of_tiles(tmp_path, 3)(0, 3)
