"""Makes the folder of a new node: keys, certificate or request, configuration. Undone as a whole when a step fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.x509 import Certificate

from node.configuration.config import FILE, LOOPBACK, Config, parse, template
from node.faults import misused, refused
from node.folder import Folder
from repository.store.keys import create_key_file as create_blob_key
from trust.errors import BadCertificate
from trust.ledger.keys import create_key
from trust.pki import assertion_key, authority
from trust.pki.certificates import fingerprint_of, to_pem
from trust.pki.keyfiles import private_folder, write_private

CLIENT_NAME: Final = "own commands"
DEVELOPMENT_CLIENT: Final = "development client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `init` was asked for; "" means that it is made."""

    root: Path
    name: str
    host: str
    port_base: int
    authority: str
    home: str
    public_url: str
    ca: Path | None
    development: bool
    permitted: tuple[str, ...] = ()  # private hosts and networks that others may have


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new node, and the fingerprint of its own client's certificate."""

    config: Config
    client_name: str
    client_fingerprint: str
    client_pem: str
    steps: tuple[str, ...]  # what was made, for people


def make(wanted: Wanted, *, now: datetime, new_uuid: Callable[[], UUID]) -> Made:
    """Make the folder of a node.

    Raises:
        Faults: there is one already, or a value or the CA cannot be used; nothing is left behind.
    """
    root = wanted.root
    if (root / FILE).exists():
        step = "give another folder with --dir, or use this one: xdsnode check"
        raise misused("init.exists", str(root / FILE), "this folder is a node already", step)
    text = _configuration(wanted, new_uuid)
    config = parse(text, root)
    folder = config.folder
    if folder.keys.exists():
        step = "move it away, or give another folder with --dir: keys are never overwritten"
        raise misused("init.keys", str(folder.keys), "there are keys already", step)
    try:
        return _make(wanted, config, text, now)
    except BadCertificate as problem:
        undo(config)
        step = "give another folder with --ca, or another --name or --host"
        raise refused("init.certificate", str(wanted.ca or root), str(problem), step) from None
    except OSError as problem:
        undo(config)
        cause = problem.strerror or type(problem).__name__
        place = str(problem.filename or root)
        raise refused("init.write", place, cause, "choose a folder that you may write to, with --dir") from None
    except BaseException:
        undo(config)
        raise


def undo(config: Config) -> None:
    """Take away what `make` made."""
    folder = config.folder
    for path in (folder.keys, folder.data, folder.audit, folder.run):
        shutil.rmtree(path, ignore_errors=True)
    folder.config.unlink(missing_ok=True)


def _make(wanted: Wanted, config: Config, text: str, now: datetime) -> Made:
    folder = config.folder
    for path in (folder.root, folder.keys, folder.data, folder.blobs, folder.spool, folder.audit, folder.run):
        private_folder(path)
    create_blob_key(folder.blob_key)
    create_key(folder.ledger_key)
    create_key(folder.subject_key)
    create_key(folder.witness_key)
    create_assertion_key(folder, wanted.name, now)
    key = authority.new_key()
    write_private(folder.tls_key, authority.key_pem(key))
    names = _hosts(wanted)
    steps = [f"keys in {folder.keys}: keep a copy of this folder in a safe place"]
    if wanted.development:
        place = (wanted.ca or folder.keys / "ca").absolute()
        ca = authority.open_authority(place, "Development CA: not for patients", now=now, development=True)
        certificate = ca.issue(_common_name(wanted.name), key.public_key(), now=now, hosts=names)
        write_private(folder.tls_chain, to_pem([certificate]).encode())
        write_private(folder.trust, ca.pem.encode())
        write_private(folder.ca, ca.pem.encode())
        steps.append(f"certificate of the development CA in {place}")
    else:
        write_private(folder.tls_request, authority.request(key, _common_name(wanted.name), names).encode())
        steps.append(f"certificate request {folder.tls_request}")
    client_name, client = _own_client(wanted, folder, now)
    write_private(folder.config, text.encode())
    folder.config.chmod(0o600)
    return Made(
        config=config,
        client_name=client_name,
        client_fingerprint=fingerprint_of(client),
        client_pem=to_pem([client]),
        steps=tuple(steps),
    )


def create_assertion_key(folder: Folder, name: str, now: datetime) -> None:
    """The key that signs assertions about this node's own users, and its certificate."""
    assertion_key.create(folder.assertion_key, folder.assertion_cert, _common_name(name), now)


def _own_client(wanted: Wanted, folder: Folder, now: datetime) -> tuple[str, Certificate]:
    """The certificate that the node's own commands show; from the CA for local applications."""
    name = DEVELOPMENT_CLIENT if wanted.development else CLIENT_NAME
    applications = open_applications(folder, now=now, development=wanted.development)
    key = authority.new_key()
    certificate = applications.issue(name, key.public_key(), now=now, usages=authority.APPLICATION)
    write_private(folder.client_key, authority.key_pem(key))
    write_private(folder.client_cert, to_pem([certificate]).encode())
    return name, certificate


def open_applications(folder: Folder, *, now: datetime, development: bool) -> authority.Authority:
    """The CA of this node that issues certificates for local applications."""
    return authority.open_authority(folder.applications, "Applications of this node", now=now, development=development)


def _configuration(wanted: Wanted, new_uuid: Callable[[], UUID]) -> str:
    def made() -> str:
        return f"2.25.{new_uuid().int}"

    home = wanted.home or made()
    node: dict[str, object] = {
        "name": wanted.name,
        "home_community_id": home if home.startswith("urn:oid:") else f"urn:oid:{home}",
        "repository_unique_id": made(),
        "assigning_authority": wanted.authority or made(),
        "host": wanted.host,
        "listen": _listen(wanted),
        "port_base": wanted.port_base,
    }
    if wanted.public_url:
        node["public_url"] = wanted.public_url
    xua = {"applications": "accepted", "peers": "accepted"}
    federation = {"permitted_hosts": wanted.permitted} if wanted.permitted else {}
    if not wanted.development:
        return template(node, {"xua": xua, "federation": federation})
    return template(
        {**node, "development": True},
        {
            "federation": federation,
            "registry": {"affinity_domain": "any"},
            "repository": {"min_free_bytes": 64 << 20},
            "mllp": {"listener": "plain"},
            "xua": xua,
        },
    )


def _listen(wanted: Wanted) -> str:
    """A node of an address of this machine alone listens there; a real one everywhere."""
    if wanted.development or wanted.host in LOOPBACK:
        return "localhost"
    try:
        return wanted.host if ip_address(wanted.host).is_loopback else ""
    except ValueError:
        return ""


def _hosts(wanted: Wanted) -> tuple[str, ...]:
    extra = authority.DEVELOPMENT_HOSTS if wanted.development else ()
    return tuple(dict.fromkeys((wanted.host, *extra)))


def _common_name(name: str) -> str:
    """The institution's name as far as a certificate holds it."""
    return name[:64]
