"""Where the files of one node lie. Nothing here touches the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The paths of one node. `keys`, `blobs` and `head` can be configured, everything else is fixed."""

    root: Path
    keys: Path
    blobs: Path
    head: Path

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.root / "node.toml"

    @property
    def data(self) -> Path:
        """Database, documents and spool."""
        return self.root / "data"

    @property
    def database(self) -> Path:
        """The one database."""
        return self.data / "node.db"

    @property
    def scrub(self) -> Path:
        """How far the scrub of the documents is."""
        return self.data / "scrub.json"

    @property
    def audit_index(self) -> Path:
        """The index of the audit log; it can be deleted and is made anew from the database."""
        return self.data / "audit-index.db"

    @property
    def spool(self) -> Path:
        """Documents of other communities on their way through: encrypted and unlinked at once."""
        return self.data / "spool"

    @property
    def copies(self) -> Path:
        """Documents of other communities that are kept for a while, encrypted; only if the institution wants that."""
        return self.data / "copies"

    @property
    def audit(self) -> Path:
        """Tiles and checkpoints, a folder for each year."""
        return self.root / "audit"

    @property
    def run(self) -> Path:
        """Lock and socket of the running node."""
        return self.root / "run"

    @property
    def lock(self) -> Path:
        """Whoever holds this lock is the only writer."""
        return self.run / "lock"

    @property
    def socket(self) -> Path:
        """The control socket of the running node, mode 0600."""
        return self.run / "control.sock"

    @property
    def tls_key(self) -> Path:
        """Private key of the node's certificate."""
        return self.keys / "tls.key"

    @property
    def tls_chain(self) -> Path:
        """The node's certificate and what leads to its CA."""
        return self.keys / "tls.pem"

    @property
    def tls_request(self) -> Path:
        """Certificate request for the institution's CA."""
        return self.keys / "tls.csr"

    @property
    def trust(self) -> Path:
        """CA certificates this node trusts."""
        return self.keys / "trust.pem"

    @property
    def blob_key(self) -> Path:
        """Key that wraps the keys of the documents."""
        return self.keys / "blob.key"

    @property
    def ledger_key(self) -> Path:
        """Key that signs checkpoints of the audit ledger."""
        return self.keys / "ledger.key"

    @property
    def next_ledger_key(self) -> Path:
        """The key that is about to take over; it is there only while the key is changed."""
        return self.keys / "ledger-next.key"

    @property
    def subject_key(self) -> Path:
        """Key of the patients' tags in the audit ledger."""
        return self.keys / "subject.key"

    @property
    def witness_key(self) -> Path:
        """Key with which this node cosigns the checkpoints of others."""
        return self.keys / "witness.key"

    @property
    def assertion_key(self) -> Path:
        """Private key that signs assertions about this node's own users."""
        return self.keys / "assertion.key"

    @property
    def assertion_cert(self) -> Path:
        """Certificate of that key, for those who verify."""
        return self.keys / "assertion.pem"

    @property
    def federation(self) -> Path:
        """CA of the federation that this node made, and the key that signs its directory."""
        return self.keys / "federation"

    @property
    def signer_key(self) -> Path:
        """Key that signs the directory of the federation."""
        return self.federation / "signer.key"

    @property
    def next_signer_key(self) -> Path:
        """The key that is about to take over; it is there only while the key is changed."""
        return self.federation / "signer-next.key"

    @property
    def next_tls_key(self) -> Path:
        """Private key of a renewed certificate, until it is used."""
        return self.keys / "tls-next.key"

    @property
    def next_tls_chain(self) -> Path:
        """A renewed certificate that every member is still being told of."""
        return self.keys / "tls-next.pem"

    @property
    def accounts_key(self) -> Path:
        """Key that seals the secrets of one-time codes and makes the names of patients in URLs of pages."""
        return self.keys / "accounts.key"

    @property
    def client_cert(self) -> Path:
        """Certificate that the node's own commands use (development nodes: also conformance tools)."""
        return self.keys / "client.pem"

    @property
    def client_key(self) -> Path:
        """Private key of `client_cert`."""
        return self.keys / "client.key"

    @property
    def applications(self) -> Path:
        """Folder of the CA that issues certificates for local applications."""
        return self.keys / "applications"

    @property
    def applications_ca(self) -> Path:
        """Certificate of that CA; callers with a certificate of it are let into the handshake."""
        return self.applications / "ca.pem"

    @property
    def ca(self) -> Path:
        """The development CA's certificate."""
        return self.keys / "ca.pem"
