"""The TLS side of one running node: its certificate, whom it trusts, which lists it has, and how that is reloaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography import x509

from trust.errors import BadCertificate
from trust.pki import revocation, tls
from trust.pki.authority import is_development
from trust.pki.certificates import (
    Usage,
    check_authority,
    check_peer_certificate,
    days_left,
    fingerprint,
    fingerprint_of,
    from_der,
    from_pem,
    names_host,
    subject,
    to_pem,
)
from trust.pki.revocation import GRACE, RevocationLists

WARN_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where a node keeps what TLS needs. `anchors` are files of CA certificates, `lists` of revocation lists (PEM).

    `own` are files of CAs that belong to this node (`client add`): anchors too, which need no list.
    """

    chain: Path
    key: Path
    anchors: tuple[Path, ...]
    own: tuple[Path, ...] = ()
    lists: tuple[Path, ...] = ()
    grace: timedelta = GRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What one reading of the files gave; replaced as a whole."""

    chain: tuple[x509.Certificate, ...]
    authorities: tuple[x509.Certificate, ...]
    lists: RevocationLists
    mark: bytes  # digest of what calls to others depend on: certificate, key, anchors, lists
    plain: tls.ServerSide
    strict: tls.ServerSide  # OpenSSL demands a list for every certificate
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Client:
    """A context for calling, and until when what it trusts is sure to be good: its pool of connections ends then."""

    context: tls.ClientContext
    until: datetime


class NodeTls:
    """Contexts for serving and for calling; `server` stays the same object, whatever is reloaded.

    `pinned` are PEM texts of certificates that are trusted themselves (`peer add`). `refused` is told the reason of
    every handshake that failed: the caller counts and records them, several at a time.

    Raises:
        BadCertificate: certificate, key or anchors cannot be read or do not fit together.
    """

    def __init__(
        self,
        files: TlsFiles,
        *,
        clock: Callable[[], datetime],
        pinned: Sequence[str] = (),
        refused: tls.Refused | None = None,
    ) -> None:
        self._files = files
        self._clock = clock
        self._pinned = tuple(pinned)
        self._refused = refused
        self._clients: dict[str, _Client] = {}
        self._loaded = self._load(())
        self.server = tls.server_context(self._current)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The node's certificate and what leads to its CA."""
        return self._loaded.chain

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the node's certificate."""
        return fingerprint_of(self._loaded.chain[0])

    @property
    def development(self) -> bool:
        """Whether a development authority stands behind the node's certificate: it then listens on loopback only."""
        return is_development((*self._loaded.chain, *self._loaded.authorities))

    @property
    def lists(self) -> RevocationLists:
        """The revocation lists in force."""
        return self._loaded.lists

    def reload(self, pinned: Sequence[str] | None = None) -> None:
        """Read everything again; connections made from now on use it, open ones are judged by it on each request.

        A list that cannot be read any more keeps counting until its own end and the grace. Connections to communities
        stay open where nothing has changed that they depend on: a thousand communities are a thousand handshakes.

        Raises:
            BadCertificate: nothing was changed.
        """
        before, mark = self._pinned, self._loaded.mark
        self._pinned = before if pinned is None else tuple(pinned)
        try:
            self._loaded = self._load([one.crl for one in self._loaded.lists.lists])
        except BadCertificate:
            self._pinned = before
            raise
        now = self._clock()
        known = frozenset(self._pinned) if self._loaded.mark == mark else frozenset()
        self._clients = {pins: one for pins, one in self._clients.items() if pins in known and now < one.until}

    def client(self, pins: str = "") -> tls.ClientContext:
        """The context for calling a community whose certificates are `pins` (PEM), and nobody else.

        Without pins: any server below the node's trust anchors. The same object comes back, so that pooled connections
        are found again, until a `reload` finds something changed.

        Raises:
            BadCertificate: `pins` cannot be read.
        """
        known = self._clients.get(pins)
        if known is None:
            anchors = from_pem(pins) if pins else self._loaded.authorities
            only = frozenset(map(fingerprint_of, anchors)) if pins else frozenset()
            judge = _judge_of_servers(only, lambda: self._loaded.lists, self._clock)
            context = tls.client_context(str(self._files.chain), str(self._files.key), to_pem(anchors), judge)
            known = self._clients[pins] = _Client(context, self._good_until(anchors))
        return known.context

    def calling(self, anchors: str = "", *, chain: Path | None = None, key: Path | None = None) -> tls.ClientContext:
        """A fresh context for a server that is no community, e.g. an Audit Record Repository.

        Args:
            anchors: its CA (PEM), which no revocation list of the node speaks of; "" for the node's own anchors.
            chain: certificate to show instead of the node's.
            key: private key of `chain`.

        Raises:
            BadCertificate: one of them cannot be used.
        """
        lists = RevocationLists()
        judge = _judge_of_servers(frozenset(), lambda: lists if anchors else self._loaded.lists, self._clock)
        trusted = to_pem(from_pem(anchors) if anchors else self._loaded.authorities)
        return tls.client_context(str(chain or self._files.chain), str(key or self._files.key), trusted, judge)

    def problems(self, now: datetime) -> list[str]:
        """What an administrator has to know now, as sentences; empty when all is well."""
        return [*_own_certificate(self._loaded.chain, now), *self._loaded.problems, *self._loaded.lists.problems(now)]

    def _good_until(self, pinned: Sequence[x509.Certificate]) -> datetime:
        """The first moment at which one of these certificates that are good now may be good no more."""
        now, ends = self._clock(), []
        for certificate in pinned:
            with contextlib.suppress(BadCertificate):
                listed = self._loaded.lists.check(certificate, now, pinned=True)
                ends.append(min(listed, certificate.not_valid_after_utc))
        return min((end for end in ends if end > now), default=now)

    def _current(self) -> tls.ServerSide:
        loaded = self._loaded
        return loaded.strict if loaded.lists.fit_for_handshakes(self._clock()) else loaded.plain

    def _load(self, older_lists: Sequence[x509.CertificateRevocationList]) -> _Loaded:
        now = self._clock()
        problems: list[str] = []
        chain = from_pem(_read(self._files.chain))
        own = tuple(_good_anchors(self._files.own, now, problems))
        authorities = (*_good_anchors(self._files.anchors, now, problems), *own)
        pinned = tuple(certificate for text in self._pinned for certificate in from_pem(text))
        lists = self._read_lists(older_lists, problems, authorities=authorities, pinned=pinned, own=own)
        anchors = to_pem((*authorities, *pinned))
        judge = _judge_of_callers(lists, self._clock)
        names = str(self._files.chain), str(self._files.key), anchors
        text = b"".join(one.text for one in lists.lists)
        shown = _read(self._files.chain), _read(self._files.key)
        return _Loaded(
            chain=chain,
            authorities=authorities,
            lists=lists,
            mark=sha256(b"\0".join((*shown, to_pem(authorities).encode(), text))).digest(),
            plain=tls.ServerSide(tls.shared_context(*names), judge, self._refused),
            strict=tls.ServerSide(tls.shared_context(*names, text), judge, self._refused, demand_lists=True),
            problems=tuple(problems),
        )

    def _read_lists(
        self,
        older: Sequence[x509.CertificateRevocationList],
        problems: list[str],
        *,
        authorities: Sequence[x509.Certificate],
        pinned: Sequence[x509.Certificate],
        own: Sequence[x509.Certificate],
    ) -> RevocationLists:
        if not self._files.lists:
            return RevocationLists()
        found = [one for one in older if revocation.issuer_of_list(one, authorities)]
        for path in self._files.lists:
            try:
                read = revocation.from_pem(_read(path))
                RevocationLists(read, authorities)
                found += read
            except BadCertificate as fault:
                problems.append(f"{path.name}: {fault}")
        return RevocationLists(found, authorities, pinned=pinned, own=own, configured=True, grace=self._files.grace)


def _judge_of_callers(lists: RevocationLists, clock: Callable[[], datetime]) -> tls.Judge:
    def judge(der: bytes, _host: str) -> None:
        now = clock()
        certificate = from_der(der)
        check_peer_certificate(certificate, now, usage=Usage.CLIENT)
        lists.check(certificate, now)

    return judge


def _judge_of_servers(
    only: frozenset[str], lists: Callable[[], RevocationLists], clock: Callable[[], datetime]
) -> tls.Judge:
    def judge(der: bytes, host: str) -> None:
        now = clock()
        certificate = from_der(der)
        check_peer_certificate(certificate, now, usage=Usage.SERVER)
        if only and fingerprint(der) not in only:
            raise BadCertificate(f"{host} shows another certificate than the one it was added with")
        lists().check(certificate, now, pinned=bool(only))
        if not names_host(certificate, host):
            raise BadCertificate(f"the certificate of {host} does not name it")

    return judge


def _own_certificate(chain: Sequence[x509.Certificate], now: datetime) -> Iterator[str]:
    for usage in (Usage.SERVER, Usage.CLIENT):
        try:
            check_peer_certificate(chain[0], now, usage=usage)
        except BadCertificate as fault:
            yield f"the node's own certificate: {fault}"
            return
    for certificate in chain:
        left = days_left(certificate, now)
        if left < WARN_DAYS:
            yield f"the certificate {subject(certificate)!r} ends in {left} days: renew it and add it at every peer"


def _good_anchors(files: Sequence[Path], now: datetime, problems: list[str]) -> Iterator[x509.Certificate]:
    for path in files:
        for certificate in from_pem(_read(path)):
            try:
                check_authority(certificate, now)
            except BadCertificate as fault:
                problems.append(f"{path.name}: {fault}; it is not trusted")
            else:
                yield certificate


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise BadCertificate(f"{path} cannot be read: {fault.strerror}") from fault
