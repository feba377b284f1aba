"""What of a list is wanted, as a query string says, and how often each value of a facet occurs. Pure (ui 4.c, 6.3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, urlencode

from node.web.items import Item

PAGE: Final = 50
SORTS: Final = ("newest", "oldest", "kind", "institution")
VIEWS: Final = ("list", "timeline")
_DAY: Final = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")
_MOST_VALUES: Final = 20
_MOST_FIELDS: Final = 100

Text = Callable[[Item], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of a run is shown. `since` and `until` are dates as a browser writes them, whole or in part."""

    run: str
    kinds: tuple[str, ...] = ()
    orgs: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    new: bool = False
    replaced: bool = False
    q: str = ""
    sort: str = "newest"
    view: str = "list"
    page: int = 1

    @classmethod
    def of(cls, query: str) -> Wanted:
        """Read a query string; what makes no sense is the default."""
        try:
            said = parse_qsl(query, max_num_fields=_MOST_FIELDS)
        except ValueError:
            said = []
        last = dict(said)
        page = last.get("page", "1")
        return cls(
            run=last.get("run", "")[:64],
            kinds=_several(said, "kind"),
            orgs=_several(said, "org"),
            roles=_several(said, "role"),
            since=_day(last.get("from", "")),
            until=_day(last.get("to", "")),
            new=last.get("new") == "1",
            replaced=last.get("replaced") == "1",
            q=" ".join(last.get("q", "")[:100].split()),
            sort=last["sort"] if last.get("sort") in SORTS else "newest",
            view=last["view"] if last.get("view") in VIEWS else "list",
            page=int(page) if page.isascii() and page.isdigit() and len(page) < 5 and int(page) else 1,
        )

    def query(self, **changes: str | int | bool | tuple[str, ...]) -> str:
        """The same with changes, as the one query string for it: in one order, without defaults."""
        wanted = replace(self, **changes)  # type: ignore[arg-type]
        said: list[tuple[str, str]] = [("run", wanted.run)] if wanted.run else []
        for name, values in (("kind", wanted.kinds), ("org", wanted.orgs), ("role", wanted.roles)):
            said += [(name, value) for value in values]
        said += [("from", wanted.since), ("to", wanted.until)]
        said += [("new", "1" if wanted.new else ""), ("replaced", "1" if wanted.replaced else ""), ("q", wanted.q)]
        said += [("sort", wanted.sort if wanted.sort != "newest" else "")]
        said += [("view", wanted.view if wanted.view != "list" else "")]
        said += [("page", str(wanted.page) if wanted.page > 1 else "")]
        return urlencode([(name, value) for name, value in said if value])

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out of the list."""
        return bool(self.kinds or self.orgs or self.roles or self.since or self.until or self.new or self.q)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a facet: how often it occurs under the other facets, and whether it is chosen."""

    name: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The documents that are wanted, in order, and the facets beside them."""

    items: tuple[Item, ...]
    kinds: tuple[Value, ...]
    orgs: tuple[Value, ...]
    roles: tuple[Value, ...]
    new: int
    replaced: int


def choose(items: Sequence[Item], wanted: Wanted, is_new: Callable[[Item], bool], text: Text) -> Chosen:
    """What is wanted of `items`, which are sorted the newest first. `text` is what words are looked for in."""
    words = wanted.q.casefold().split()
    tests: dict[str, Callable[[Item], bool]] = {
        "kinds": lambda item: not wanted.kinds or item.kind in wanted.kinds,
        "orgs": lambda item: not wanted.orgs or not set(wanted.orgs).isdisjoint(item.institutions),
        "roles": lambda item: not wanted.roles or not set(wanted.roles).isdisjoint(item.roles),
        "dates": lambda item: _within(item.date, wanted.since, wanted.until),
        "new": lambda item: not wanted.new or is_new(item),
        "replaced": lambda item: wanted.replaced or not item.replaced,
        "words": lambda item: not words or all(word in text(item) for word in words),
    }
    passed = [(item, {name for name, test in tests.items() if test(item)}) for item in items]

    def under_others(facet: str) -> list[Item]:
        return [item for item, good in passed if good | {facet} == tests.keys()]

    return Chosen(
        items=tuple(_sorted([item for item, good in passed if good == tests.keys()], wanted.sort)),
        kinds=_counted(Counter(item.kind for item in under_others("kinds")), wanted.kinds),
        orgs=_counted(Counter(name for item in under_others("orgs") for name in item.institutions), wanted.orgs),
        roles=_counted(Counter(name for item in under_others("roles") for name in item.roles), wanted.roles),
        new=sum(map(is_new, under_others("new"))),
        replaced=sum(item.replaced for item in under_others("replaced")),
    )


def _several(said: Sequence[tuple[str, str]], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value[:200] for key, value in said if key == name and value))[:_MOST_VALUES]


def _day(text: str) -> str:
    return text if _DAY.fullmatch(text) else ""


def _within(date: str, since: str, until: str) -> bool:
    """Whether a DTM, as precise as it is, overlaps a range; what has no date is in none."""
    if not since and not until:
        return True
    day = date[:8]
    if not day.isdigit() or len(day) < 4:
        return False
    first, last = since.replace("-", ""), until.replace("-", "")
    return day.ljust(8, "9") >= first.ljust(8, "0") and (not last or day.ljust(8, "0") <= last.ljust(8, "9"))


def _counted(counted: Counter[str], chosen: tuple[str, ...]) -> tuple[Value, ...]:
    """Values with their counts, the most frequent first; a chosen one that is gone stays with 0."""
    for name in chosen:
        counted.setdefault(name, 0)
    counted.pop("", None)
    values = sorted(counted.items(), key=lambda one: (-one[1], one[0].casefold()))
    return tuple(Value(name=name, count=count, chosen=name in chosen) for name, count in values)


def _sorted(items: list[Item], sort: str) -> list[Item]:
    if sort == "oldest":
        return sorted(items, key=lambda item: (item.date or "9", item.key))
    if sort == "kind":
        return sorted(items, key=lambda item: item.kind.casefold())
    if sort == "institution":
        return sorted(items, key=lambda item: item.institution.casefold())
    return items
