"""Proofs read from the published files, with a node that goes on publishing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trust.ledger.ledgers import Place, local
from trust.ledger.merkle import leaf_hash, verify_inclusion
from trust.ledger.shard_files import ShardFiles
from trust.ledger.tiles import read_bundle


@pytest.mark.parametrize("entries", [1, 2, 255, 256, 257, 300, 513, 1000])
async def test_every_entry_has_its_proof(tmp_path: Path, entries: int) -> None:
    place = Place(tmp_path)
    async with place.running() as ledger:
        if entries > 1:
            await ledger.record([local() for _ in range(entries - 1)])
    files = ShardFiles(place.shard())
    assert files.size == entries
    for index in range(entries):
        proof = files.proof(index)
        assert verify_inclusion(index, entries, leaf_hash(files.entry(index)), proof, files.checkpoint.root)


async def test_what_is_published_later_does_no_harm(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.running() as ledger:
        await ledger.record([local() for _ in range(9)])
    files = ShardFiles(place.shard())
    first = [files.entry(index) for index in range(10)]
    for more in (5, 400):
        async with place.running() as ledger:
            await ledger.record([local() for _ in range(more)])
        assert [files.entry(index) for index in range(10)] == first
        assert all(
            verify_inclusion(index, 10, leaf_hash(first[index]), files.proof(index), files.checkpoint.root)
            for index in range(10)
        )
    assert [entry for _, data in files.bundles() for entry in read_bundle(data)] == first
    (tmp_path / "audit/2026/tile/entries/000").unlink()
    with pytest.raises(FileNotFoundError, match="entries/000"):
        files.entry(0)
