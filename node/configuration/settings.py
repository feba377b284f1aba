"""The sections of `node.toml` as dataclasses; every key is declared once, with its reader, default and meaning."""

# ruff: noqa: RUF009  the calls declare fields, they do not make shared values
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from node.configuration import readers
from node.configuration.consent import ConsentSection
from node.configuration.keeping import RetentionSection, SubscriptionsSection
from node.configuration.leniencies import LeniencySection
from node.configuration.readers import key

_flag = partial(key, readers.flag)
_coded = partial(key, readers.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSection:
    """[node]: who this node is and where it listens."""

    name: str = key(readers.name, "name of the institution, shown to people")
    home_community_id: str = key(readers.oid_urn, "homeCommunityId, urn:oid:…")
    repository_unique_id: str = key(readers.oid, "repositoryUniqueId, an OID")
    assigning_authority: str = key(readers.oid, "OID of the assigning authority of patient ids")
    host: str = key(readers.host, "name under which others reach this node; the certificate carries it", "localhost")
    listen: str = key(readers.host, "address to listen on; empty means every address of this machine", "localhost")
    port_base: int = key(readers.port_base, "first of the ten ports of this node", 8000)
    public_url: str = key(readers.https_url, "URL prefix that others use; empty means https://HOST:PORT", "")
    development: bool = _flag("development certificates and rules: never for real patients", False)  # noqa: FBT003


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySection:
    """[registry]: the Document Registry."""

    max_results: int = key(partial(readers.number, least=1, most=1_000_000), "most objects one query returns", 10_000)
    known_patients_required: bool = _flag("refuse documents of patients the feed never named", True)  # noqa: FBT003
    unknown_patient_is_error: bool = _flag("a query for an unknown patient is an error, not empty", False)  # noqa: FBT003
    affinity_domain: str = key(readers.text, 'codes that are accepted: "default", "any", or a TOML file', "default")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySection:
    """[repository]: the Document Repository."""

    blobs: str = key(readers.text, "folder of the encrypted documents", "data/blobs")
    min_free_bytes: int = key(partial(readers.number, least=0), "refuse writes below this free space", 1 << 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationSection:
    """[federation]: other communities."""

    deadline: float = key(partial(readers.seconds, least=0.1, most=60.0), "seconds that all peers together have", 8.0)
    default_scope: str = key(
        partial(readers.choice, allowed=("federation", "local")),
        "what a query asks if its URL does not say",
        "federation",
    )
    permitted_hosts: tuple[str, ...] = key(
        readers.places, "hosts and networks that peers may have although they are private", ()
    )
    directory_seconds: float = key(
        partial(readers.seconds, least=0.2, most=60.0), "how often another member is asked for a newer directory", 30.0
    )
    correlation_days: int = key(
        partial(readers.number, least=1, most=365), "days for which it is remembered who knows a patient (ITI-55)", 7
    )
    negative_minutes: int = key(
        partial(readers.number, least=0, most=10_080), "minutes for which it is remembered who does not", 60
    )
    copy_hours: int = key(
        partial(readers.number, least=0, most=8760),
        "hours that fetched documents are kept as marked copies; 0: never",
        0,
    )
    locator: bool = _flag("accept to be a locator: others tell this node, in tokens, whom they know (ITI-56)", False)  # noqa: FBT003
    questions_of_peer: int = key(
        partial(readers.number, least=1, most=100_000),
        "patients one peer may ask for in a minute (ITI-55, ITI-56)",
        600,
    )
    questions_of_user: int = key(
        partial(readers.number, least=1, most=100_000), "patients one user of a peer may ask for in a minute", 60
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRepository:
    """[[audit.repositories]]: an Audit Record Repository, which gets every AuditMessage as syslog over TLS (ITI-20)."""

    name: str = key(readers.word, "short name, for files and metrics")
    host: str = key(readers.required_host, "host name, which its certificate carries")
    port: int = key(partial(readers.number, least=1, most=65535), "port of syslog over TLS", 6514)
    ca: str = key(readers.text, "file of the CA of its certificate (PEM); empty means the node's trusted CAs", "")
    certificate: str = key(readers.text, "certificate to show it; empty means the node's own", "")
    private_key: str = key(readers.text, "private key of that certificate", "")
    enterprise_number: int = key(
        partial(readers.number, least=0, most=2**32 - 1),
        "IANA private enterprise number for structured data (origin, index, entry); 0 means none is sent",
        0,
    )
    checkpoints: bool = _flag("send the signed checkpoint each minute", True)  # noqa: FBT003


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSection:
    """[audit]: the tamper-evident record."""

    head_path: str = key(readers.text, "file that remembers the last signed head; best on another disk", "keys/head.db")
    repositories: tuple[AuditRepository, ...] = key(
        partial(readers.tables, kind=AuditRepository), "Audit Record Repositories, each as [[audit.repositories]]", ()
    )
    witnesses: tuple[str, ...] = key(
        readers.texts, "institutions that cosign this log, by homeCommunityId or name; empty means every peer", ()
    )
    quorum: int = key(
        partial(readers.number, least=0, most=64), "witnesses that must have signed; 0 means more than half", 0
    )
    cosign_seconds: float = key(
        partial(readers.seconds, least=0.2, most=3600.0), "how often witnesses are asked to sign", 60.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionIssuer:
    """[[xua.issuers]]: an identity provider whose assertions count here."""

    name: str = key(readers.word, "short name, for messages")
    issuer: str = key(readers.name, "text of the Issuer element of its assertions, exactly")
    certificates: tuple[str, ...] = key(
        readers.texts, "files with its signing certificates (PEM); each counts while valid"
    )
    communities: tuple[str, ...] = key(
        readers.communities, 'homeCommunityIds whose users it vouches for; empty means ours, ["*"] means every one', ()
    )
    maximum_age_seconds: int = key(partial(readers.number, least=1, most=86_400), "oldest assertion that counts", 1200)
    one_time: bool = _flag("each assertion counts once", False)  # noqa: FBT003
    confirmations: tuple[str, ...] = key(
        partial(readers.words, allowed=("bearer", "holder-of-key", "sender-vouches")),
        "how the subject may be confirmed",
        ("bearer",),
    )


_XUA_MODES: Final = ("off", "accepted", "required")


@dataclass(frozen=True, slots=True, kw_only=True)
class XuaSection:
    """[xua]: who the user is, by SAML assertions (ITI-40)."""

    applications: str = key(
        partial(readers.choice, allowed=_XUA_MODES), "assertions from applications: off, accepted or required", "off"
    )
    peers: str = key(
        partial(readers.choice, allowed=_XUA_MODES),
        "assertions from other communities: off, accepted or required",
        "off",
    )
    issuers: tuple[AssertionIssuer, ...] = key(
        partial(readers.tables, kind=AssertionIssuer), "identity providers, each as [[xua.issuers]]", ()
    )
    audiences: tuple[str, ...] = key(
        readers.texts, "URIs that mean this node in an Audience, besides homeCommunityId and address", ()
    )
    required: tuple[str, ...] = key(
        partial(readers.words, allowed=("name", "organisation", "organisation_id", "home", "npi", "role", "purpose")),
        "what every assertion must say",
        (),
    )
    values: str = key(readers.text, 'accepted roles and purposes of use: "default" or a TOML file', "default")
    skew_seconds: int = key(
        partial(readers.number, least=0, most=60), "how far ahead the clock of an issuer may be", 60
    )
    timestamp_required: bool = _flag("every message must carry a wsu:Timestamp", False)  # noqa: FBT003


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuerRow:
    """[[iua.issuers]]: an authorization server whose access tokens count here."""

    name: str = key(readers.word, "short name, for messages")
    issuer: str = key(readers.name, "the iss of its tokens, exactly")
    jwks: str = key(readers.text, "file with its keys (JWK set), read again each five minutes", "")
    jwks_url: str = key(readers.text, "or where it publishes them, fetched each five minutes", "")
    communities: tuple[str, ...] = key(
        readers.communities, 'homeCommunityIds whose users it vouches for; empty means ours, ["*"] means every one', ()
    )
    certificate_bound: bool = _flag("its tokens must be bound to the caller's certificate", True)  # noqa: FBT003


@dataclass(frozen=True, slots=True, kw_only=True)
class IuaSection:
    """[iua]: who the user is, by access tokens (ITI-72), on plain HTTP resources."""

    mode: str = key(partial(readers.choice, allowed=_XUA_MODES), "access tokens: off, accepted or required", "off")
    issuers: tuple[TokenIssuerRow, ...] = key(
        partial(readers.tables, kind=TokenIssuerRow), "authorization servers, each as [[iua.issuers]]", ()
    )
    audiences: tuple[str, ...] = key(
        readers.texts, "URIs that mean this node in aud, besides homeCommunityId and address", ()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSection:
    """[sign_in]: who may use the pages besides local accounts with a password: OpenID Connect, client certificates."""

    issuer: str = key(readers.https_url, "its issuer, exactly; empty means local accounts alone", "")
    name: str = key(readers.text, "what the button calls it, e.g. hospital account", "institution account")
    client_id: str = key(
        readers.text, "client_id of this node there; return address: https://HOST:PORT/sign-in/return", ""
    )
    client_secret: str = key(readers.text, "file with the client secret; empty for a public client", "")
    ca: str = key(readers.text, "file with the CA of its TLS certificate (PEM); empty means those of this machine", "")
    scopes: tuple[str, ...] = key(readers.texts, "scopes that are asked for", ("openid", "profile"))
    user_claim: str = key(readers.text, "claim with the name that stands in the access log", "preferred_username")
    name_claim: str = key(readers.text, "claim with the name as people read it", "name")
    role_claim: str = key(readers.text, "claim with the person's roles or groups there", "roles")
    clinicians: tuple[str, ...] = key(readers.texts, "its values that make a clinician here", ())
    auditors: tuple[str, ...] = key(readers.texts, "its values that make an auditor", ())
    administrators: tuple[str, ...] = key(readers.texts, "its values that make an administrator", ())
    representatives: tuple[str, ...] = key(readers.texts, "its values that make a patient representative", ())
    profession: str = key(readers.text, "role code of its clinicians in assertions, CODE^OID; empty names none", "")
    certificate_ca: str = key(
        readers.text, "file with the CAs whose certificates browsers may show (PEM); empty means none", ""
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSection:
    """[limits]: what one request may cost."""

    document_bytes: int = key(partial(readers.number, least=1), "largest document", 4 << 30)
    inline_bytes: int = key(partial(readers.number, least=1 << 10), "largest document inside the SOAP part", 64_000_000)
    mllp_bytes: int = key(partial(readers.number, least=1 << 10), "largest HL7 v2 message", 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitSection:
    """[submit]: metadata that `submit` uses where neither the document nor the command line says."""

    class_code: readers.Coded = _coded("classCode", readers.REPORTS)
    type_code: readers.Coded = _coded("typeCode", readers.NOTE)
    practice_setting_code: readers.Coded = _coded("practiceSettingCode", readers.GENERAL_MEDICINE)
    healthcare_facility_type_code: readers.Coded = _coded("healthcareFacilityTypeCode", readers.HOSPITAL)
    confidentiality_code: readers.Coded = _coded("confidentialityCode", readers.NORMAL)
    content_type_code: readers.Coded = _coded("contentTypeCode of the submission set", readers.SUMMARY)
    folder_code: readers.Coded = _coded("codeList of a folder made with --folder", readers.SUMMARY)
    language_code: str = key(readers.text, "languageCode", "en-US")
    author_person: str = key(readers.text, "author as HL7 v2 XCN, e.g. ^Family^Given", "")
    author_institution: str = key(readers.text, "institution as HL7 v2 XON; empty means the node's name", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarySection:
    """[summary]: a summary of each patient, made of the newest documents whenever somebody fetches it."""

    offered: bool = _flag("register a summary for every patient with documents", False)  # noqa: FBT003
    documents: int = key(partial(readers.number, least=1, most=100), "most documents that it is made of", 20)
    snapshots: bool = _flag("keep each summary as it was given, as a document of its own", False)  # noqa: FBT003


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSection:
    """[tls]: certificates that were withdrawn."""

    crl: tuple[str, ...] = key(readers.texts, "files of certificate revocation lists (PEM)", ())
    crl_grace_hours: int = key(partial(readers.number, least=0, most=720), "an expired list still counts this long", 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysSection:
    """[keys]: where private keys lie."""

    path: str = key(readers.text, "folder of keys and certificates, mode 0700", "keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class MllpSection:
    """[mllp]: the patient identity feed (ITI-8)."""

    listener: str = key(
        partial(readers.choice, allowed=("off", "plain", "tls")), '"plain" is possible on loopback only', "off"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSection:
    """[log]: structured logs, one JSON object a line."""

    level: str = key(partial(readers.choice, allowed=("DEBUG", "INFO", "WARNING", "ERROR")), "least severe", "INFO")
    file: str = key(readers.text, "log file; empty means the error output", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingSection:
    """[matching]: which records of patients are linked, and which are shown to a person."""

    automatic: float = key(
        partial(readers.decimal, least=20.0, most=100.0), "bits of evidence from which records may be linked", 30.0
    )
    review: float = key(
        partial(readers.decimal, least=5.0, most=100.0), "bits of evidence from which a person is to decide", 18.0
    )
    authorities: tuple[str, ...] = key(
        readers.oids, "OIDs of further assigning authorities whose patients are indexed, e.g. a laboratory's", ()
    )


SECTIONS: Final[Mapping[str, type[Any]]] = {
    "node": NodeSection,
    "registry": RegistrySection,
    "repository": RepositorySection,
    "federation": FederationSection,
    "audit": AuditSection,
    "xua": XuaSection,
    "iua": IuaSection,
    "sign_in": SignInSection,
    "limits": LimitsSection,
    "submit": SubmitSection,
    "summary": SummarySection,
    "subscriptions": SubscriptionsSection,
    "retention": RetentionSection,
    "consent": ConsentSection,
    "tls": TlsSection,
    "keys": KeysSection,
    "mllp": MllpSection,
    "matching": MatchingSection,
    "log": LogSection,
    "leniencies": LeniencySection,
}
