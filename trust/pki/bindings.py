"""Whom a certificate stands for: one record and one role for each fingerprint, looked up on every request.

The records lie in memory and are replaced as a whole after each change, so a revocation acts on the next request of
a connection that is already open. A certificate of a trusted CA without a record gets nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from trust.errors import BadCertificate, BadRecord, NotAuthenticated
from trust.identity.caller import Caller, Role
from trust.pki.certificates import Usage, check_peer_certificate, fingerprint, from_der, read_fingerprint
from trust.pki.revocation import RevocationLists

CLEARANCES: Final = frozenset("ULMNRV")  # confidentiality codes, lowest first: U L M N R V
EVERYTHING: Final = "*"  # of the test community only: conformance data carries policy codes
_PINNED: Final = (Role.PEER, Role.INVITED)
_MOST_VERDICTS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One certificate and whom it stands for. Times are `YYYY-MM-DDThh:mm:ssZ`, "" for never."""

    fingerprint: str
    role: Role
    name: str
    home: str = ""
    clearance: str = "N"
    test_community: bool = False
    added: str
    not_after: str
    revoked: str = ""


_COLUMNS: Final = tuple(field.name for field in fields(Binding))
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM certificate_binding ORDER BY role, name, added"  # noqa: S608
_INSERT: Final = f"INSERT INTO certificate_binding ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A certificate was good when looked at, and stays so until `until` unless lists or records change."""

    since: datetime
    until: datetime


class Bindings:
    """The records in force.

    `development` says whether this node may have a test community. `lists` gives the revocation lists of the moment.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        development: bool = False,
        lists: Callable[[], RevocationLists] = RevocationLists,
    ) -> None:
        self._development = development
        self._lists = lists
        self._judged_by = lists()
        self._bindings: Mapping[str, Binding] = {}
        self._verdicts: dict[str, _Verdict] = {}
        self.reload(connection)

    def reload(self, connection: sqlite3.Connection) -> None:
        """Read the records again: after the commit of whatever changed them."""
        found = [_from_row(row) for row in connection.execute(_SELECT)]
        self._bindings = {binding.fingerprint: binding for binding in found}
        self._verdicts.clear()

    def lookup(self, fingerprint: str) -> Binding | None:
        """The record of a certificate, revoked ones too."""
        return self._bindings.get(fingerprint)

    def all(self) -> tuple[Binding, ...]:
        """Every record, by role and name."""
        return tuple(self._bindings.values())

    def test_home(self) -> str:
        """The test community of a development node, "" for none."""
        tests = (one.home for one in self._bindings.values() if one.test_community and not one.revoked)
        return next(tests, "") if self._development else ""

    def named(self, name: str, role: Role) -> tuple[Binding, ...]:
        """The records in force with this role and name."""
        return tuple(
            one for one in self._bindings.values() if one.role is role and one.name == name and not one.revoked
        )

    def authenticate(self, der: bytes, address: str, now: datetime) -> Caller:
        """Who calls with this certificate, on this request.

        1. The certificate has a record here, and the record is not revoked.
        2. It is valid now and of the kind a caller may use (`check_peer_certificate`).
        3. No revocation list in force names it, and its CA's list still counts.

        Chain and possession of the key were verified in the handshake.

        Raises:
            NotAuthenticated: the message is for the record of the refusal, not for the caller.
        """
        if not der:
            raise NotAuthenticated("no certificate was shown")
        known = self._bindings.get(fingerprint(der))
        if known is None:
            raise NotAuthenticated(f"the certificate {fingerprint(der)} has no record here")
        if known.revoked:
            raise NotAuthenticated(f"the certificate of {known.name!r} was revoked here on {known.revoked}")
        self._check(known, der, now)
        tests = known.test_community and self._development
        return Caller(
            role=known.role,
            name=known.name,
            fingerprint=known.fingerprint,
            address=address,
            home=known.home if known.role is Role.PEER or tests else "",
            clearance=known.clearance if tests or known.clearance != EVERYTHING else "N",
        )

    def _check(self, known: Binding, der: bytes, now: datetime) -> None:
        lists = self._lists()
        if lists is not self._judged_by:
            self._judged_by = lists
            self._verdicts.clear()
        verdict = self._verdicts.get(known.fingerprint)
        if verdict is not None and verdict.since <= now <= verdict.until:
            return
        try:
            certificate = from_der(der)
            check_peer_certificate(certificate, now, usage=Usage.CLIENT)
            until = lists.check(certificate, now, pinned=known.role in _PINNED)
        except BadCertificate as fault:
            raise NotAuthenticated(f"{known.name!r}: {fault}") from fault
        if len(self._verdicts) < _MOST_VERDICTS:
            self._verdicts[known.fingerprint] = _Verdict(now, min(until, certificate.not_valid_after_utc))

    @staticmethod
    def add(connection: sqlite3.Connection, binding: Binding) -> None:
        """Record whom a certificate stands for. For a write job; `reload` after its commit.

        Raises:
            BadRecord: the values contradict each other, or the certificate has a record already.
        """
        _refuse_contradictions(binding)
        row = connection.execute(
            "SELECT name, role, revoked FROM certificate_binding WHERE fingerprint = ?", (binding.fingerprint,)
        ).fetchone()
        if row is not None:
            state = f"was revoked on {row[2]} and cannot come back" if row[2] else "has one role only"
            raise BadRecord(f"this certificate stands for the {row[1]} {row[0]!r} already and {state}")
        connection.execute(_INSERT, _to_row(binding))

    @staticmethod
    def change(connection: sqlite3.Connection, binding: Binding) -> None:
        """Give a certificate in force another name or clearance. For a write job; `reload` after its commit.

        Raises:
            BadRecord: the values contradict each other, or no such certificate is in force.
        """
        _refuse_contradictions(binding)
        done = connection.execute(
            "UPDATE certificate_binding SET name = ?, clearance = ? WHERE fingerprint = ? AND revoked = ''",
            (binding.name, binding.clearance, binding.fingerprint),
        )
        if done.rowcount != 1:
            raise BadRecord(f"no certificate {binding.fingerprint} is in force here")

    @staticmethod
    def revoke(connection: sqlite3.Connection, fingerprint: str, now: datetime) -> None:
        """Withdraw a certificate for good; its record stays. For a write job; `reload` after its commit.

        Raises:
            BadRecord: there is no such record in force.
        """
        done = connection.execute(
            "UPDATE certificate_binding SET revoked = ? WHERE fingerprint = ? AND revoked = ''",
            (timestamp(now), fingerprint),
        )
        if done.rowcount != 1:
            raise BadRecord(f"no certificate {fingerprint} is in force here")

    @staticmethod
    def remove(connection: sqlite3.Connection, fingerprint: str) -> None:
        """Forget a certificate that may be added again later (`peer remove`); a revoked one is never forgotten."""
        connection.execute("DELETE FROM certificate_binding WHERE fingerprint = ? AND revoked = ''", (fingerprint,))


def timestamp(moment: datetime) -> str:
    """A moment as the tables keep it, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _from_row(row: Sequence[Any]) -> Binding:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Binding(**{**values, "role": Role(values["role"]), "test_community": bool(values["test_community"])})


def _to_row(binding: Binding) -> list[str | int]:
    values = [getattr(binding, name) for name in _COLUMNS]
    return [int(value) if isinstance(value, bool) else str(value) for value in values]


def _refuse_contradictions(binding: Binding) -> None:
    faults = _contradictions(binding)
    if faults:
        raise BadRecord("; ".join(faults))


def _contradictions(binding: Binding) -> list[str]:
    faults = []
    try:
        if read_fingerprint(binding.fingerprint) != binding.fingerprint:
            faults.append("a fingerprint is kept as 64 lower-case hex digits")
    except BadCertificate as fault:
        faults.append(str(fault))
    if not binding.name.strip() or len(binding.name) > 100 or not binding.name.isprintable():
        faults.append("a name has 1 to 100 printable characters")
    if binding.role is Role.PEER and not binding.home:
        faults.append("a peer is bound to its homeCommunityId")
    if binding.role is not Role.PEER and binding.home and not binding.test_community:
        faults.append("only a peer is bound to a homeCommunityId")
    if binding.test_community and (binding.role is not Role.APPLICATION or not binding.home):
        faults.append("the test community belongs to the development client, an application")
    if binding.clearance not in CLEARANCES and not (binding.clearance == EVERYTHING and binding.test_community):
        faults.append(f"{binding.clearance!r} is no clearance: U, L, M, N, R or V")
    return faults
