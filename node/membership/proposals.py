"""What an mCSD file would change in the directory of the federation: shown first, signed by a person who has seen it.

A proposal adds members and changes them. It removes none (`federation remove` does, and withdraws their certificates)
and leaves the node alone that signs. Its id binds what was shown to the directory that it was shown for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from node.membership.mcsd import Listed
from trust.communities import read_description
from trust.directory.content import Content, as_json, from_json
from trust.directory.directory import Directory
from trust.directory.members import Withdrawn
from trust.directory.signing import Malformed
from trust.errors import BadCommunity
from trust.ledger.record import canonical
from trust.pki.certificates import from_pem

_MOST_ROW: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of one community: `new`, `changed` (and in what), `same`, or `left-out` and why."""

    home: str
    name: str
    state: str
    text: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`id` is 64 hex digits of the directory in force and of what would be in it."""

    id: str
    content: Content
    changes: tuple[Change, ...]


def propose(
    directory: Directory,
    listed: Sequence[Listed],
    *,
    now: datetime,
    own_home: str,
    development: bool,
    permitted: Sequence[str],
) -> Proposal:
    """Judge each community as if it came from anybody, under the rules of `communities.read_description`. Pure."""
    content = directory.content
    members = {row["home_community_id"]: row for row in content.members}
    holders = {row.get("fingerprint"): row["home_community_id"] for row in content.members}
    withdrawn = Withdrawn.of(content)
    changes: list[Change] = []
    for one in listed:
        old = members.get(one.home)
        row = _row(one, old)
        fault = "; ".join(one.faults)
        if one.home == own_home and row != old:
            fault = "it is this node, which signs: its own description comes from itself"
        elif not fault and "certificates" not in row:
            fault = "the file has no certificate of it: invite it first, with xdsnode federation invite"
        if not fault and row != old:
            fault = _fault(row, withdrawn, now=now, own_home=own_home, development=development, permitted=permitted)
        if not fault and row != old and holders.get(row["fingerprint"], one.home) != one.home:
            fault = "its certificate is that of another member"
        if not fault:
            members[one.home] = row
            holders[row["fingerprint"]] = one.home
        changes.append(_change(one.home, old, row, fault))
    proposed = replace(content, members=tuple(members.values()))
    bound = {"directory": directory.digest, **as_json(proposed)}
    return Proposal(id=sha256(canonical(bound)).hexdigest(), content=proposed, changes=tuple(changes))


def _row(listed: Listed, old: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The row that would be in the directory. What the file says nothing about stays."""
    if old is None:
        return listed.row
    row = {**({} if listed.complete else old), **listed.row}
    if old.get("previous") and row.get("certificates") == old.get("certificates"):
        row["previous"] = old["previous"]
    return row


def _fault(row: Mapping[str, Any], withdrawn: Withdrawn, *, now: datetime, **rules: Any) -> str:  # noqa: ANN401
    try:
        if len(canonical(row)) > _MOST_ROW:
            return f"its description has more than {_MOST_ROW} bytes"
        from_json(as_json(Content(members=(row,))))
        community = read_description(row, now=now, **rules)
    except (BadCommunity, Malformed, TypeError, ValueError) as fault:
        return str(fault)
    return "its certificate was withdrawn" if withdrawn.names(from_pem(community.certificates)[0]) else ""


def _change(home: str, old: Mapping[str, Any] | None, row: Mapping[str, Any], fault: str) -> Change:
    name = str(row.get("name") or home)
    if fault:
        return Change(home=home, name=name, state="left-out", text=fault)
    fingerprint = str(row["fingerprint"])
    if old is None:
        return Change(home=home, name=name, state="new", fingerprint=fingerprint)
    parts = sorted(key for key in {*old, *row} if old.get(key) != row.get(key))
    parts = [f"status {row['status']}" if key == "status" else key for key in parts]
    state = "changed" if parts else "same"
    return Change(home=home, name=name, state=state, text=", ".join(parts), fingerprint=fingerprint)
