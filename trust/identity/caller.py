"""Who is calling: the one value that every decision about a request starts from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trust.audit.event import Coded


class Role(StrEnum):
    """A certificate has exactly one role, by its record at the node."""

    APPLICATION = "application"
    PEER = "peer"
    OPERATOR = "operator"
    AUDITOR = "auditor"  # reads the audit log, and nothing else
    INVITED = "invited"  # has an invitation to the federation: may join, and nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated caller.

    `name` is what the record of the certificate says, for people. `home` is the homeCommunityId (`urn:oid:…`)
    the certificate is bound to; the development client is an application with a test community besides.
    `clearance` is the highest confidentiality a peer may receive (U < L < M < N < R < V).

    The other fields are the person behind the request, from a verified assertion; without one they are empty. `user`
    is `<name id@issuer>` as the audit record names them, `user_role` and `purpose` are of the value sets in force here,
    `organisation` is the identifier (`urn:oid:…` or a URL) of the institution they act for, `reason` what they gave as
    the reason of an emergency.
    """

    role: Role
    name: str
    fingerprint: str  # SHA-256 of the DER certificate, lower-case hex; "" for the control socket
    address: str  # network address the request came from
    home: str = ""
    clearance: str = "N"
    user: str = ""
    user_name: str = ""
    user_role: Coded | None = None
    purpose: Coded | None = None
    organisation: str = ""
    reason: str = ""
