"""Numbers and names of the shards of a log: a year, and a letter for each one that had to follow a loss within it."""

from __future__ import annotations

from trust.errors import LedgerBroken


def place_of(shard: int) -> tuple[int, int]:
    """Year and letter (0 for none), in which order shards follow each other."""
    return divmod(shard, 100) if shard > 9999 else (shard, 0)


def shard_name(shard: int) -> str:
    """The last part of an origin, which is also the name of the folder: the year, with a letter after a recovery.

    A shard is numbered by its year; one that follows a loss within a year has the letter's number behind the year.
    """
    year, letter = place_of(shard)
    return f"{year}{chr(ord('a') + letter) if letter else ''}"


def year_of(shard: int) -> int:
    """The calendar year of a shard."""
    return place_of(shard)[0]


def successor(shard: int) -> int:
    """The number of the shard that takes over within the same year: 2026, 2026b, 2026c.

    Raises:
        LedgerBroken: there is no letter left.
    """
    following = shard * 100 + 1 if shard <= 9999 else shard + 1
    if following % 100 > 25:
        raise LedgerBroken(f"no letter is left for a shard after {shard_name(shard)}")
    return following
