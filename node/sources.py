"""One document that came by several routes is one document with several sources. Pure.

The same uniqueId and the same hash are the same document. The same uniqueId with different hashes is never folded: one
of the two is wrong, and a person has to see that. The same content under two uniqueIds stays two documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class Identity(NamedTuple):
    """What tells whether two entries are of one document; `hash` is hex in either case, "" when it is not known."""

    unique_id: str
    hash: str
    home: str


@dataclass(slots=True, kw_only=True)
class Folded(Generic[Item]):
    """One document: the entry to use, and the entries of the same document at other communities.

    `contradicted`: another entry of this uniqueId has another hash.
    """

    first: Item
    others: list[Item] = field(default_factory=list)
    contradicted: bool = False


def fold(items: Iterable[Item], identity: Callable[[Item], Identity], *, own_home: str = "") -> list[Folded[Item]]:
    """Each document once, in the order in which it came first; an entry of the own community is the one to use."""
    found: dict[tuple[str, str], Folded[Item]] = {}
    by_id: dict[str, list[Folded[Item]]] = {}
    for place, item in enumerate(items):
        unique_id, hash_, home = identity(item)
        known_hash = hash_.lower()
        # Without an id or a hash nothing shows that two entries are of one document.
        key = (unique_id, known_hash) if unique_id and known_hash else ("", str(place))
        if (document := found.get(key)) is None:
            document = found[key] = Folded(first=item)
            if unique_id:
                by_id.setdefault(unique_id, []).append(document)
        elif home == own_home:
            document.others.insert(0, document.first)
            document.first = item
        else:
            document.others.append(item)
    for several in by_id.values():
        hashes = {identity(document.first).hash.lower() for document in several} - {""}
        for document in several:
            document.contradicted = len(hashes) > 1
    return list(found.values())
