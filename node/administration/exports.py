"""What this node gives to another institution's `peer add`: identifiers, addresses and certificate, never a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from node.configuration.config import Config
from node.discovery.duty import LOCATOR
from node.faults import refused
from node.paths import PATHS
from trust.communities import REQUIRED_ENDPOINTS, AssertionIdentity, AuditIdentity, Community, export
from trust.errors import BadCertificate, LedgerBroken
from trust.ledger.checkpoint import CosignatureSigner, NoteSigner
from trust.ledger.keys import read_key
from trust.ledger.shard import log_of
from trust.pki.certificates import fingerprint_of, from_pem, to_pem

_FURTHER: Final = (
    "iti-41-xdr",
    "iti-52-gateway",
    "iti-53",
    "iti-55",
    "iti-56",
    "iti-92-gateway",
)  # what else peers may call


def own_export(config: Config, urls: Mapping[str, str]) -> str:
    """The JSON text of this node. Only the endpoints that peers may call are in it.

    Raises:
        Faults: the node has no certificate yet.
    """
    return export(own_community(config, urls))


def own_urls(config: Config) -> dict[str, str]:
    """Absolute URL of each transaction of this node, by its key (`iti-18`)."""
    return {key: config.base_url + path for key, path in PATHS.items()}


def own_community(config: Config, urls: Mapping[str, str]) -> Community:
    """This node as others know it.

    Raises:
        Faults: the node has no certificate yet.
    """
    chain = config.folder.tls_chain
    try:
        text = chain.read_text(encoding="ascii")
        leaf = from_pem(text)[0]
    except (OSError, UnicodeDecodeError, BadCertificate) as problem:
        step = f"give {config.folder.tls_request} to your certificate authority first; xdsnode check says how"
        raise refused("export.certificate", str(chain), str(problem), step) from None
    return replace(without_certificate(config, urls), certificates=text, fingerprint=fingerprint_of(leaf))


def without_certificate(config: Config, urls: Mapping[str, str]) -> Community:
    """The same of a node that has none yet: for who is about to join.

    Raises:
        Faults: keys or certificates of its issuers cannot be read.
    """
    base = config.base_url
    own = {
        "audit": f"{base}/audit",
        "directory": f"{base}/federation/directory",
        "locations": f"{base}/federation/locations",
    }
    return Community(
        home=config.node.home_community_id,
        name=config.node.name,
        endpoints={key: urls[key] for key in (*REQUIRED_ENDPOINTS, *_FURTHER) if key in urls} | own,
        certificates="",
        fingerprint="",
        assigning_authority=config.node.assigning_authority,
        repository_unique_ids=(config.node.repository_unique_id,),
        audit=audit_identity(config),
        assertions=tuple(assertion_identities(config)),
        capabilities=(LOCATOR,) if config.federation.locator else (),
    )


def assertion_identities(config: Config) -> Iterator[AssertionIdentity]:
    """Who vouches for this institution's users: the node itself, and the identity providers of its own users.

    Raises:
        Faults: a certificate cannot be read.
    """
    own = config.node.home_community_id
    if config.folder.assertion_cert.exists():  # the node of an older version makes it when it starts
        yield _assertion_identity(own, (config.folder.assertion_cert,))
    for one in config.xua.issuers:
        if not one.communities or own in one.communities:
            yield _assertion_identity(one.issuer, [config.root / name for name in one.certificates])


def _assertion_identity(issuer: str, files: Sequence[Path]) -> AssertionIdentity:
    try:
        found = [certificate for file in files for certificate in from_pem(file.read_bytes())]
    except (OSError, BadCertificate) as problem:
        step = "put the certificate of the issuer there (PEM), or correct [[xua.issuers]] in node.toml"
        raise refused("export.assertion", f"certificates of {issuer}", str(problem), step) from None
    return AssertionIdentity(issuer=issuer, certificates=to_pem(found))


def audit_identity(config: Config) -> AuditIdentity:
    """The name and public key of this node's audit log.

    Raises:
        Faults: its key cannot be read.
    """
    log = log_of(config.log_node)
    try:
        key = NoteSigner(log, read_key(config.folder.ledger_key)).key.public
        # The node of an older version makes its witness key when it starts.
        made = config.folder.witness_key.exists()
        witness = CosignatureSigner(config.witness_name, read_key(config.folder.witness_key)).key if made else None
        return AuditIdentity(log=log, key=key, witness=witness)
    except LedgerBroken as problem:
        step = "without it nobody can verify this node's log: restore the keys from where you keep them"
        raise refused("export.audit-key", str(config.folder.ledger_key), str(problem), step) from None
