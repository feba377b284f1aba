"""How well an index links records of which it is known whose they are: precision, recall, and recall by mistake."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.patients.demographics import Demographics, Identifier
from registry.store.master_index import MasterIndex
from tests.registry.registry_bench import NOW, SCHEMA


class Entry(Protocol):
    """A record, and whose it is."""

    @property
    def identifier(self) -> Identifier:
        """Its own."""

    @property
    def person(self) -> Demographics:
        """What it says."""

    @property
    def true(self) -> int:
        """Whose it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Pairs of records: `of` belong together, `links` were made automatically, `together` are in one person thereby."""

    of: int
    links: int
    links_right: int
    together: int
    together_right: int
    queued: int
    queued_right: int
    wrong: tuple[tuple[Identifier, Identifier], ...]
    by_kind: Mapping[str, tuple[int, int, int]]  # kind: pairs, linked, linked or queued

    @property
    def precision(self) -> float:
        """Of the automatic links."""
        return self.links_right / max(self.links, 1)

    @property
    def precision_of_persons(self) -> float:
        """Of all pairs that the links make one person."""
        return self.together_right / max(self.together, 1)

    @property
    def recall(self) -> float:
        """True pairs that are one person without anybody's doing."""
        return self.together_right / max(self.of, 1)

    @property
    def seen(self) -> float:
        """True pairs that are linked, or in the queue of a person who decides."""
        return (self.together_right + self.queued_right) / max(self.of, 1)


def judge(
    entries: Sequence[Entry],
    sources: Sequence[str],
    kinds: Callable[[Identifier, Identifier], frozenset[str]] = lambda _one, _other: frozenset(),
) -> Quality:
    """Store all records in a new index, in their order, and compare what it made of them with what is true.

    `kinds` names what is different in a pair of records; a pair counts under each.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA)
    connection.execute("BEGIN")
    index = MasterIndex(connection, sources[0], sources[1:])
    for entry in entries:
        index.store(entry.identifier, entry.person, NOW)
    numbers = {entry.identifier: found.no for entry in entries if (found := index.show(entry.identifier))}
    true = {numbers[entry.identifier]: entry.true for entry in entries}
    names = {no: identifier for identifier, no in numbers.items()}
    decided = list(connection.execute("SELECT low, high, state FROM patient_pair"))
    links = [(low, high) for low, high, state in decided if state == "linked"]
    queue = [(low, high) for low, high, state in decided if state == "review"]
    persons = {tuple(index.pairs.person(no)) for no in true}
    person_of = {no: person for person in persons for no in person}
    queued = {pair for pair in queue if person_of[pair[0]] != person_of[pair[1]]}
    own: dict[Hashable, list[int]] = defaultdict(list)
    for no, whose in sorted(true.items()):
        own[whose].append(no)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for group in own.values():
        for pair in itertools.combinations(group, 2):
            linked = person_of[pair[0]] == person_of[pair[1]]
            for kind in kinds(names[pair[0]], names[pair[1]]) or {"nothing"}:
                counts[kind][0] += 1
                counts[kind][1] += linked
                counts[kind][2] += linked or pair in queued
    return Quality(
        of=_pairs(map(len, own.values())),
        links=len(links),
        links_right=sum(true[low] == true[high] for low, high in links),
        together=_pairs(map(len, persons)),
        together_right=sum(_pairs(Counter(true[no] for no in person).values()) for person in persons),
        queued=len(queued),
        queued_right=sum(true[low] == true[high] for low, high in queued),
        wrong=tuple((names[low], names[high]) for low, high in links if true[low] != true[high]),
        by_kind={kind: (found[0], found[1], found[2]) for kind, found in sorted(counts.items())},
    )


def _pairs(counts: Iterable[int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts)
