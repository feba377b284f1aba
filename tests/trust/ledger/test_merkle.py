"""The tree of RFC 6962 against the given vectors and its own recursive definition."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shared import SHARED, needs_shared
from trust.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    subtree_of,
    verify_consistency,
    verify_inclusion,
)
from trust.ledger.tiles import read_bundle, read_hashes

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def vectors():
    return json.loads((SHARED / "vectors/tlog/out/vectors.json").read_text(encoding="utf-8"))


def leaves_300():
    folder = SHARED / "vectors/tlog/out/log300/tile/entries"
    entries = read_bundle((folder / "000").read_bytes()) + read_bundle((folder / "001.p/44").read_bytes())
    return [leaf_hash(entry) for entry in entries]


def recursive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962: 2.1, as it is written there."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else EMPTY_ROOT
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(recursive_root(leaves[:middle]), recursive_root(leaves[middle:]))


def hashes(count: int) -> list[bytes]:
    return [leaf_hash(bytes([number % 256, number // 256])) for number in range(count)]


def test_reference_tree_of_certificate_transparency() -> None:
    inputs = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
    root = root_of(leaf_hash(bytes.fromhex(one)) for one in inputs)
    assert root.hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("size", [*range(20), 255, 256, 257, 300])
def test_frontier_gives_the_recursive_root(size: int) -> None:
    frontier = Frontier()
    for leaf in hashes(size):
        frontier.append(leaf)
    assert frontier.root() == recursive_root(hashes(size))
    assert Frontier.from_bytes(size, frontier.to_bytes()).root() == frontier.root()


@pytest.mark.parametrize(("size", "data"), [(1, b""), (3, bytes(32)), (2, bytes(33)), (-1, b"")])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"peaks|hashes"):
        Frontier.from_bytes(size, data)


def test_a_copy_grows_alone() -> None:
    frontier = Frontier()
    frontier.append(bytes(32))
    grown = frontier.copy()
    grown.append(bytes(32))
    assert (frontier.size, grown.size) == (1, 2)


@needs_shared
def test_vectors_roots() -> None:
    leaves, given_ = leaves_300(), vectors()
    assert [leaf.hex() for leaf in leaves] == given_["logs"]["300"]["leaf_hashes"]
    for size, root in given_["roots_by_size"].items():
        assert root_of(leaves[: int(size)]).hex() == root


@needs_shared
@pytest.mark.parametrize("size", [5, 300])
def test_vectors_inclusion(size: int) -> None:
    leaves = leaves_300()[:size]
    for case in vectors()["logs"][str(size)]["inclusion"]:
        proof = inclusion_proof(case["index"], size, subtree_of(leaves))
        assert [one.hex() for one in proof] == case["proof"]
        assert verify_inclusion(case["index"], size, leaves[case["index"]], proof, root_of(leaves))


@needs_shared
def test_vectors_consistency() -> None:
    leaves = leaves_300()
    for case in vectors()["consistency"]:
        old, new = case["old"], case["new"]
        proof = consistency_proof(old, new, subtree_of(leaves))
        assert [one.hex() for one in proof] == case["proof"]
        assert verify_consistency(old, new, bytes.fromhex(case["old_root"]), bytes.fromhex(case["new_root"]), proof)


@needs_shared
def test_vectors_tiles_hold_the_leaf_hashes() -> None:
    folder = SHARED / "vectors/tlog/out/log300/tile"
    found = read_hashes((folder / "0/000").read_bytes()) + read_hashes((folder / "0/001.p/44").read_bytes())
    assert found == leaves_300()
    assert read_hashes((folder / "1/000.p/1").read_bytes()) == [root_of(found[:256])]


@UNHURRIED
@given(st.integers(1, 130).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_every_inclusion_proof_verifies_and_only_as_it_is(case: tuple[int, int]) -> None:
    size, index = case
    leaves = hashes(size)
    root = root_of(leaves)
    proof = inclusion_proof(index, size, subtree_of(leaves))
    assert verify_inclusion(index, size, leaves[index], proof, root)
    assert not verify_inclusion(index, size, leaf_hash(b"another"), proof, root)
    if size > 1:
        assert not verify_inclusion((index + 1) % size, size, leaves[index], proof, root)


@UNHURRIED
@given(st.integers(0, 130).flatmap(lambda new: st.tuples(st.integers(0, new), st.just(new))))
def test_every_consistency_proof_verifies_and_only_as_it_is(case: tuple[int, int]) -> None:
    old, new = case
    leaves = hashes(new)
    old_root, new_root = root_of(leaves[:old]), root_of(leaves)
    proof = consistency_proof(old, new, subtree_of(leaves))
    assert verify_consistency(old, new, old_root, new_root, proof)
    if 0 < old < new:
        assert not verify_consistency(old, new, leaf_hash(b"x"), new_root, proof)
        assert not verify_consistency(old, new, old_root, leaf_hash(b"x"), proof)
        assert not verify_consistency(old, new, old_root, new_root, [*proof, new_root])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_proof(index, size, subtree_of(hashes(size)))


def test_no_proof_for_a_prefix_that_is_longer() -> None:
    with pytest.raises(ValueError, match="no prefix"):
        consistency_proof(4, 3, subtree_of(hashes(4)))
