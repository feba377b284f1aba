"""The communities of a directory as this node takes them: each judged by itself, one that is bad disturbs no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from trust.communities import Community, read_description
from trust.directory.content import SUSPENDED, Content
from trust.directory.directory import Directory
from trust.errors import BadCertificate, BadCommunity
from trust.pki import revocation
from trust.pki.certificates import fingerprint_of, from_pem, to_pem


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """`communities` may be asked and answered; `faults` say, by homeCommunityId, why another one is not.

    `revoked` are fingerprints that count no more, whoever shows them.
    """

    communities: tuple[Community, ...]
    faults: Mapping[str, str]
    revoked: frozenset[str]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Which certificates count no more: by fingerprint, and by the revocation lists that the directory carries."""

    fingerprints: frozenset[str]
    lists: tuple[tuple[x509.Certificate, x509.CertificateRevocationList], ...]

    @classmethod
    def of(cls, content: Content) -> Withdrawn:
        """Those of a directory. A list that cannot be read, or that none of its CAs signed, withdraws nothing."""
        return cls(frozenset(one.fingerprint for one in content.revoked), tuple(_lists(content)))

    def names(self, certificate: x509.Certificate) -> bool:
        """Whether this certificate is withdrawn."""
        if fingerprint_of(certificate) in self.fingerprints:
            return True
        return any(
            crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
            for issuer, crl in self.lists
            if issued_by(certificate, issuer)
        )


def members_of(
    directory: Directory, *, now: datetime, own_home: str, development: bool, permitted: Sequence[str]
) -> Members:
    """What `directory` means for the node of `own_home`, under the rules of `communities.read_description`."""
    content = directory.content
    withdrawn = Withdrawn.of(content)
    found: list[Community] = []
    faults: dict[str, str] = {}
    revoked = set(withdrawn.fingerprints)
    for row in content.members:
        home = row["home_community_id"]
        if home == own_home:
            continue
        if row["status"] == SUSPENDED:
            faults[home] = "it is suspended"
            continue
        try:
            community = read_description(row, now=now, own_home=own_home, development=development, permitted=permitted)
        except BadCommunity as fault:
            faults[home] = str(fault)
            continue
        if withdrawn.names(from_pem(community.certificates)[0]):
            faults[home] = "its certificate was withdrawn"
            revoked.add(community.fingerprint)
            continue
        previous, gone = _previous(row, now, withdrawn)
        revoked |= gone
        found.append(replace(community, previous=previous, federation=directory.federation))
    return Members(communities=tuple(found), faults=faults, revoked=frozenset(revoked))


def _previous(row: Mapping[str, Any], now: datetime, withdrawn: Withdrawn) -> tuple[str, set[str]]:
    """The certificate that counts beside the new one (PEM), and those that would and are withdrawn."""
    if not row.get("previous"):
        return "", set()
    try:
        found = from_pem(row["previous"])
    except BadCertificate:
        return "", set()
    gone = {fingerprint_of(one) for one in found if withdrawn.names(one)}
    good = [one for one in found if fingerprint_of(one) not in gone and now <= one.not_valid_after_utc]
    return to_pem(good[:1]), gone


def _lists(content: Content) -> Iterator[tuple[x509.Certificate, x509.CertificateRevocationList]]:
    authorities: list[x509.Certificate] = []
    for pem in content.issuers:
        try:
            authorities += from_pem(pem)
        except BadCertificate:
            continue
    for pem in content.crls:
        try:
            for crl in revocation.from_pem(pem.encode("utf-8")):
                issuer = revocation.issuer_of_list(crl, authorities)
                if issuer is not None:
                    yield issuer, crl
        except BadCertificate:
            continue


def with_lists(content: Content, pem: str) -> Content:
    """The content with these revocation lists, each in the place of the one of its CA; those of other CAs stay.

    Raises:
        BadCertificate: no list, one that none of the content's CAs signed, or one older than what it would replace.
    """
    listed = sorted(_lists(content), key=lambda pair: pair[1].last_update_utc)
    kept = {fingerprint_of(issuer): crl for issuer, crl in listed}
    signers = {fingerprint_of(issuer): crl for issuer, crl in _lists(replace(content, crls=(pem,)))}
    if len(signers) != len(revocation.from_pem(pem.encode("utf-8"))):
        raise BadCertificate("a revocation list is not signed by a CA of this federation, or two are of one CA")
    for issuer, crl in signers.items():
        if issuer in kept and crl.last_update_utc < kept[issuer].last_update_utc:
            raise BadCertificate("the revocation list is older than the one that is in force")
    texts = [crl.public_bytes(Encoding.PEM).decode("ascii") for crl in (kept | signers).values()]
    return replace(content, crls=tuple(texts))


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether this CA signed the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
