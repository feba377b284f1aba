"""Mutations of recorded messages, from a seed: for where no wheel of atheris exists, and for the fast tests. Pure."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

MOST: Final = 200_000  # octets of one input


def mutated(rng: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """A message with one to eight things done to it."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 8)):
        rng.choice(_WAYS)(rng, data, seeds, words)
    return bytes(data[:MOST])


def _flip(rng: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _octet(rng: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    data.insert(rng.randint(0, len(data)), rng.choice((0, 9, 10, 13, 0x3C, 0x7F, 0x80, 0xC0, 0xFF, rng.randrange(256))))


def _remove(rng: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    begin = rng.randint(0, len(data))
    del data[begin : begin + rng.choice((1, 3, 20, 200))]


def _repeat(rng: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    begin = rng.randint(0, len(data))
    piece = bytes(data[begin : begin + rng.choice((1, 10, 100, 1000))])
    data[begin:begin] = piece * rng.choice((1, 2, 50))


def _word(rng: random.Random, data: bytearray, _seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    if words:
        place = rng.randint(0, len(data))
        data[place:place] = rng.choice(words)


def _splice(rng: random.Random, data: bytearray, seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    other = rng.choice(seeds)
    begin, place = rng.randint(0, len(other)), rng.randint(0, len(data))
    data[place:] = other[begin:]


def _value(rng: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    """Another value where one stands: the message stays well formed, so that what reads values is reached."""
    found = list(_VALUES.finditer(bytes(data)))
    if found:
        one = rng.choice(found)
        group = 1 if one.group(1) is not None else 2
        data[one.start(group) : one.end(group)] = rng.choice(_HOSTILE)


def _cut(rng: random.Random, data: bytearray, _seeds: Sequence[bytes], _words: Sequence[bytes]) -> None:
    del data[rng.randint(0, len(data)) :]


_VALUES: Final = re.compile(rb'>([^<>]*)</|="([^"<>]*)"')
_HOSTILE: Final = (
    *(b"", b" ", b"0", b"-1", b"9" * 5000, b"x" * 10_000, b"&amp;&#9;&#10;", b"'", b"''", b"('')", b"(')", b"%_"),
    *(b"^^^&amp;&amp;", b"urn:uuid:", b"urn:oid:2.999", b"20260230", b"../../etc", b"cid:%zz"),
    "\u4e2d\u6587\u202e\u05d0\ufffd\U0001f4a9".encode(),
)
_WAYS: Final[tuple[Callable[[random.Random, bytearray, Sequence[bytes], Sequence[bytes]], None], ...]] = (
    _flip,
    _octet,
    _remove,
    _repeat,
    _word,
    _word,
    _value,
    _value,
    _value,
    _splice,
    _cut,
)
