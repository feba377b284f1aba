"""The exporters of a node, one for each `[[audit.repositories]]` of its configuration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from node.atna.exporter import Exporter, Surroundings
from node.configuration.config import Config
from node.configuration.settings import AuditRepository
from node.metrics import Metrics
from node.records import instant
from trust.errors import BadCertificate
from trust.pki.contexts import NodeTls
from trust.pki.tls import ClientContext

if TYPE_CHECKING:
    from trust.ledger.sequencer import Sequencer


def exporters(
    config: Config, tls: NodeTls, sequencer: Sequencer, metrics: Metrics, *, now: Callable[[], datetime]
) -> list[Exporter]:
    """One exporter for each configured Audit Record Repository, not started yet."""
    surroundings = Surroundings(
        database=config.folder.database,
        data=config.folder.data,
        host=config.node.host,
        now=lambda: instant(now()),
        context=lambda repository: _context(config, tls, repository),
        checkpoint=lambda: sequencer.checkpoint,
        metrics=metrics,
    )
    return [Exporter(repository, surroundings) for repository in config.audit.repositories]


def _context(config: Config, tls: NodeTls, repository: AuditRepository) -> ClientContext:
    """A fresh context for each connection, so that renewed files count without a restart."""
    anchors = ""
    if repository.ca:
        try:
            anchors = (config.root / repository.ca).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise BadCertificate(f"{repository.ca} cannot be read: {problem}") from problem
    own = repository.certificate
    return tls.calling(
        anchors,
        chain=config.root / own if own else None,
        key=config.root / repository.private_key if own else None,
    )
