"""Merkle tree of RFC 6962: hashing, a frontier that grows leaf by leaf, proofs and their verification (RFC 9162, 2.1).

Hashes are 32 bytes of SHA-256. Nothing here does IO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, Self

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one leaf. The prefix 0x00 keeps a leaf from ever passing for a node. Source: RFC 6962: 2.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node, prefix 0x01. Source: RFC 6962: 2.1."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the complete subtrees that a tree of `size` leaves consists of, largest first.

    This is all that is needed to append leaves and to know the root: at most 64 hashes, however long the log is.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count() or any(len(peak) != HASH_BYTES for peak in self.peaks):
            raise ValueError(f"a tree of {size} leaves does not have {len(self.peaks)} peaks")

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Self:
        """The frontier that `to_bytes` wrote.

        Raises:
            ValueError: the number of hashes does not fit `size`.
        """
        if len(data) % HASH_BYTES:
            raise ValueError("not a list of hashes")
        return cls(size, (data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)))

    def to_bytes(self) -> bytes:
        """All peaks, one after the other."""
        return b"".join(self.peaks)

    def copy(self) -> Frontier:
        """An independent frontier of the same tree."""
        return Frontier(self.size, self.peaks)

    def append(self, leaf: bytes) -> None:
        """Add the leaf with hash `leaf` at the end."""
        size = self.size
        peaks = self.peaks
        while size & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The Merkle tree hash."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The Merkle tree hash over these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


Subtree = Callable[[int, int], bytes]  # root over the leaves of the half-open range [start, end)


def subtree_of(leaves: Sequence[bytes]) -> Subtree:
    """A `Subtree` over leaf hashes in memory. One over tiles does the same without reading every leaf."""
    return lambda start, end: root_of(leaves[start:end])


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root of `size` leaves, sibling of the leaf first.

    Raises:
        ValueError: no such leaf.

    Source: RFC 9162: 2.1.3.1.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start = middle
    proof.reverse()
    return proof


class Growth:
    """What a batch added to a tree: proofs of its leaves, from the frontier before it and the batch alone.

    A left sibling on the way to the root is a peak of that frontier or was completed by the batch, and all that is to
    the right is of the batch, so that nothing older is read. `size` counts the leaves after the batch.
    """

    __slots__ = ("_nodes", "_peaks", "size")

    def __init__(self, before: Frontier, leaves: Iterable[bytes]) -> None:
        nodes: dict[tuple[int, int], bytes] = {}  # complete subtrees by the range of leaves that they span
        peaks: list[tuple[int, int, bytes]] = []
        end = 0
        for bit in (1 << power for power in reversed(range(before.size.bit_length()))):
            if before.size & bit:
                end += bit
                peaks.append((end - bit, end, before.peaks[len(peaks)]))
        nodes.update(((start, stop), hash_) for start, stop, hash_ in peaks)
        for leaf in leaves:
            start, end, hash_ = end, end + 1, leaf
            nodes[start, end] = hash_
            while peaks and peaks[-1][1] - peaks[-1][0] == end - start:
                start, _, left = peaks.pop()
                hash_ = sha256(b"\x01" + left + hash_).digest()
                nodes[start, end] = hash_
            peaks.append((start, end, hash_))
        self.size = end
        self._nodes = nodes
        self._peaks = peaks

    def inclusion_proof(self, index: int) -> list[bytes]:
        """As the function of this name does, for a leaf of the batch in the tree after it.

        Raises:
            ValueError: there is no such leaf, or its proof needs leaves that are older than the batch.
        """
        try:
            return inclusion_proof(index, self.size, self._subtree)
        except KeyError:
            raise ValueError(f"leaf {index} is older than the batch") from None

    def _subtree(self, start: int, end: int) -> bytes:
        found = self._nodes.get((start, end))
        if found is None and end == self.size:  # the ragged right edge: the peaks from `start` on
            edge = [hash_ for first, _, hash_ in self._peaks if first >= start]
            found = edge.pop()
            while edge:
                found = node_hash(edge.pop(), found)
        if found is None:
            raise KeyError(start)
        return found


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """The hashes that show that the tree of `old` leaves is a prefix of the tree of `new`.

    Raises:
        ValueError: `old` is not between 0 and `new`.

    Source: RFC 9162: 2.1.4.1.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} has no prefix of {old}")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end = 0, new
    whole = True  # the old tree is a complete subtree here, so its hash is known to whoever knows the old root
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start, whole = middle, False
    if not whole:
        proof.append(subtree(start, end))
    proof.reverse()
    return proof


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` leads from leaf hash `leaf` at `index` to `root` of `size` leaves. Source: RFC 9162: 2.1.3.2."""
    if not 0 <= index < size or any(len(one) != HASH_BYTES for one in proof):
        return False
    first, last, found = index, size - 1, leaf
    for one in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            found = node_hash(one, found)
            while first and not first & 1:
                first >>= 1
                last >>= 1
        else:
            found = node_hash(found, one)
        first >>= 1
        last >>= 1
    return last == 0 and found == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree (`old`, `old_root`) is a prefix of (`new`, `new_root`).

    Source: RFC 9162: 2.1.4.2.
    """
    if not 0 <= old <= new or any(len(one) != HASH_BYTES for one in proof):
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == new:
        return not proof and old_root == new_root
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    return bool(hashes) and _joined(old, new, hashes) == (old_root, new_root)


def _joined(old: int, new: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """The two roots that these hashes give, or None when there are too many or too few of them."""
    first, last = old - 1, new - 1
    while first & 1:
        first >>= 1
        last >>= 1
    old_found = new_found = hashes[0]
    for one in hashes[1:]:
        if last == 0:
            return None
        if first & 1 or first == last:
            old_found, new_found = node_hash(one, old_found), node_hash(one, new_found)
            while first and not first & 1:
                first >>= 1
                last >>= 1
        else:
            new_found = node_hash(new_found, one)
        first >>= 1
        last >>= 1
    return (old_found, new_found) if last == 0 else None
