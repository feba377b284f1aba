"""THE TABLE of plain HTTP resources on the node's mutual-TLS listener, beside the transactions.

To add one: a handler, a row here, a line in the changelog; README.md is written from it
(`python scripts/describe_transactions.py --write`).
"""

from __future__ import annotations

from typing import Final

from node import audit_events, audit_files
from node.discovery import told
from node.federation import outcome_lines
from node.http.resources import Resource
from node.membership import distribution, offering
from node.membership.inviting import MOST_BODY
from node.witness import server as witness
from trust.directory.directory import MOST_BYTES
from trust.identity.caller import Role
from trust.ledger.witness import MAX_BODY, MAX_EVIDENCE

_PUBLIC: Final = frozenset({Role.PEER, Role.AUDITOR, Role.OPERATOR})
_APPLICATIONS: Final = frozenset({Role.APPLICATION})
_AUDITORS: Final = frozenset({Role.AUDITOR, Role.OPERATOR})

RESOURCES: Final[tuple[Resource, ...]] = (
    Resource(
        method="GET",
        template="/audit/{year}/checkpoint",
        roles=_PUBLIC,
        purpose="newest signed checkpoint of a shard of the audit log",
        handle=audit_files.checkpoint,
    ),
    Resource(
        method="GET",
        template="/audit/{year}/vkey",
        roles=_PUBLIC,
        purpose="verification key of a shard",
        handle=audit_files.vkey,
    ),
    Resource(
        method="GET",
        template="/audit/{year}/tile/{tile}",
        roles=_PUBLIC,
        purpose="tiles and entry bundles of the tree (C2SP tlog-tiles)",
        handle=audit_files.tile,
    ),
    Resource(
        method="GET",
        template="/audit/hdn_verify.py",
        roles=_PUBLIC,
        purpose="the offline verifier, one file for Python alone",
        handle=audit_files.verifier,
    ),
    Resource(
        method="GET",
        template="/audit/AuditEvent",
        roles=_AUDITORS,
        purpose="ITI-81: search of the audit log as FHIR AuditEvents; `date` is required",
        handle=audit_events.search_events,
        audits="what was looked for",
        scopes=frozenset({"ITI-81"}),
    ),
    Resource(
        method="GET",
        template="/audit/AuditEvent/{word}",
        roles=_AUDITORS,
        purpose="one record of the audit log as FHIR AuditEvent",
        handle=audit_events.read_event,
        audits="which record was read",
        scopes=frozenset({"ITI-81"}),
    ),
    Resource(
        method="GET",
        template="/audit/{year}/cosigned",
        roles=_PUBLIC,
        purpose="newest checkpoint that a quorum of witnesses has signed",
        handle=audit_files.cosigned,
    ),
    Resource(
        method="GET",
        template="/audit/{year}/policy",
        roles=_PUBLIC,
        purpose="witnesses and quorum of this log (C2SP tlog-policy)",
        handle=audit_files.policy,
    ),
    Resource(
        method="POST",
        template="/audit/witness/add-checkpoint",
        roles=frozenset({Role.PEER}),
        purpose="a peer has its log cosigned (C2SP tlog-witness); that it grew is on record",
        handle=witness.add_checkpoint,
        most_bytes=MAX_BODY,
    ),
    Resource(
        method="GET",
        template="/audit/witness/{digest}/checkpoint",
        roles=_PUBLIC,
        purpose="what this node, as a witness, cosigned last of the log whose origin has this SHA-256",
        handle=witness.remembered,
    ),
    Resource(
        method="POST",
        template="/audit/evidence",
        roles=_PUBLIC,
        purpose="two checkpoints that prove a fork; new ones are on record and passed on to every peer",
        handle=witness.evidence,
        most_bytes=MAX_EVIDENCE,
    ),
    Resource(
        method="GET",
        template="/federation/outcomes/{word}",
        roles=_APPLICATIONS,
        purpose="how each institution ended, a line of JSON each as it answers, for the caller's query `urn:uuid:…`",
        handle=outcome_lines.outcomes,
    ),
    Resource(
        method="GET",
        template="/federation/directory",
        roles=_PUBLIC,
        purpose="the signed directory of the federation",
        handle=distribution.give,
    ),
    Resource(
        method="POST",
        template="/federation/directory",
        roles=frozenset({Role.PEER}),
        purpose="a member brings a directory; one that is newer and signed is in force, and on record",
        handle=distribution.take,
        most_bytes=MOST_BYTES,
    ),
    Resource(
        method="POST",
        template="/federation/locations",
        roles=frozenset({Role.PEER}),
        purpose="a member tells this node, as a locator, of its patients: tokens that name nobody; that is on record",
        handle=told.take,
        most_bytes=told.MOST_BODY,
    ),
    Resource(
        method="POST",
        template="/federation/join",
        roles=frozenset({Role.INVITED}),
        purpose="a step of whoever holds an invitation to the federation; each is on record",
        handle=distribution.join,
        most_bytes=MOST_BODY,
    ),
    Resource(
        method="POST",
        template="/federation/renewal",
        roles=frozenset({Role.PEER}),
        purpose="a member asks for its next certificate (PKCS #10); the directory that lists it is on record",
        handle=distribution.renew,
        most_bytes=MOST_BODY,
    ),
    Resource(
        method="POST",
        template="/federation/offer",
        roles=frozenset({Role.PEER}),
        purpose="a member says which endpoints and capabilities it has; the directory that lists them is on record",
        handle=offering.take,
        most_bytes=offering.MOST_BODY,
    ),
    Resource(
        method="POST",
        template="/federation/leave",
        roles=frozenset({Role.PEER}),
        purpose="a member leaves the federation; the directory without it is on record",
        handle=distribution.leave,
        most_bytes=1024,
    ),
)
