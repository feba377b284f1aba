"""Paths and bytes of tiles (C2SP tlog-tiles)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trust.ledger.tiles import ENTRIES, bundle, path, read_bundle, read_hashes

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("tile", "expected"),
    [
        ((0, 0), "tile/0/000"),
        ((0, 1, 44), "tile/0/001.p/44"),
        ((1, 0, 1), "tile/1/000.p/1"),
        ((0, 1234067), "tile/0/x001/x234/067"),
        ((2, 1000, 7), "tile/2/x001/000.p/7"),
        ((ENTRIES, 999), "tile/entries/999"),
    ],
)
def test_where_a_tile_lies(tile: tuple, expected: str) -> None:
    assert path(*tile) == expected


@UNHURRIED
@given(st.lists(st.binary(max_size=300)))
def test_what_is_bundled_can_be_read(entries: list[bytes]) -> None:
    assert read_bundle(bundle(entries)) == entries


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", bundle([b"abc"])[:-1]])
def test_a_bundle_that_ends_inside_an_entry_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="inside entry"):
        read_bundle(data)


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33)])
def test_a_tile_is_whole_hashes(data: bytes) -> None:
    with pytest.raises(ValueError, match="list of"):
        read_hashes(data)
