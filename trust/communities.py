"""Another community as this node knows it, and the file two administrators exchange so that their nodes connect.

`endpoints --export` writes the file, `peer add` reads it: homeCommunityId, endpoints and certificate. Nothing of it
is believed before a person has compared the fingerprint.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from cryptography import x509

from trust import strict_json
from trust.addresses import host_of, url_faults
from trust.community_details import Quirk, detail_faults, names_of, quirks_of
from trust.errors import BadCertificate, BadCommunity, BadSignature
from trust.ledger.checkpoint import COSIGNATURE, ED25519, VerificationKey, check_name
from trust.pki.certificates import (
    Usage,
    check_peer_certificate,
    fingerprint_of,
    from_pem,
    names_host,
    read_fingerprint,
    to_pem,
)

FORMAT: Final = 1
REQUIRED_ENDPOINTS: Final = ("iti-38", "iti-39")
AUDIT_PROOFS: Final = ("optional", "required")

_MOST_TEXT: Final = 65_536
_MOST_ENDPOINTS: Final = 40
_MOST_REPOSITORIES: Final = 100
_MOST_LOG: Final = 200
_MOST_ISSUERS: Final = 16
_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+", re.ASCII)
_KEY: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_YEAR: Final = re.compile(r"[0-9]{4}[b-z]?", re.ASCII)  # a letter after a recovery: audit-ledger 2.7


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditIdentity:
    """Under which name and key a community signs its audit log (audit-ledger 2.5).

    `log` is the origin of a checkpoint without its year, as in `node-a.example/audit`; `key` is the Ed25519 public key,
    32 bytes, the same in every year. `witness` is the key with which it cosigns the checkpoints of others, None for a
    community that is no witness.
    """

    log: str
    key: bytes
    witness: VerificationKey | None = None

    def key_of(self, origin: str) -> VerificationKey | None:
        """What verifies the checkpoints of `origin`; None unless that is one year of this log."""
        log, _, year = origin.rpartition("/")
        if log != self.log or not _YEAR.fullmatch(year):
            return None
        return VerificationKey(origin, ED25519, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionIdentity:
    """An issuer of assertions about a community's own users, with its certificates (PEM), each while valid (ITI-40)."""

    issuer: str
    certificates: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """One community: one node of another institution.

    `endpoints` maps `iti-NN`, and `audit` for what witnesses ask, to one https URL. `certificates` is the PEM chain,
    the node's own certificate first, and `fingerprint` that certificate's SHA-256. `audit` is None for a community that
    gives no receipts, `assertions` name who may vouch for its users. `clearance` and `audit_proof` (whether
    an exchange needs a receipt: required or optional) are decisions of this node, not part of the file. While the other
    node changes its certificate, `previous` is the PEM of the one it had before. `names` are by language, `quirks` say
    how it differs from the standards. `federation` is whose signed directory describes it, "" when `peer add` did.
    """

    home: str
    name: str
    endpoints: Mapping[str, str]
    certificates: str
    fingerprint: str
    assigning_authority: str = ""
    repository_unique_ids: tuple[str, ...] = ()
    audit: AuditIdentity | None = None
    assertions: tuple[AssertionIdentity, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    quirks: Mapping[str, Quirk] = field(default_factory=dict)
    clearance: str = "N"
    audit_proof: str = "optional"
    previous: str = ""
    federation: str = ""

    @property
    def pins(self) -> str:
        """PEM of the certificates this community may show when it is called: nothing else is accepted from it."""
        leaf = self.certificates.partition("-----END CERTIFICATE-----\n")
        return leaf[0] + leaf[1] + self.previous


def export(community: Community) -> str:
    """The JSON file that the other administrator gives to `peer add`."""
    return json.dumps(describe(community), ensure_ascii=False, indent=2) + "\n"


def describe(community: Community) -> dict[str, Any]:
    """What is said of a community, as a JSON object: in that file, and in the directory of a federation."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "home_community_id": community.home,
        "name": community.name,
        "endpoints": dict(community.endpoints),
        "assigning_authority": community.assigning_authority,
        "repository_unique_ids": list(community.repository_unique_ids),
        "fingerprint": community.fingerprint,
        "certificates": community.certificates,
    }
    if community.audit is not None:
        key = base64.b64encode(bytes([ED25519]) + community.audit.key).decode("ascii")
        content["audit"] = {"log": community.audit.log, "key": key}
        if community.audit.witness is not None:
            content["audit"]["witness"] = community.audit.witness.render()
    if community.assertions:
        content["assertions"] = [asdict(one) for one in community.assertions]
    if community.names:
        content["names"] = dict(community.names)
    if community.capabilities:
        content["capabilities"] = list(community.capabilities)
    if community.quirks:
        content["quirks"] = {
            key: list(value) if isinstance(value, tuple) else value for key, value in community.quirks.items()
        }
    return content


def read_export(
    text: str, *, now: datetime, own_home: str = "", development: bool = False, permitted: Sequence[str] = ()
) -> Community:
    """Read what another node's `endpoints --export` wrote.

    Every URL is https, passes the rules of `addresses`, and its host is named by the certificate. Keys that are not
    known are passed over, so that a newer node's file can be read; `format` changes when that would be wrong.

    Args:
        text: the file.
        now: the certificate must be valid at this moment.
        own_home: this node's own homeCommunityId, which no other may claim.
        development: whether this is a development node; loopback is permitted then.
        permitted: hosts and networks an administrator named, which may be private.

    Raises:
        BadCommunity: names everything that is wrong.
    """
    return read_description(
        _json_object(text), now=now, own_home=own_home, development=development, permitted=permitted
    )


def read_description(
    content: Mapping[str, Any],
    *,
    now: datetime,
    own_home: str = "",
    development: bool = False,
    permitted: Sequence[str] = (),
) -> Community:
    """The same, from the JSON object that `describe` gave.

    Raises:
        BadCommunity: names everything that is wrong.
    """
    if content.get("format") != FORMAT or isinstance(content.get("format"), bool):
        raise BadCommunity([f"format is not {FORMAT}: the other node's version is not understood"])
    faults: list[str] = []
    leaf = _leaf(content, now, faults)
    faults += _identity_faults(content, own_home)
    faults += _audit_faults(content)
    faults += _assertion_faults(content, own_home)
    faults += detail_faults(content)
    faults += _endpoint_faults(content.get("endpoints"), leaf, development=development, permitted=permitted)
    if faults or leaf is None:
        raise BadCommunity(faults)
    return _community(content, leaf)


def known(text: str, *, clearance: str, previous: str, audit_proof: str, federation: str = "") -> Community:
    """A community out of a description that `read_export` accepted when it was added; nothing is judged again."""
    content = _json_object(text)
    found = _community(content, from_pem(content["certificates"])[0])
    return replace(found, clearance=clearance, previous=previous, audit_proof=audit_proof, federation=federation)


def _community(content: Mapping[str, Any], leaf: x509.Certificate) -> Community:
    return Community(
        home=content["home_community_id"],
        name=content["name"],
        endpoints=dict(content["endpoints"]),
        certificates=to_pem(from_pem(content["certificates"])),
        fingerprint=fingerprint_of(leaf),
        assigning_authority=content.get("assigning_authority", ""),
        repository_unique_ids=tuple(content.get("repository_unique_ids", ())),
        audit=_audit(content["audit"]) if "audit" in content else None,
        assertions=tuple(AssertionIdentity(**one) for one in content.get("assertions", ())),
        names=names_of(content),
        capabilities=tuple(content.get("capabilities", ())),
        quirks=quirks_of(content),
    )


def _audit(content: Mapping[str, Any]) -> AuditIdentity:
    witness = VerificationKey.parse(content["witness"]) if content.get("witness") else None
    return AuditIdentity(log=content["log"], key=base64.b64decode(content["key"])[1:], witness=witness)


def _json_object(text: str) -> dict[str, Any]:
    if len(text) > _MOST_TEXT:
        raise BadCommunity([f"the file has more than {_MOST_TEXT} characters"])
    try:
        return strict_json.read_object(text)
    except ValueError as fault:
        raise BadCommunity([f"the file is {fault}"]) from fault


def _leaf(content: Mapping[str, Any], now: datetime, faults: list[str]) -> x509.Certificate | None:
    """The community's own certificate, judged as a server's and as a client's."""
    text = content.get("certificates")
    if not isinstance(text, str):
        faults.append("certificates is not PEM text")
        return None
    try:
        leaf = from_pem(text)[0]
    except BadCertificate as fault:
        faults.append(f"certificates: {fault}")
        return None
    for usage in Usage:
        try:
            check_peer_certificate(leaf, now, usage=usage)
        except BadCertificate as fault:
            faults.append(f"certificates: {fault}")
    try:
        if read_fingerprint(str(content.get("fingerprint", ""))) != fingerprint_of(leaf):
            faults.append("fingerprint is not the fingerprint of the first certificate")
    except BadCertificate as fault:
        faults.append(f"fingerprint: {fault}")
    return leaf


def _identity_faults(content: Mapping[str, Any], own_home: str) -> Iterator[str]:
    home = content.get("home_community_id")
    if not isinstance(home, str) or not home.startswith("urn:oid:") or not _is_oid(home[8:]) or len(home) > 64:
        yield "home_community_id is not urn:oid: and an OID"
    elif home == own_home:
        yield "home_community_id is this node's own: a node is not its own peer"
    name = content.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > 100 or not name.isprintable():
        yield "name is not 1 to 100 printable characters"
    authority = content.get("assigning_authority", "")
    if authority != "" and not _is_oid(authority):
        yield "assigning_authority is not an OID"
    repositories = content.get("repository_unique_ids", [])
    if not isinstance(repositories, list) or not all(_is_oid(one) for one in repositories):
        yield "repository_unique_ids is not a list of OIDs"
    elif len(repositories) > _MOST_REPOSITORIES or len(set(repositories)) != len(repositories):
        yield f"repository_unique_ids has an OID twice, or more than {_MOST_REPOSITORIES}"


def _audit_faults(content: Mapping[str, Any]) -> Iterator[str]:
    """A file without `audit` is that of a community that gives no receipts; one with it must be right."""
    if "audit" not in content:
        return
    audit = content["audit"]
    if not isinstance(audit, dict):
        yield "audit is not an object with log and key"
        return
    log, key = audit.get("log"), audit.get("key")
    if not isinstance(log, str) or len(log) > _MOST_LOG or not _is_key_name(log):
        yield "audit: log is not the name of a log, like node-a.example/audit"
    if not isinstance(key, str) or not _is_ed25519(key):
        yield "audit: key is not base64 of the byte 01 and an Ed25519 public key"
    if "witness" in audit and not _is_witness_key(audit["witness"]):
        yield "audit: witness is not the verification key of a witness, like node-a.example/witness+1a2b3c4d+BA…"


def _assertion_faults(content: Mapping[str, Any], own_home: str) -> Iterator[str]:
    """A file without `assertions` is that of a community that makes none; one with them must be right."""
    given = content.get("assertions", [])
    if not isinstance(given, list) or len(given) > _MOST_ISSUERS:
        yield f"assertions is not a list of at most {_MOST_ISSUERS} issuers"
        return
    for one in given:
        if not isinstance(one, dict) or one.keys() != {"issuer", "certificates"}:
            yield "assertions: an issuer is not an object with issuer and certificates"
            continue
        issuer, certificates = one["issuer"], one["certificates"]
        if not isinstance(issuer, str) or not 0 < len(issuer) <= _MOST_LOG or not issuer.isprintable():
            yield f"assertions: an issuer is not a name of 1 to {_MOST_LOG} printable characters"
        elif issuer == own_home:
            yield "assertions: an issuer has the name under which this node itself makes assertions"
        try:
            from_pem(certificates if isinstance(certificates, str) else "")
        except BadCertificate as fault:
            yield f"assertions: {fault}"


def _is_witness_key(text: object) -> bool:
    try:
        key = VerificationKey.parse(text) if isinstance(text, str) and len(text) <= _MOST_LOG + 100 else None
    except BadSignature:
        return False
    return key is not None and key.algorithm == COSIGNATURE and key.render() == text


def _is_key_name(text: str) -> bool:
    try:
        return check_name(text) == text
    except BadSignature:
        return False


def _is_ed25519(text: str) -> bool:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return False
    return len(data) == 33 and data[0] == ED25519 and base64.b64encode(data).decode() == text


def _endpoint_faults(
    endpoints: object, leaf: x509.Certificate | None, *, development: bool, permitted: Sequence[str]
) -> Iterator[str]:
    if not isinstance(endpoints, dict) or len(endpoints) > _MOST_ENDPOINTS:
        yield f"endpoints is not an object of at most {_MOST_ENDPOINTS} URLs"
        return
    for missing in (key for key in REQUIRED_ENDPOINTS if key not in endpoints):
        yield f"endpoints has no {missing}"
    for key, url in endpoints.items():
        if not _KEY.fullmatch(key) or len(key) > 40:
            yield f"endpoints: {key[:40]!r} is not the name of an endpoint"
        if not isinstance(url, str):
            yield f"endpoints: {key[:40]} is not a URL"
            continue
        wrong = url_faults(url, development=development, permitted=permitted)
        yield from (f"endpoints: {key[:40]} {fault}" for fault in wrong)
        if not wrong and leaf is not None and not _named(leaf, host_of(url)):
            yield f"endpoints: {key[:40]} is on {host_of(url)}, which the certificate does not name"


def _named(leaf: x509.Certificate, host: str) -> bool:
    try:
        return names_host(leaf, host)
    except BadCertificate:
        return False


def _is_oid(text: object) -> bool:
    return isinstance(text, str) and len(text) <= 64 and _OID.fullmatch(text) is not None
