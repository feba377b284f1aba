"""Which files the TLS of a node uses: in the running node, and in commands that look at a connection."""

from __future__ import annotations

from datetime import timedelta

from node.configuration.config import Config
from trust.pki.contexts import TlsFiles


def tls_files(config: Config) -> TlsFiles:
    """Certificate, key, anchors and revocation lists of this node."""
    folder = config.folder
    return TlsFiles(
        chain=folder.tls_chain,
        key=folder.tls_key,
        anchors=tuple(path for path in (folder.trust,) if path.exists()),
        own=tuple(path for path in (folder.keys / "applications" / "ca.pem",) if path.exists()),
        lists=config.crl_files,
        grace=timedelta(hours=config.tls.crl_grace_hours),
    )
