"""The membership of this node as it is kept. Everything that writes is for a write job."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from trust.communities import Community, export, known
from trust.community_store import Communities
from trust.directory.directory import Directory, restored
from trust.directory.members import Members
from trust.errors import BadRecord
from trust.identity.caller import Role
from trust.pki.bindings import Bindings, timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One invitation at the node that gave it. `data` is what came so far."""

    fingerprint: str
    certificate: str
    state: str
    expires: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a directory changed: names of communities, and why others of it are not connected, by homeCommunityId."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    faults: Mapping[str, str]


def in_force(connection: sqlite3.Connection) -> Directory | None:
    """The directory that was accepted last; whether it has ended is for the caller to see."""
    row = connection.execute("SELECT directory FROM federation").fetchone()
    return restored(bytes(row[0])) if row else None


def take(connection: sqlite3.Connection, directory: Directory, members: Members, now: datetime) -> Taken:
    """Put an accepted directory in force: its communities are connected, all others of it are not any more."""
    connection.execute(
        "INSERT INTO federation (id, directory, joined) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET directory = excluded.directory",
        (directory.federation, directory.text, timestamp(now)),
    )
    _revoke(connection, members.revoked, now)
    before = dict(connection.execute("SELECT home, name FROM community WHERE federation = ?", (directory.federation,)))
    wanted = {one.home: one for one in members.communities}
    removed = [home for home in before if home not in wanted]
    for home in removed:
        Communities.remove(connection, home)
    faults, added = dict(members.faults), []
    owners = _owners(connection)
    for home, community in wanted.items():
        fault = _connect(connection, community, owners, now)
        if fault:
            faults[home] = fault
        elif home not in before:
            added.append(community.name)
    return Taken(added=tuple(added), removed=tuple(before[home] for home in removed), faults=faults)


def _owners(connection: sqlite3.Connection) -> dict[str, str]:
    """Whose each audit log and each issuer of assertions is: read once, whatever the number of communities."""
    rows = connection.execute("SELECT description FROM community").fetchall()
    communities = (known(text, clearance="", previous="", audit_proof="") for (text,) in rows)
    return {name: one.home for one in communities for name in _owned(one)}


def _owned(community: Community) -> Iterator[str]:
    if community.audit is not None:
        yield f"the audit log {community.audit.log}"
    yield from (f"the issuer {one.issuer}" for one in community.assertions)


def _connect(connection: sqlite3.Connection, community: Community, owners: dict[str, str], now: datetime) -> str:
    """Connect one community or take its new description; why that is not possible, else ""."""
    row = connection.execute(
        "SELECT federation, clearance, audit_proof, description, previous FROM community WHERE home = ?",
        (community.home,),
    ).fetchone()
    if row is not None and row[0] != community.federation:
        return "it was connected by hand, which counts: xdsnode peer remove lets the directory decide"
    if row is not None and row[3:] == (export(community), community.previous):
        return ""
    if row is not None:
        community = replace(community, clearance=row[1], audit_proof=row[2])
    for name in _owned(community):
        if owners.setdefault(name, community.home) != community.home:
            return f"{name} is that of another community"
    connection.execute("SAVEPOINT member")
    try:
        Communities.take(connection, community, now)
    except BadRecord as fault:
        connection.execute("ROLLBACK TO member")
        return str(fault)
    finally:
        connection.execute("RELEASE member")
    return ""


def _revoke(connection: sqlite3.Connection, fingerprints: frozenset[str], now: datetime) -> None:
    bound = connection.execute(
        "SELECT fingerprint FROM certificate_binding WHERE role = ? AND revoked = ''", (str(Role.PEER),)
    ).fetchall()
    for (fingerprint,) in bound:
        if fingerprint in fingerprints:
            Bindings.revoke(connection, fingerprint, now)


def forget(connection: sqlite3.Connection, federation: str) -> tuple[str, ...]:
    """Leave: its communities are not connected any more. Their names."""
    rows = connection.execute("SELECT home, name FROM community WHERE federation = ?", (federation,)).fetchall()
    for home, _ in rows:
        Communities.remove(connection, home)
    connection.execute("DELETE FROM federation WHERE id = ?", (federation,))
    return tuple(name for _, name in rows)


def invitations(connection: sqlite3.Connection) -> tuple[Invitation, ...]:
    """Every invitation that was given, the newest last."""
    rows = connection.execute(
        "SELECT fingerprint, certificate, state, expires, data FROM invitation ORDER BY expires, fingerprint"
    ).fetchall()
    return tuple(
        Invitation(fingerprint=row[0], certificate=row[1], state=row[2], expires=row[3], data=json.loads(row[4]))
        for row in rows
    )


def keep(connection: sqlite3.Connection, invitation: Invitation) -> None:
    """Keep an invitation, or its new state."""
    connection.execute(
        "INSERT INTO invitation (fingerprint, certificate, state, expires, data) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (fingerprint) DO UPDATE SET state = excluded.state, data = excluded.data",
        (
            invitation.fingerprint,
            invitation.certificate,
            invitation.state,
            invitation.expires,
            json.dumps(dict(invitation.data), ensure_ascii=False),
        ),
    )
