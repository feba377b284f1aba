"""Whose assertions count here, and how long still, from files alone: `check`, `status`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509

from node.configuration.config import Config
from node.health import Finding, Level, lifetime
from trust.errors import BadCertificate
from trust.pki.certificates import from_pem


def issuers(config: Config, now: datetime) -> Iterator[Finding]:
    """One finding for this node's own issuer and one for each identity provider of `[xua]`."""
    files: dict[str, tuple[Path, ...]] = {}
    if config.folder.assertion_cert.exists():
        files["this node"] = (config.folder.assertion_cert,)
    files |= {one.name: tuple(config.root / name for name in one.certificates) for one in config.xua.issuers}
    for name, paths in files.items():
        found: list[x509.Certificate] = []
        for path in paths:
            try:
                found += from_pem(path.read_bytes())
            except (OSError, BadCertificate) as problem:
                step = "save the signing certificate there (PEM), or correct [[xua.issuers]] in node.toml"
                yield Finding(Level.FAIL, f"assertions of {name}", f"{path}: {problem}", step)
        if found:
            step = "take the issuer's next certificate beside this one in time; both count while they are valid"
            yield lifetime(f"assertions of {name}", max(found, key=lambda one: one.not_valid_after_utc), now, step)
    if config.xua.issuers and config.xua.applications == "off":
        step = 'write applications = "accepted" or "required" in [xua]'
        yield Finding(
            Level.WARN, "assertions", "identity providers are named, and no application is asked for one", step
        )
