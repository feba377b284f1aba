"""What can be wrong with a node that is visible from its files: each finding with its next step (`check`, `status`).

Every check looks, none changes anything; a check that cannot look says so as a finding.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509

from node import database
from node.configuration.config import Config
from node.documents.scrubbing import Progress
from node.faults import Fault
from node.migrations import REVISIONS
from repository.store.catalogue import Catalogue
from repository.store.inbox import Inbox
from repository.store.upkeep import place
from trust.communities import Community
from trust.community_store import Communities
from trust.consent import reviews
from trust.errors import BadCertificate
from trust.pki.certificates import Usage, check_peer_certificate, from_pem, names, names_host

ALARM_DAYS: Final = 30
_RENEWAL: Final = (
    "one of the federation's CA renews itself while its signer can be reached;"
    " have your own CA renew one of its own, and replace keys/tls.pem"
)
_MOST_NAMED: Final = 5
_FEW_FILES: Final = 4096
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised


class Level(StrEnum):
    """How much a finding matters."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    what: str
    next_step: str = ""


Check = Callable[[Config, datetime], Iterator[Finding]]


def examine(config: Config, now: datetime, checks: tuple[Check, ...]) -> list[Finding]:
    """Every finding of every check. A check that fails itself is a finding too, and keeps no other back."""
    findings: list[Finding] = []
    failures: dict[str, Finding] = {}  # what stops one check often stops several
    for check in checks:
        try:
            findings += check(config, now)
        except Exception as problem:  # noqa: BLE001  whatever it was
            for fault in getattr(problem, "faults", None) or [_unforeseen(problem, config)]:
                what = f"{fault.place}: {fault.cause}"
                failures.setdefault(what, Finding(Level.FAIL, check.__name__, what, fault.next_step))
    return [*findings, *failures.values()]


def _unforeseen(problem: Exception, config: Config) -> Fault:
    place = getattr(problem, "filename", None) or config.root
    return Fault("check.failed", str(place), f"{type(problem).__name__}: {problem}", "make it readable and correct")


def purpose(config: Config, _now: datetime) -> Iterator[Finding]:
    """What this node may be used for."""
    if config.node.development:
        yield Finding(
            Level.WARN,
            "purpose",
            "a development node: its CA is for trials, it takes any code, everybody on this machine may feed patients",
            "never for real patients; make a real node with xdsnode init without --dev",
        )
    if config.xua.peers != "required":
        yield Finding(
            Level.WARN,
            "purpose",
            "other institutions may ask without naming a person: consent then knows the institution and no role",
            'write peers = "required" in [xua] as soon as all of them send assertions',
        )


def own_certificate(config: Config, now: datetime) -> Iterator[Finding]:
    """The node's certificate: there, not ending soon, for the right name."""
    folder = config.folder
    if not folder.tls_chain.exists():
        yield Finding(
            Level.FAIL,
            "certificate",
            f"there is no {folder.tls_chain}",
            "xdsnode federation create or join makes one; your own CA signs "
            f"{folder.tls_request}: xdsnode federation join INVITATION --certificate FILE,"
            " or without a federation put the certificate, and what leads to its CA, there yourself",
        )
        return
    certificate = x509.load_pem_x509_certificates(folder.tls_chain.read_bytes())[0]
    ending = lifetime("certificate", certificate, now, _RENEWAL)
    yield ending
    if ending.level is not Level.FAIL:
        for usage in Usage:
            try:
                check_peer_certificate(certificate, now, usage=usage)
            except BadCertificate as problem:
                step = "have a certificate issued for TLS server and client use, as the request asks"
                yield Finding(Level.FAIL, "certificate", str(problem), step)
    if not names_host(certificate, config.node.host):
        yield Finding(
            Level.FAIL,
            "certificate",
            f"it is for {', '.join(names(certificate)) or 'no name'}, the node is reached as {config.node.host}",
            "have a certificate issued for this name, or correct [node] host",
        )


def trust_anchors(config: Config, now: datetime) -> Iterator[Finding]:
    """The CAs whose certificates are accepted, and the lists of withdrawn ones."""
    folder = config.folder
    if not folder.trust.exists():
        yield Finding(
            Level.FAIL,
            "trusted CAs",
            f"there is no {folder.trust}",
            "xdsnode federation create or join writes it; without a federation put the certificates of the CAs there"
            " whose certificates this node is to accept (PEM)",
        )
        return
    anchors = x509.load_pem_x509_certificates(folder.trust.read_bytes())
    for anchor in anchors:
        yield lifetime(f"trusted CA {common_name(anchor)}", anchor, now, "ask the federation for its new CA")
    for path in config.crl_files:
        yield from _revocation_list(path, now, config.tls.crl_grace_hours)


def _revocation_list(path: Path, now: datetime, grace_hours: int) -> Iterator[Finding]:
    if not path.exists():
        yield Finding(Level.FAIL, "revocation list", f"there is no {path}", "fetch it from the CA that issues it")
        return
    until = x509.load_pem_x509_crl(path.read_bytes()).next_update_utc
    if until is not None and until < now:
        late = (now - until).total_seconds() / 3600
        level = Level.WARN if late <= grace_hours else Level.FAIL
        yield Finding(
            level, "revocation list", f"{path} ended {late:.0f} hours ago", "fetch the current one from its CA"
        )
    else:
        yield Finding(Level.OK, "revocation list", f"{path} is current")


def key_files(config: Config, _now: datetime) -> Iterator[Finding]:
    """Private keys can be read by the node's user alone."""
    folder = config.folder
    if not folder.keys.is_dir():
        yield Finding(
            Level.FAIL, "keys", f"there is no {folder.keys}", "put the keys back, or restore a backup with keys"
        )
        return
    loose = [
        path
        for path in (folder.keys, *sorted(folder.keys.rglob("*")))
        if (path.is_dir() or path.suffix == ".key") and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    for path in loose:
        mode = "0700" if path.is_dir() else "0400"
        yield Finding(Level.FAIL, "keys", f"{path} can be read by other users", f"chmod {mode} {path}")
    needed = (folder.tls_key, folder.blob_key, folder.ledger_key, folder.subject_key, folder.witness_key)
    for path in (path for path in needed if not path.exists()):
        yield Finding(Level.FAIL, "keys", f"there is no {path}", "put it back; without it the node cannot start")
    vouches = folder.assertion_key.exists() or not folder.assertion_cert.exists()  # neither: made at the first start
    if not vouches:
        step = "put it back; without it no user of this node is named to other institutions"
        yield Finding(Level.FAIL, "keys", f"there is no {folder.assertion_key}", step)
    if not loose and vouches and all(path.exists() for path in needed):
        yield Finding(Level.OK, "keys", "there, and readable by the node's user only")


def disk(config: Config, _now: datetime) -> Iterator[Finding]:
    """Free space where documents and the database lie."""
    least = config.repository.min_free_bytes
    disks = {path.stat().st_dev: path for path in map(_existing, (config.folder.data, config.folder.blobs))}
    for path in disks.values():
        free = shutil.disk_usage(path).free
        text = f"{free / 1e9:.1f} GB free at {path}"
        if free < least:
            yield Finding(
                Level.FAIL,
                "disk",
                f"{text}: below {least / 1e9:.1f} GB nothing new is accepted",
                "make room, or add space",
            )
        elif free < 5 * least:
            yield Finding(Level.WARN, "disk", text, f"plan for more: at {least / 1e9:.1f} GB nothing new is accepted")
        else:
            yield Finding(Level.OK, "disk", text)


def storage(config: Config, _now: datetime) -> Iterator[Finding]:
    """SQLite and the schema of the database."""
    if sqlite3.sqlite_version_info < database.SAFE_SQLITE:
        yield Finding(
            Level.WARN,
            "SQLite",
            f"version {sqlite3.sqlite_version} can lose data when two processes write; here only one can",
            "nothing now; take a Python with SQLite 3.51.3 or newer when there is one",
        )
    found = database.revision(config.folder.database)
    if found is None:
        yield Finding(Level.WARN, "database", "there is none yet", "it is made when the node starts: xdsnode serve")
    elif found not in REVISIONS:
        yield Finding(Level.FAIL, "database", f"schema {found} is of a newer program", "start the newer program again")
    elif found != REVISIONS[-1]:
        yield Finding(
            Level.WARN, "database", f"schema {found}", "it is brought up to date at the next start; make a backup"
        )
    else:
        yield Finding(Level.OK, "database", f"schema {found}")


def documents(config: Config, _now: datetime) -> Iterator[Finding]:
    """Documents that were found damaged, by a reader or by the scrub."""
    if database.revision(config.folder.database) != REVISIONS[-1]:
        return
    with contextlib.closing(database.open_reader(config.folder.database)) as connection:
        catalogue = Catalogue(connection)
        damaged = [stored for blob in catalogue.damaged() for stored in catalogue.in_blob(blob)]
    for stored in damaged[:_MOST_NAMED]:
        yield Finding(
            Level.FAIL,
            "documents",
            f"document {stored.unique_id} is damaged and in no answer",
            f"put {place(config.folder.blobs, stored.blob)} back from a backup, or submit the same document again",
        )
    if len(damaged) > _MOST_NAMED:
        what = f"{len(damaged) - _MOST_NAMED} more documents are damaged"
        yield Finding(Level.FAIL, "documents", what, "look at the disk; restore a backup")
    progress = Progress.read(config.folder.scrub)
    if not damaged:
        read = f"last read whole on {progress.ended[:10]}" if progress.ended else "not yet read whole by the scrub"
        yield Finding(Level.OK, "documents", f"none is known to be damaged; {read}")


def emergencies(config: Config, _now: datetime) -> Iterator[Finding]:
    """Whether accesses in an emergency wait for somebody to look at them."""
    if database.revision(config.folder.database) != REVISIONS[-1]:
        return
    with contextlib.closing(database.open_reader(config.folder.database)) as connection:
        waiting = len(reviews.cases(connection))
    if waiting:
        what = f"{waiting} accesses in an emergency wait for review"
        yield Finding(Level.WARN, "emergencies", what, "xdsnode policy review list")


def pushed(config: Config, _now: datetime) -> Iterator[Finding]:
    """Whether documents that others pushed (XDR) wait for somebody to say whose they are."""
    if database.revision(config.folder.database) != REVISIONS[-1]:
        return
    with contextlib.closing(database.open_reader(config.folder.database)) as connection:
        count, oldest = Inbox(connection).waits()
    if count:
        since = f"{oldest[:4]}-{oldest[4:6]}-{oldest[6:8]}"
        what = f"{count} pushed submissions wait, the oldest since {since}: nobody finds them until they are accepted"
        yield Finding(Level.WARN, "inbox", what, "decide on the page Inbox, or: xdsnode inbox list")


def files(_config: Config, _now: datetime) -> Iterator[Finding]:
    """How many files and connections a process may have open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < _FEW_FILES:
        yield Finding(
            Level.WARN,
            "open files",
            f"a process may have {most} files and connections open",
            f"allow {_FEW_FILES} or more: LimitNOFILE= of the service, or ulimit -Hn",
        )


def clock(config: Config, now: datetime) -> Iterator[Finding]:
    """Whether this machine's clock can be believed: records and certificates depend on it."""
    if not synchronised():
        yield Finding(
            Level.WARN, "clock", "this machine's clock is not synchronised", "switch on systemd-timesyncd or chrony"
        )
    newest = max((path.stat().st_mtime for path in _traces(config)), default=0.0)
    if newest > now.timestamp() + 60:
        behind = (newest - now.timestamp()) / 60
        yield Finding(
            Level.FAIL,
            "clock",
            f"it is {behind:.0f} minutes behind what this node wrote last",
            "correct the clock before the node goes on: times in records would be wrong",
        )
    elif synchronised():
        yield Finding(Level.OK, "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def audit(config: Config, _now: datetime) -> Iterator[Finding]:
    """The audit ledger's head and where it is kept."""
    folder = config.folder
    if not folder.head.exists():
        fresh = not folder.audit.exists()
        yield Finding(
            Level.WARN if fresh else Level.FAIL,
            "audit log",
            "it has no head yet" if fresh else f"its head {folder.head} is missing: a rollback could not be seen",
            "it is made when the node starts" if fresh else "put the file back; then: xdsnode audit verify",
        )
        return
    if folder.head.stat().st_dev == _existing(folder.data).stat().st_dev:
        yield Finding(
            Level.WARN,
            "audit log",
            "its head lies on the same disk as the database: that this disk was restored only witnesses would notice",
            "put it on another disk: [audit] head_path in node.toml",
        )
    else:
        yield Finding(Level.OK, "audit log", f"head {folder.head}")


FILES: Final[tuple[Check, ...]] = (
    *(purpose, own_certificate, trust_anchors, key_files, disk, storage),
    *(documents, emergencies, pushed, files, clock, audit),
)


def peers(communities: Iterable[Community], now: datetime) -> Iterator[Finding]:
    """The certificates of connected institutions: when one ends, its documents are out of reach."""
    for community in communities:
        leaf = from_pem(community.certificates)[0]
        step = f"ask {community.name} for a new export, then: xdsnode peer add FILE --replace"
        yield lifetime(f"peer {community.name}", leaf, now, step)


def connected(config: Config, now: datetime) -> Iterator[Finding]:
    """The same, from the database of a node that may be running or not."""
    if database.revision(config.folder.database) is None:
        return
    with contextlib.closing(database.open_reader(config.folder.database)) as connection:
        yield from peers(Communities(connection).all(), now)


def lifetime(subject: str, certificate: x509.Certificate, now: datetime, next_step: str) -> Finding:
    """How long a certificate still counts; an alarm in its last days."""
    days = (certificate.not_valid_after_utc - now).total_seconds() / 86_400
    until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    if certificate.not_valid_before_utc > now:
        return Finding(Level.FAIL, subject, f"not valid before {certificate.not_valid_before_utc:%Y-%m-%d}", next_step)
    if days < 0:
        return Finding(Level.FAIL, subject, f"ended on {until}", next_step)
    if days < ALARM_DAYS:
        return Finding(Level.WARN, subject, f"ends on {until}, in {days:.0f} days", next_step)
    return Finding(Level.OK, subject, f"valid until {until}, {days:.0f} days")


def common_name(certificate: x509.Certificate) -> str:
    """The name of a certificate's subject for people."""
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _traces(config: Config) -> Iterator[Path]:
    """Files whose time of change is that of the node's latest work."""
    for path in (config.folder.database, config.folder.head, config.folder.database.with_name("node.db-wal")):
        if path.exists():
            yield path


def synchronised() -> bool:
    """Whether the kernel believes its clock (adjtimex); a system that cannot say counts as synchronised."""
    if os.uname().sysname != "Linux":
        return True
    libc = ctypes.CDLL(None)
    return int(libc.adjtimex(ctypes.create_string_buffer(512))) != _TIME_ERROR
