"""What the matching says, for people: who resembles whom, each field's part, what waits for a decision."""

from __future__ import annotations

from typing import Any, Final

from node.commands import console

PRINTED: Final = frozenset({"search", "match", "link", "unlink", "review list", "review accept", "review reject"})
_VERDICTS: Final = {"link": "one person", "review": "a person has to decide", "none": "not the same"}


def show(command: str, result: dict[str, Any], *, explain: bool) -> None:
    """Print the result of one of `PRINTED`."""
    if command in ("search", "match"):
        found = result["patients" if command == "search" else "matches"]
        for item in found:
            said = described(item.get("person", {}))
            console.out(f"{item['score']:3d} %  {item['patient']}  {said}".rstrip())
            if command == "match":
                console.out(f"       {_VERDICTS[item['verdict']]}, {item['weight']:+.1f} bits")
            if explain:
                _explain(item)
        console.note(f"{len(found)} found")
    elif command == "review list":
        for item in result["pairs"]:
            console.out(f"{item['score']:3d} %  {item['one']}  {item['other']}  since {item['since']}")
            _explain(item)
        console.note(f"{len(result['pairs'])} pairs; next: xdsnode patient review accept|reject ID ID")
    else:
        joined = "are one person" if result["state"] == "linked" else "are two persons"
        console.out(f"{result['one']} and {result['other']} {joined}{'' if result['new'] else ' already'}")
        if result["detour"]:
            console.note("others that were linked or merged by decision still join them; next: xdsnode patient show ID")


def described(person: dict[str, Any]) -> str:
    """Names, birth date, sex and town in one line."""
    name: dict[str, Any] = next(iter(person.get("names", [])), {})
    date = person.get("birth_date", {})
    address: dict[str, Any] = next(iter(person.get("addresses", [])), {})
    parts = [
        " ".join([*name.get("given", []), name.get("family", "")]).strip(),
        ("about " if date.get("estimated") else "") + date.get("value", ""),
        person.get("sex", ""),
        address.get("city", ""),
    ]
    return ", ".join(part for part in parts if part)


def _explain(item: dict[str, Any]) -> None:
    for one in item["evidence"]:
        console.out(f"       {one['weight']:+5.1f}  {one['field']}: {one['says']}")
    for reason in item["against"]:
        console.out(f"              not linked by itself: {reason}")
