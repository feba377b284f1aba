"""What a directory says: its members, whose certificates were withdrawn, the CAs it knows, who publishes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from trust.community_details import detail_faults, names_of
from trust.directory.signing import Malformed, fields, items, text
from trust.errors import BadCertificate
from trust.pki.certificates import read_fingerprint

ACTIVE, SUSPENDED = "active", "suspended"
MOST_MEMBERS: Final = 20_000
_MOST_REVOKED: Final = 100_000
_MOST_LISTS: Final = 200
_MOST_PEM: Final = 1 << 22
_MOST_ROW: Final = 1 << 16
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """A certificate that counts no more, by the SHA-256 of its DER form."""

    fingerprint: str
    since: str  # YYYY-MM-DDThh:mm:ssZ
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a directory says, without version and times.

    `members` are descriptions of communities (`communities.describe`), each with `status` (active or suspended) and,
    while it changes its certificate, `previous` (PEM). `publishers` are the homeCommunityIds that sign, `witnesses`
    those that are expected to cosign audit logs, empty for whoever can. `issuers` (PEM) are the CAs of members'
    certificates, `crls` (PEM) their revocation lists.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    publishers: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    crls: tuple[str, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    members: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """One name of the federation, for people."""
        return self.names.get("en") or next(iter(self.names.values()), "")

    def member(self, home: str) -> Mapping[str, Any] | None:
        """The row of one community."""
        return next((row for row in self.members if row["home_community_id"] == home), None)


def as_json(content: Content) -> dict[str, Any]:
    """For the statement that is signed; members and withdrawn certificates in one order."""
    revoked = sorted(content.revoked, key=lambda one: one.fingerprint)
    return {
        "names": dict(content.names),
        "publishers": list(content.publishers),
        "witnesses": list(content.witnesses),
        "issuers": list(content.issuers),
        "crls": list(content.crls),
        "revoked": [{"fingerprint": one.fingerprint, "since": one.since, "reason": one.reason} for one in revoked],
        "members": sorted(map(dict, content.members), key=lambda row: str(row["home_community_id"])),
    }


def from_json(value: Mapping[str, Any]) -> Content:
    """Read it again. What a row says of its community is judged by each node for itself (`members`).

    Raises:
        Malformed: it has another form.
    """
    found = fields(value, "names", "publishers", "witnesses", "issuers", "crls", "revoked", "members")
    for fault in detail_faults({"names": found["names"]}):
        raise Malformed(fault)
    rows = [_row(row) for row in items(found["members"], MOST_MEMBERS)]
    homes = [row["home_community_id"] for row in rows]
    if len(set(homes)) != len(homes):
        raise Malformed("a community stands in it twice")
    return Content(
        names=names_of(found),
        publishers=tuple(text(one, 64) for one in items(found["publishers"], MOST_MEMBERS)),
        witnesses=tuple(text(one, 64) for one in items(found["witnesses"], MOST_MEMBERS)),
        issuers=tuple(text(one, _MOST_ROW) for one in items(found["issuers"], _MOST_LISTS)),
        crls=tuple(text(one, _MOST_PEM) for one in items(found["crls"], _MOST_LISTS)),
        revoked=tuple(_revoked(one) for one in items(found["revoked"], _MOST_REVOKED)),
        members=tuple(rows),
    )


def _row(value: object) -> dict[str, Any]:
    row = fields(value, "home_community_id", "status")
    text(row["home_community_id"], 64)
    if row["status"] not in (ACTIVE, SUSPENDED):
        raise Malformed(f"a member is neither {ACTIVE} nor {SUSPENDED}")
    if not isinstance(row.get("previous", ""), str) or len(row.get("previous", "")) > _MOST_ROW:
        raise Malformed("the previous certificate of a member is not PEM text")
    return row


def _revoked(value: object) -> Revoked:
    row = fields(value, "fingerprint", "since", "reason")
    try:
        same = read_fingerprint(text(row["fingerprint"], 64)) == row["fingerprint"]
    except BadCertificate:
        same = False
    if not same or not isinstance(row["reason"], str):
        raise Malformed("a withdrawn certificate is not named by 64 lower-case hex digits, time and reason")
    read_time(row["since"])
    return Revoked(fingerprint=row["fingerprint"], since=row["since"], reason=row["reason"][:200])


def read_time(value: object) -> datetime:
    """A moment, UTC.

    Raises:
        Malformed: it is none in the one form that is used.
    """
    try:
        moment = datetime.strptime(text(value, 20), _TIME).replace(tzinfo=UTC)
    except ValueError:
        moment = None
    if moment is None or write_time(moment) != value:
        raise Malformed("a time like 2026-03-01T12:00:00Z is missing")
    return moment


def write_time(moment: datetime) -> str:
    """A moment as directories keep it."""
    return moment.astimezone(UTC).strftime(_TIME)
