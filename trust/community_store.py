"""The communities connected to this node: in memory, replaced as a whole after each change, like the bindings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from cryptography import x509

from trust.communities import Community, export, known
from trust.errors import BadRecord
from trust.identity.caller import Role
from trust.pki.bindings import Binding, Bindings, timestamp
from trust.pki.certificates import fingerprint_of, from_pem, to_pem

_INVITED: Final = "SELECT certificate FROM invitation WHERE state NOT IN ('void', 'used')"


class Communities:
    """Every community connected to this node, in the order of their names."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._known: Mapping[str, Community] = {}
        self._invited: tuple[str, ...] = ()
        self.reload(connection)

    def reload(self, connection: sqlite3.Connection) -> None:
        """Read them again: after the commit of whatever changed them."""
        rows = connection.execute(
            "SELECT description, clearance, previous, audit_proof, federation FROM community ORDER BY name, home"
        )
        found = [
            known(text, clearance=clearance, previous=previous, audit_proof=audit_proof, federation=federation)
            for text, clearance, previous, audit_proof, federation in rows
        ]
        self._known = {community.home: community for community in found}
        self._invited = tuple(pem for (pem,) in connection.execute(_INVITED))

    def all(self) -> tuple[Community, ...]:
        """Every community."""
        return tuple(self._known.values())

    def get(self, home: str) -> Community | None:
        """The community with this homeCommunityId."""
        return self._known.get(home)

    def pins(self) -> tuple[str, ...]:
        """PEM of every certificate that communities, and who was invited, may show, for `NodeTls.reload`."""
        return (*(community.pins for community in self._known.values()), *self._invited)

    @staticmethod
    def add(connection: sqlite3.Connection, community: Community, now: datetime) -> None:
        """Connect a community and bind its certificate. For a write job; `reload` both after its commit.

        Raises:
            BadRecord: the community is connected already, or its certificate or log is that of somebody else.
        """
        if connection.execute("SELECT 1 FROM community WHERE home = ?", (community.home,)).fetchone():
            raise BadRecord(f"{community.home} is connected already: remove it first, or replace its certificate")
        Bindings.add(connection, _binding(community, now))
        _refuse_names_of_another(connection, community)
        connection.execute(
            "INSERT INTO community (home, name, description, clearance, previous, added, audit_proof)"
            " VALUES (?, ?, ?, ?, '', ?, ?)",
            (
                community.home,
                community.name,
                export(community),
                community.clearance,
                timestamp(now),
                community.audit_proof,
            ),
        )

    @staticmethod
    def replace(connection: sqlite3.Connection, community: Community, now: datetime, *, keep_previous: bool) -> None:
        """Take a new description of a connected community: new addresses, or a new certificate.

        With `keep_previous` the certificate it had until now counts beside the new one until it ends or the next
        change; else it is revoked at once. For a write job; `reload` both after its commit.

        Raises:
            BadRecord: the community is not connected, or its new certificate or log is that of somebody else.
        """
        row = connection.execute(
            "SELECT description, previous FROM community WHERE home = ?", (community.home,)
        ).fetchone()
        if row is None:
            raise BadRecord(f"{community.home} is not connected")
        _refuse_names_of_another(connection, community)
        before, previous = known(row[0], clearance="", previous="", audit_proof=""), str(row[1])
        if before.fingerprint != community.fingerprint:
            _withdraw(connection, previous, now)
            previous = to_pem(from_pem(before.certificates)[:1])
            if not keep_previous:
                _withdraw(connection, previous, now)
                previous = ""
            Bindings.add(connection, _binding(community, now))
        else:
            Bindings.change(connection, _binding(community, now))
        connection.execute(
            "UPDATE community SET name = ?, description = ?, clearance = ?, previous = ?, audit_proof = ?"
            " WHERE home = ?",
            (
                community.name,
                export(community),
                community.clearance,
                previous,
                community.audit_proof,
                community.home,
            ),
        )

    @staticmethod
    def take(connection: sqlite3.Connection, community: Community, now: datetime) -> None:
        """Connect a community of a directory, or take its new description; exactly what is in it counts.

        A certificate of it that is not in the description any more is revoked. That its log and issuers are nobody
        else's is for the caller to see. For a write job; `reload` both after its commit.

        Raises:
            BadRecord: a certificate of it is that of somebody else, or was revoked here.
        """
        wanted = {one.fingerprint: one for one in _bindings_of(community, now)}
        bound = connection.execute(
            "SELECT fingerprint FROM certificate_binding WHERE home = ? AND role = ? AND revoked = ''",
            (community.home, str(Role.PEER)),
        ).fetchall()
        for (fingerprint,) in bound:
            if fingerprint not in wanted:
                Bindings.revoke(connection, fingerprint, now)
            else:
                Bindings.change(connection, wanted.pop(fingerprint))
        for binding in wanted.values():
            Bindings.add(connection, binding)
        connection.execute(
            "INSERT INTO community (home, name, description, clearance, previous, added, audit_proof, federation)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (home) DO UPDATE SET name = excluded.name,"
            " description = excluded.description, previous = excluded.previous",
            (
                community.home,
                community.name,
                export(community),
                community.clearance,
                community.previous,
                timestamp(now),
                community.audit_proof,
                community.federation,
            ),
        )

    @staticmethod
    def remove(connection: sqlite3.Connection, home: str) -> None:
        """Disconnect a community: it is neither asked nor answered any more. For a write job.

        Raises:
            BadRecord: it is not connected.
        """
        if connection.execute("DELETE FROM community WHERE home = ?", (home,)).rowcount != 1:
            raise BadRecord(f"{home} is not connected")
        bound = connection.execute(
            "SELECT fingerprint FROM certificate_binding WHERE home = ? AND role = ?", (home, str(Role.PEER))
        ).fetchall()
        for (fingerprint,) in bound:
            Bindings.remove(connection, fingerprint)


def _bindings_of(community: Community, now: datetime) -> Iterator[Binding]:
    """Those of its certificate, and of the one before where that counts too."""
    yield _binding(community, now)
    for certificate in from_pem(community.previous) if community.previous else ():
        yield _binding(community, now, certificate)


def _binding(community: Community, now: datetime, certificate: x509.Certificate | None = None) -> Binding:
    leaf = certificate or from_pem(community.certificates)[0]
    return Binding(
        fingerprint=fingerprint_of(leaf),
        role=Role.PEER,
        name=community.name,
        home=community.home,
        clearance=community.clearance,
        added=timestamp(now),
        not_after=timestamp(leaf.not_valid_after_utc),
    )


def _refuse_names_of_another(connection: sqlite3.Connection, community: Community) -> None:
    """The name of a log leads to one key, so it belongs to one community; so does the name of an issuer.

    Raises:
        BadRecord: another connected community signs under this name.
    """
    rows = connection.execute("SELECT name, description FROM community WHERE home != ?", (community.home,))
    for name, text in rows:
        other = known(text, clearance="", previous="", audit_proof="")
        if community.audit and other.audit and other.audit.log == community.audit.log:
            raise BadRecord(f"the audit log {other.audit.log} is that of {name}: two communities cannot have one log")
        both = {one.issuer for one in community.assertions} & {one.issuer for one in other.assertions}
        if both:
            raise BadRecord(f"{min(both)} vouches for users of {name}: an issuer belongs to one community")


def _withdraw(connection: sqlite3.Connection, pem: str, now: datetime) -> None:
    for certificate in from_pem(pem) if pem else ():
        name = fingerprint_of(certificate)
        if connection.execute(
            "SELECT 1 FROM certificate_binding WHERE fingerprint = ? AND revoked = ''", (name,)
        ).fetchone():
            Bindings.revoke(connection, name, now)
