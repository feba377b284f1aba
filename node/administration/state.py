"""How the running node is doing: `status`."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from node import __version__, health
from node.administration.orders import Order, Result
from node.amounts import duration, size
from node.atna.findings import deliveries
from node.health import Finding, Level
from node.issuer_findings import issuers
from node.membership.findings import membership
from node.notifications.findings import untold
from node.patients.findings import doubtful_pairs
from node.witness.findings import witnesses
from trust.consent import store as consents
from trust.identity.caller import Role
from trust.ledger import store
from trust.pki.bindings import Binding

if TYPE_CHECKING:
    from node.services import Services


async def status(order: Order) -> Result:
    """Facts for people, and every finding that is not OK."""
    now = order.services.clock()
    findings = findings_of(order.services, now)
    return {
        "facts": facts_of(order.services, now),
        "findings": [asdict(finding) for finding in findings if finding.level is not Level.OK],
    }


def findings_of(services: Services, now: datetime) -> list[Finding]:
    """Everything that was looked at, what is well too."""
    checks = (*health.FILES, issuers, doubtful_pairs, untold, membership, deliveries, witnesses)
    return [*health.examine(services.config, now, checks), *health.peers(services.communities.all(), now)]


def facts_of(services: Services, now: datetime) -> dict[str, object]:
    """What the node is and has."""
    config, folder = services.config, services.config.folder
    began = datetime.fromtimestamp(folder.lock.stat().st_mtime, UTC)
    heads = store.heads(services.reader)
    directory = services.membership.directory
    return {
        "institution": config.node.name,
        "homeCommunityId": config.node.home_community_id,
        "version": __version__,
        "running since": f"{began:%Y-%m-%d %H:%M} UTC ({duration((now - began).total_seconds())})",
        "process": os.getpid(),
        "address": config.base_url,
        "patients": _count(services.reader, "patient"),
        "documents": _count(services.reader, "stored_document"),
        "audit entries": sum(head.size for head in heads),
        "federation": f"{directory.content.name}, version {directory.version}" if directory else "none",
        "connected institutions": ", ".join(one.name for one in services.communities.all()) or "none",
        "consents in force": consents.count(services.reader),
        "clients in force": sum(_is_client(one) for one in services.bindings.all()),
        "free disk": size(shutil.disk_usage(folder.blobs).free),
    }


def _count(connection: sqlite3.Connection, table: str) -> int:
    (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  a name from above
    return int(found)


def _is_client(binding: Binding) -> bool:
    return binding.role is not Role.PEER and not binding.revoked
