"""Directories good and bad, for tests of those who read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.trust.pki import making
from tests.trust.pki.making import NOW, Issued
from trust.communities import Community, describe
from trust.directory.content import ACTIVE, Content
from trust.directory.directory import LIFE, Directory, Pin, accept, seal
from trust.directory.root import first, read_root, successor
from trust.directory.signing import Signed, Signer
from trust.pki.certificates import to_pem

FEDERATION = "urn:uuid:6f1c2f0a-6d0b-4b9e-9f8e-0d8a3f6f2a11"
CA = making.authority()


def home(k: int) -> str:
    return f"urn:oid:2.999.{k}"


def node(k: int) -> Issued:
    return making.node_certificate(CA, hosts=(f"n{k}.example.org",))


def community(k: int, certificate: Issued, **values: object) -> Community:
    url = f"https://n{k}.example.org:8443"
    return Community(
        **{
            "home": home(k),
            "name": f"Institution {k}",
            "endpoints": {"iti-38": f"{url}/iti-38", "iti-39": f"{url}/iti-39"},
            "certificates": to_pem([certificate.certificate]),
            "fingerprint": certificate.fingerprint,
            "assigning_authority": f"2.999.{k}.1",
            **values,
        }
    )


def row(described: Community, status: str = ACTIVE, **values: object) -> dict:
    return {**describe(described), "status": status, **values}


@dataclass
class Federation:
    """A signer and what it signed last."""

    signers: list[Signer] = field(default_factory=lambda: [Signer(bytes([7]) * 32)])
    federation: str = FEDERATION
    keys: list[Signed] = field(default_factory=list)
    content: Content = field(default_factory=lambda: Content(names={"en": "Region North", "zh": "北区"}))
    version: int = 0

    def __post_init__(self) -> None:
        self.keys = self.keys or [first(self.federation, self.signers)]

    @property
    def pin(self) -> Pin:
        root = read_root(self.keys[-1])
        return Pin(root.federation, root.digest)

    def rotate(self, signers: Sequence[Signer]) -> None:
        self.keys.append(successor(read_root(self.keys[-1]), self.signers, signers))
        self.signers = list(signers)

    def sealed(self, now: datetime = NOW, *, version: int | None = None, life: timedelta = LIFE) -> bytes:
        """The next version, or the one that is wanted."""
        self.version = self.version + 1 if version is None else version
        return seal(
            self.content,
            keys=self.keys,
            root=read_root(self.keys[-1]),
            signers=self.signers,
            version=self.version,
            now=now,
            life=life,
        )

    def take(self, *communities: Community) -> None:
        self.content = replace(self.content, members=tuple(map(row, communities)))


def accepted(current: Directory | Pin, offered: bytes, now: datetime = NOW) -> Directory:
    found = accept(current, offered, now)
    assert isinstance(found, Directory), found
    return found
