"""What this node gives to another institution's `peer add`: identifiers, addresses and certificate, never a key."""

from __future__ import annotations

from collections.abc import Mapping

from node.config import Config
from node.faults import refused
from trust.communities import REQUIRED_ENDPOINTS, AssertionIdentity, AuditIdentity, Community, export
from trust.errors import BadCertificate, LedgerBroken
from trust.ledger.checkpoint import CosignatureSigner, NoteSigner
from trust.ledger.keys import read_key
from trust.ledger.shard import log_of
from trust.pki.certificates import fingerprint_of, from_pem


def own_export(config: Config, urls: Mapping[str, str]) -> str:
    """The JSON text of this node. Only the endpoints that peers may call are in it.

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
    return export(
        Community(
            home=config.node.home_community_id,
            name=config.node.name,
            endpoints={key: urls[key] for key in REQUIRED_ENDPOINTS} | {"audit": config.base_url + "/audit"},
            certificates=text,
            fingerprint=fingerprint_of(leaf),
            assigning_authority=config.node.assigning_authority,
            repository_unique_ids=(config.node.repository_unique_id,),
            audit=audit_identity(config),
            assertion=assertion_identity(config),
        )
    )


def assertion_identity(config: Config) -> AssertionIdentity | None:
    """As whom this node signs assertions; None before its key is made, which a start does."""
    path = config.folder.assertion_cert
    try:
        return AssertionIdentity(issuer=config.node.home_community_id, certificate=path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        step = "restore the keys from where you keep them"
        raise refused("export.assertion", str(path), str(problem), step) from None


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
