"""What the node has that signs the directory of a federation: the signing key and the federation's own small CA."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509 import Certificate

from node.configuration.config import Config
from node.faults import refused
from node.folder import Folder
from trust.communities import Community, describe
from trust.directory.content import ACTIVE, Content
from trust.directory.directory import Directory, seal
from trust.directory.root import first, read_root, successor
from trust.directory.signing import Signer
from trust.ledger.keys import create_key, read_key
from trust.pki import authority

CERTIFICATE_DAYS: Final = 180


def is_signer(folder: Folder) -> bool:
    """Whether this node signs the directory."""
    return folder.signer_key.exists()


def found(config: Config, own: Community, names: dict[str, str], federation: str, now: datetime) -> tuple[str, bytes]:
    """Make the keys of a new federation, and its first directory, which this node signs: pinned digest and bytes.

    Raises:
        BadCertificate: its CA cannot be made.
    """
    folder = config.folder
    ca = certifier(config, now)
    if not is_signer(folder):
        create_key(folder.signer_key)
    signer = Signer(read_key(folder.signer_key))
    keys = first(federation, [signer])
    content = Content(names=names, publishers=(config.node.home_community_id,), issuers=(ca.pem,), members=())
    content = with_member(content, own)
    root = read_root(keys)
    return root.digest, seal(content, keys=[keys], root=root, signers=[signer], version=1, now=now)


def certifier(config: Config, now: datetime) -> authority.Authority:
    """The federation's CA, made when there is none.

    Raises:
        BadCertificate: it is damaged or has ended.
    """
    name = "Federation CA: not for patients" if config.node.development else "Federation CA"
    return authority.open_authority(
        config.folder.federation,
        f"{name} {secrets.token_hex(4)}",  # two federations are told apart by name
        now=now,
        development=config.node.development,
    )


def issue(config: Config, name: str, key: CertificatePublicKeyTypes, hosts: list[str], now: datetime) -> Certificate:
    """A node's certificate by the federation's CA.

    Raises:
        BadCertificate: the CA, name or hosts cannot be used.
    """
    return certifier(config, now).issue(name[:64], key, now=now, hosts=hosts, days=CERTIFICATE_DAYS)


def next_version(folder: Folder, current: Directory, content: Content, now: datetime, *, rotate: bool = False) -> bytes:
    """The next version of the directory, signed; with `rotate` under a new key, which the old one signs.

    Raises:
        Faults: the key that signs is not here.
    """
    signer = _signing(folder, current)
    if not rotate:
        keys, signers = current.keys, [signer]
    else:
        if not folder.next_signer_key.exists():
            create_key(folder.next_signer_key)
        signers = [Signer(read_key(folder.next_signer_key))]
        keys = (*current.keys, successor(current.root, [signer], signers))
    return seal(content, keys=keys, root=read_root(keys[-1]), signers=signers, version=current.version + 1, now=now)


def settle_rotation(folder: Folder, current: Directory) -> None:
    """After a change of keys is in force: the new one takes the place of the old one."""
    if folder.next_signer_key.exists() and Signer(read_key(folder.next_signer_key)).public in current.root.keys:
        folder.next_signer_key.replace(folder.signer_key)


def _signing(folder: Folder, current: Directory) -> Signer:
    for path in (folder.signer_key, folder.next_signer_key):
        if path.exists() and (signer := Signer(read_key(path))).public in current.root.keys:
            return signer
    step = "do this at the node that made the federation; a restored backup brings its key only --with-keys"
    raise refused("federation.no-signer", str(folder.signer_key), "this node does not sign the directory", step)


def with_member(content: Content, community: Community) -> Content:
    """The content with this community, in the place of what was said of it before."""
    row: dict[str, Any] = {**describe(community), "status": ACTIVE}
    if community.previous:
        row["previous"] = community.previous
    others = [one for one in content.members if one["home_community_id"] != community.home]
    return replace(content, members=(*others, row))


def without_member(content: Content, home: str) -> Content:
    """The content without this community."""
    return replace(content, members=tuple(one for one in content.members if one["home_community_id"] != home))
