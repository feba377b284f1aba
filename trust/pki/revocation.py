"""Certificate revocation lists (RFC 5280 section 5), judged on every request and not only in the handshake.

Lists count only when an administrator configured some; from then on a CA without a list, or whose list is older than
its nextUpdate and the grace, vouches for nobody: the node fails closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from trust.errors import BadCertificate
from trust.pki.certificates import HASHES, fingerprint_of

GRACE: Final = timedelta(hours=24)
NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)

_KEYS: Final = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
_PEM: Final = re.compile(rb"-----BEGIN X509 CRL-----[^-]{1,70000000}-----END X509 CRL-----")


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One list whose signature was verified with `issuer`, a CA of this node's anchors."""

    issuer: x509.Certificate
    crl: x509.CertificateRevocationList
    next_update: datetime
    text: bytes  # PEM, as OpenSSL reads it


def from_pem(pem: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    """Every list of a PEM text; at least one.

    Raises:
        BadCertificate: there is none, or one of them cannot be read.
    """
    try:
        found = tuple(x509.load_pem_x509_crl(block) for block in _PEM.findall(pem))
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise BadCertificate(f"a revocation list cannot be read: {fault}") from fault
    if not found or len(found) != pem.count(b"-----BEGIN X509 CRL-----"):
        raise BadCertificate("no PEM revocation list: it begins with -----BEGIN X509 CRL-----")
    return found


def issuer_of_list(
    crl: x509.CertificateRevocationList, authorities: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """The CA whose key signed `crl`, or None."""
    for authority in authorities:
        key = authority.public_key()
        if authority.subject == crl.issuer and isinstance(key, _KEYS):
            try:
                if crl.is_signature_valid(key):
                    return authority
            except (ValueError, TypeError, UnsupportedAlgorithm):
                continue
    return None


class RevocationLists:
    """The lists in force. An object without lists (`configured` False) revokes nobody.

    `authorities` are the CAs among the node's anchors, intermediate ones too where lists are used; `pinned` are
    certificates given to the node themselves (`peer add`). `own` are those of the authorities that belong to this
    node: it withdraws their certificates by record, so they need no list. Raises BadCertificate for a list that no CA
    signed.
    """

    def __init__(
        self,
        lists: Iterable[x509.CertificateRevocationList] = (),
        authorities: Sequence[x509.Certificate] = (),
        *,
        pinned: Sequence[x509.Certificate] = (),
        own: Sequence[x509.Certificate] = (),
        configured: bool = False,
        grace: timedelta = GRACE,
    ) -> None:
        self.configured = configured
        self.grace = grace
        self._authorities = tuple(authorities)
        self._pinned = {fingerprint_of(one): one for one in pinned}
        self._own = frozenset(map(fingerprint_of, own))
        self._lists: dict[str, RevocationList] = {}
        for crl in lists:
            self._keep(_verified(crl, self._authorities))
        self._complete = (
            configured
            and all(fingerprint_of(one) in self._lists for one in self._authorities)
            and all(self._issuer_of(one) for one in self._pinned.values())
        )

    @property
    def lists(self) -> tuple[RevocationList, ...]:
        """One list for each CA that has one: the newest, of equal ones that read last."""
        return tuple(self._lists.values())

    def check(self, certificate: x509.Certificate, now: datetime, *, pinned: bool = False) -> datetime:
        """Refuse a revoked certificate; return until when the verdict "not revoked" may be remembered.

        No list speaks about a pinned certificate of a foreign CA; it is withdrawn by removing the peer.

        Raises:
            BadCertificate: revoked, or its CA has no list that still counts.
        """
        if not self.configured:
            return NEVER
        issuer = self._issuer_of(certificate)
        if issuer is None:
            if pinned or fingerprint_of(certificate) in self._pinned:
                return NEVER
            raise BadCertificate(
                "the certificate's CA is not among the trust anchors, so no revocation list speaks of it"
            )
        found = self._lists.get(fingerprint_of(issuer))
        if found is None and fingerprint_of(issuer) in self._own:
            return NEVER
        if found is None:
            raise BadCertificate(f"there is no revocation list of {issuer.subject.rfc4514_string()!r}")
        row = found.crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if row is not None:
            raise BadCertificate(f"the certificate was revoked on {row.revocation_date_utc:%Y-%m-%d %H:%M:%SZ}")
        if now > found.next_update + self.grace:
            raise BadCertificate(
                f"the revocation list of {issuer.subject.rfc4514_string()!r} ended on "
                f"{found.next_update:%Y-%m-%d %H:%M:%SZ}; the grace of {self.grace} is over too"
            )
        return found.next_update + self.grace

    def fit_for_handshakes(self, now: datetime) -> bool:
        """Whether OpenSSL can be told to demand a list for every certificate of every chain.

        It knows no grace and no exception for pinned certificates, whose CA is not known here. When this is False
        the node's own check, right after the handshake and on each request, is the only one.
        """
        return self._complete and all(now < one.next_update for one in self.lists)

    def problems(self, now: datetime) -> Iterator[str]:
        """What an administrator has to know, as sentences."""
        if not self.configured:
            return
        for authority in self._authorities:
            name = authority.subject.rfc4514_string()
            found = self._lists.get(fingerprint_of(authority))
            if found is None and fingerprint_of(authority) in self._own:
                continue
            if found is None:
                yield f"no revocation list of {name!r}: its certificates are refused; add one to [tls] crl"
            elif now > found.next_update + self.grace:
                yield f"the revocation list of {name!r} is too old: its certificates are refused; fetch a new one"
            elif now > found.next_update:
                yield f"the revocation list of {name!r} has ended and counts until {found.next_update + self.grace}"

    def _issuer_of(self, certificate: x509.Certificate) -> x509.Certificate | None:
        for authority in self._authorities:
            if authority.subject == certificate.issuer:
                try:
                    certificate.verify_directly_issued_by(authority)
                except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                    continue
                return authority
        return None

    def _keep(self, found: RevocationList) -> None:
        name = fingerprint_of(found.issuer)
        known = self._lists.get(name)
        if known is None or known.crl.last_update_utc <= found.crl.last_update_utc:
            self._lists[name] = found


def _verified(crl: x509.CertificateRevocationList, authorities: Sequence[x509.Certificate]) -> RevocationList:
    name = crl.issuer.rfc4514_string()
    used = crl.signature_hash_algorithm
    if used is not None and used.name not in HASHES:
        raise BadCertificate(f"the revocation list of {name!r} is signed with {used.name.upper()}")
    if crl.next_update_utc is None:
        raise BadCertificate(f"the revocation list of {name!r} does not say when the next one comes (nextUpdate)")
    authority = issuer_of_list(crl, authorities)
    if authority is None:
        raise BadCertificate(f"the revocation list of {name!r} is signed by no CA of this node")
    return RevocationList(authority, crl, crl.next_update_utc, crl.public_bytes(Encoding.PEM))
