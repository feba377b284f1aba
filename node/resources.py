"""THE TABLE of plain HTTP resources on the node's mutual-TLS listener, beside the transactions.

To add one: a handler, a row here, a line in the changelog; README.md is written from it
(`python scripts/describe_transactions.py --write`).
"""

from __future__ import annotations

from typing import Final

from node import audit_files
from node.http.resources import Resource
from trust.identity.caller import Role

_PUBLIC: Final = frozenset({Role.PEER, Role.AUDITOR, Role.OPERATOR})

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
)
