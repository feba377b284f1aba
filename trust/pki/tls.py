"""TLS as this node speaks it, in both directions: contexts that can be reloaded while the server runs.

TLS 1.2 or newer, ECDHE with AEAD only, certificates on both sides, and no resumption of any kind: a resumed session
would skip the verification of a certificate that was revoked meanwhile.

Two things Python's `ssl` cannot express decide the shape. `num_tickets = 0` with `OP_NO_TICKET` leaves the cache of
TLS 1.2 session ids on (measured: such a session is resumed after a clean close). That cache belongs to the context a
connection began with, so each connection begins with a context of its own, which then hands over to the shared one
that holds certificate and trust anchors. And OpenSSL accepts certificates this node must not, so the object asyncio
drives through the handshake judges the peer's certificate itself, before a byte of a request is read or sent.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable
from typing import Final

from trust.errors import BadCertificate

HANDSHAKE_SECONDS: Final = 10.0  # for asyncio's ssl_handshake_timeout
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:@SECLEVEL=2"  # of TLS 1.2; those of 1.3 are all AEAD
_OPTIONS: Final = (
    ssl.OP_NO_TICKET
    | ssl.OP_NO_COMPRESSION
    | ssl.OP_NO_RENEGOTIATION
    | ssl.OP_CIPHER_SERVER_PREFERENCE
    | ssl.OP_SINGLE_ECDH_USE
)

# Failures of an honest other side, which deserves an alert; anything else is dropped without a word.
_EXPLAINED: Final = frozenset(
    {"UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "NO_SHARED_CIPHER", "PEER_DID_NOT_RETURN_A_CERTIFICATE"}
)

Judge = Callable[[bytes, str], None]  # the peer's certificate (DER), the host called or ""; raises BadCertificate
Refused = Callable[[str], None]  # takes the reason a handshake failed


class Connection(ssl.SSLObject):
    """One TLS connection of asyncio (`transport.get_extra_info("ssl_object")`).

    `asked_name` is the server name (SNI) the client sent, None when it sent none: a name that is not the node's own
    is answered with 421 by HTTP, not here.
    """

    asked_name: str | None = None
    judge: Judge | None = None
    refused: Refused | None = None
    opening: ssl.SSLContext | None = None
    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:  # type: ignore[explicit-override]  # typing.override is younger than 3.11
        """Shake hands, then judge the peer's certificate.

        Raises:
            ssl.SSLCertVerificationError: the certificate is refused; asyncio then drops the connection unused.
        """
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as fault:
            self._end(getattr(fault, "verify_message", "") or fault.reason or "the handshake failed")
            if self.server_side and (isinstance(fault, ssl.SSLCertVerificationError) or fault.reason in _EXPLAINED):
                # asyncio drops a failed connection with its alert unsent, but flushes what waits for an answer. So the
                # other administrator reads "certificate expired"; the next byte, or the time limit, ends it.
                self._failure = fault
                raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the alert is on its way") from fault
            raise
        try:
            self._judge_peer()
        except BadCertificate as fault:
            self._end(str(fault))
            raise ssl.SSLCertVerificationError(1, str(fault)) from fault
        self._end()

    def _judge_peer(self) -> None:
        if self.session_reused:
            raise BadCertificate("a session was resumed")
        if self.judge is not None:
            self.judge(self.getpeercert(binary_form=True) or b"", self.server_hostname or "")

    def _end(self, reason: str = "") -> None:
        if reason and self.refused is not None:
            self.refused(reason)
        if self.opening is not None:
            # The callback refers to its context and the context to it: only the cycle collector would free them.
            self.opening.sni_callback = None
            self.opening = None


class ServerContext(ssl.SSLContext):
    """What asyncio's servers are given, once; `current` says what each new connection really uses.

    It holds no certificate, so anything but asyncio's `wrap_bio` fails instead of bypassing the checks.
    """

    current: Callable[[], ServerSide]

    def wrap_bio(  # type: ignore[explicit-override]
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = True,  # noqa: FBT001, FBT002  the signature of ssl.SSLContext
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> Connection:
        """A server-side connection on the certificate, anchors and lists in force now."""
        if not server_side or server_hostname is not None or session is not None:
            raise ValueError("this context serves and does not call")
        side = self.current()
        opening = _opening_context(side)
        connection = opening.wrap_bio(incoming, outgoing, server_side=True)
        assert isinstance(connection, Connection)  # noqa: S101  sslobject_class says so
        connection.judge, connection.refused, connection.opening = side.judge, side.refused, opening
        return connection


class ServerSide:
    """The shared half of every server connection: certificate, key, anchors, and how callers are judged."""

    __slots__ = ("judge", "refused", "shared", "verify_flags")

    def __init__(
        self, shared: ssl.SSLContext, judge: Judge, refused: Refused | None, *, demand_lists: bool = False
    ) -> None:
        self.shared = shared
        self.judge = judge
        self.refused = refused
        self.verify_flags = _verify_flags(demand_lists=demand_lists)


class ClientContext(ssl.SSLContext):
    """A context for calling: verifies the server's name and chain, then lets `judge` have a look."""

    judge: Judge | None = None

    def wrap_bio(  # type: ignore[explicit-override]
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  the signature of ssl.SSLContext
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> Connection:
        """A client-side connection; sessions are never resumed, so `session` must be None."""
        connection = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        assert isinstance(connection, Connection)  # noqa: S101  sslobject_class says so
        connection.judge = self.judge
        return connection


def server_context(current: Callable[[], ServerSide]) -> ServerContext:
    """The one context of a server; nothing about it changes when certificates or anchors do."""
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context, demand_lists=False)
    context.current = current
    return context


def shared_context(chain: str, key: str, anchors: str, lists: bytes = b"") -> ssl.SSLContext:
    """Certificate and key (paths), anchors and revocation lists (PEM text) for `ServerSide`.

    Raises:
        BadCertificate: OpenSSL cannot use one of them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context, demand_lists=bool(lists))
    _load(context, chain, key, anchors, lists)
    return context


def client_context(chain: str, key: str, anchors: str, judge: Judge | None) -> ClientContext:
    """A context for calling servers whose chain ends in `anchors` (PEM text; a pinned certificate is its own anchor).

    Raises:
        BadCertificate: OpenSSL cannot use one of them.
    """
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslobject_class = Connection
    _harden(context, demand_lists=False)
    context.check_hostname = True
    context.hostname_checks_common_name = False
    context.judge = judge
    _load(context, chain, key, anchors, b"")
    return context


def pinned_context(chain: str, key: str) -> ssl.SSLContext:
    """A context for a server that is known by its fingerprint alone: whoever uses it compares that, before it speaks.

    Raises:
        BadCertificate: OpenSSL cannot use certificate or key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context, demand_lists=False)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _load(context, chain, key, "", b"")
    return context


def _opening_context(side: ServerSide) -> ssl.SSLContext:
    # Everything that a connection copies when it is made is set here; the rest comes with `shared`.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = Connection
    _harden(context, demand_lists=False)
    context.verify_flags = side.verify_flags

    def hand_over(connection: ssl.SSLObject, asked_name: str | None, _: ssl.SSLContext) -> None:
        assert isinstance(connection, Connection)  # noqa: S101  sslobject_class says so
        connection.asked_name = asked_name
        connection.context = side.shared

    context.sni_callback = hand_over
    return context


def _harden(context: ssl.SSLContext, *, demand_lists: bool) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= _OPTIONS
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags = _verify_flags(demand_lists=demand_lists)
    if context.protocol is ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0


def _verify_flags(*, demand_lists: bool) -> ssl.VerifyFlags:
    # PARTIAL_CHAIN: what `peer add` was given is an anchor although it is no CA.
    flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    return flags | ssl.VERIFY_CRL_CHECK_CHAIN if demand_lists else flags


def _load(context: ssl.SSLContext, chain: str, key: str, anchors: str, lists: bytes) -> None:
    try:
        context.load_cert_chain(chain, key)
    except (OSError, ssl.SSLError) as fault:
        raise BadCertificate(f"{chain} and {key} cannot be used for TLS: {fault}") from fault
    try:
        if anchors:
            context.load_verify_locations(cadata=anchors)
        if lists:
            with tempfile.NamedTemporaryFile(suffix=".crl") as file:  # lists can only be loaded from a file
                file.write(lists)
                file.flush()
                context.load_verify_locations(cafile=file.name)
    except (OSError, ssl.SSLError) as fault:
        raise BadCertificate(f"the trust anchors or revocation lists cannot be used: {fault}") from fault


def page_context(chain: str, key: str, anchors: str = "") -> ssl.SSLContext:
    """The context of a listener for browsers: the same protocol, no resumption; a certificate may be shown, or none.

    Args:
        chain: file of the node's certificate.
        key: file of its key.
        anchors: file of the CAs whose certificates browsers may show; "": none is asked for.

    Raises:
        BadCertificate: one of the files cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= _OPTIONS
    context.num_tickets = 0
    try:
        context.load_cert_chain(chain, key)
        if anchors:
            context.load_verify_locations(cafile=anchors)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as fault:
        raise BadCertificate(f"{' or '.join(filter(None, (chain, anchors)))} cannot be used: {fault}") from fault
    return context
