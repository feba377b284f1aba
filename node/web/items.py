"""Documents as lines of the list: copies, equal contents and replaced versions of one document are one line. Pure.

The same uniqueId and hash: one line with several sources. The same content under several numbers: one line that says
so. The same number with different contents is never folded (`node.sources`). What was replaced stands below what
replaced it.
See ui 4.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from node.sources import Identity, fold
from registry.metadata.objects import APPROVED, ON_DEMAND_DOCUMENT, DocumentEntry

_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One document: the entry that is opened, its institution, and everything that is folded into its line.

    `sources` are the same document elsewhere, `twins` the same content under other numbers, `versions` what it
    replaced, the newest first. `opened`: only an emergency shows it.
    """

    key: str
    entry: DocumentEntry
    home: str
    institution: str
    sources: tuple[Item, ...] = ()
    twins: tuple[Item, ...] = ()
    versions: tuple[Item, ...] = ()
    contradicted: bool = False
    opened: bool = False

    @property
    def also(self) -> tuple[str, ...]:
        """Names of the other institutions that have it."""
        others = dict.fromkeys(one.institution for one in (*self.sources, *self.twins))
        return tuple(name for name in others if name != self.institution)

    @property
    def institutions(self) -> tuple[str, ...]:
        """Names of all institutions that have it."""
        return (self.institution, *self.also)

    @property
    def folded(self) -> tuple[Item, ...]:
        """Everything that is opened from this line beside its own document, down to the sources of a former version."""
        inner = (deep for one in self.versions for deep in one.folded)
        return (*self.sources, *self.twins, *self.versions, *inner)

    @property
    def replaced(self) -> bool:
        """Whether every institution that has it keeps it as a former version."""
        return all((one.entry.availability_status or APPROVED) != APPROVED for one in (self, *self.sources))

    @property
    def on_demand(self) -> bool:
        """Whether it is made when it is opened (ITI TF-3: 4.1.1)."""
        return self.entry.object_type == ON_DEMAND_DOCUMENT

    @property
    def title(self) -> str:
        """What it is called; its kind where it has no title."""
        text = " ".join(self.entry.title[0].value.split()) if self.entry.title else ""
        return text or self.kind or self.entry.unique_id or ""

    @property
    def kind(self) -> str:
        """The display name of its type, or the code."""
        codes = self.entry.type_codes or self.entry.class_codes
        return (codes[0].display[0].value if codes[0].display else codes[0].code) if codes else ""

    @property
    def language(self) -> str:
        """Of its title and content, as registered."""
        return next(iter(self.entry.language_code), "")

    @property
    def date(self) -> str:
        """When the service began, else when it was written (DTM)."""
        return next(iter(self.entry.service_start_time or self.entry.creation_time), "")

    @property
    def author(self) -> str:
        """The person who wrote it, as the metadata names them."""
        for author in self.entry.authors:
            for one in author.persons:
                parts = one.split("^")
                named = " ".join(part for part in (parts[5:6] + parts[2:3] + parts[1:2]) if part)
                return named or parts[0]
        return ""

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles and specialties of its authors, as the metadata names them."""
        said = (one for author in self.entry.authors for one in (*author.roles, *author.specialties))
        return tuple(dict.fromkeys(one.partition("^")[0].strip() for one in said if one.partition("^")[0].strip()))

    @property
    def digest(self) -> bytes:
        """What remembers that it was shown: the same wherever it comes from, and of no use to find it."""
        entry = self.entry
        named = entry.unique_id or f"{self.home}\0{entry.entry_uuid}"
        return sha256(f"{named}\0{next(iter(entry.hash), '').lower()}".encode()).digest()[:_DIGEST_BYTES]


def lines(items: Iterable[Item], replaced_by: Mapping[tuple[str, str], str], own: str) -> list[Item]:
    """Every document once, in the order in which it came first.

    Args:
        items: as the institutions listed them, the quickest first.
        replaced_by: (home, entryUUID) of a former version -> entryUUID of the one that replaced it.
        own: the own home, whose copy is the one to open.
    """
    once = [
        replace(one.first, sources=tuple(one.others), contradicted=one.contradicted)
        for one in fold(items, lambda item: _identity(item, own), own_home=own)
    ]
    return _versions(_twins(once), replaced_by)


def _identity(item: Item, own: str) -> Identity:
    return Identity(item.entry.unique_id or "", next(iter(item.entry.hash), ""), item.home or own)


def _twins(once: Sequence[Item]) -> list[Item]:
    """The same content under several numbers is one line, unless a number contradicts itself."""
    first: dict[str, int] = {}
    found: list[Item] = []
    for item in once:
        hash_ = next(iter(item.entry.hash), "").lower()
        if not hash_ or item.contradicted:
            found.append(item)
        elif (place := first.get(hash_)) is None or found[place].replaced != item.replaced:
            first[hash_] = len(found)
            found.append(item)
        else:
            found[place] = replace(found[place], twins=(*found[place].twins, replace(item, sources=()), *item.sources))
    return found


def _versions(once: Sequence[Item], replaced_by: Mapping[tuple[str, str], str]) -> list[Item]:
    """Former versions go below the line of what replaced them, directly or through others; no circle hides any."""
    by_uuid = {(one.home, one.entry.entry_uuid): item for item in once for one in (item, *item.sources, *item.twins)}

    def following(item: Item) -> Item | None:
        for one in (item, *item.sources, *item.twins):
            successor = by_uuid.get((one.home, replaced_by.get((one.home, one.entry.entry_uuid), "")))
            if successor is not None:
                return successor
        return None

    below: dict[str, list[Item]] = {}
    gone: set[str] = set()
    for item in once:
        last, seen = item, {item.key}
        while last.replaced and (then := following(last)) is not None and then.key not in seen:
            seen.add(then.key)
            last = then
        if last is not item and not last.replaced:
            below.setdefault(last.key, []).append(item)
            gone.add(item.key)
    return [
        replace(item, versions=tuple(sorted(below.get(item.key, ()), key=lambda one: one.date, reverse=True)))
        for item in once
        if item.key not in gone
    ]
