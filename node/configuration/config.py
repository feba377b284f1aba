"""The configuration of one node: `node.toml` in its folder, read once at start (interfaces: Command line).

Every key is declared once, with its reader, default and meaning. All faults are reported together, each with its key;
unknown keys are faults, because a misspelled key would silently leave its default in force.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from node.configuration import readers
from node.configuration.consent import ConsentSection
from node.configuration.keeping import RetentionSection, SubscriptionsSection
from node.configuration.leniencies import LeniencySection
from node.configuration.settings import (
    SECTIONS,
    AuditSection,
    FederationSection,
    IuaSection,
    KeysSection,
    LimitsSection,
    LogSection,
    MatchingSection,
    MllpSection,
    NodeSection,
    RegistrySection,
    RepositorySection,
    SignInSection,
    SubmitSection,
    SummarySection,
    TlsSection,
    XuaSection,
)
from node.faults import Exit, Fault, Faults
from node.folder import Folder

FILE: Final = "node.toml"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

# One block of ten ports for each node; the assignment is fixed (interfaces: Environment and scripts).
PORTS: Final = {
    "web": 0,  # pages for people, no client certificate
    "https": 1,  # every IHE SOAP endpoint, mutual TLS
    "mllp": 2,  # patient identity feed, HL7 v2
    "management": 9,  # /live /ready /metrics, plain, loopback
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything an administrator can set. Relative paths start at the node's folder."""

    root: Path
    node: NodeSection
    registry: RegistrySection
    repository: RepositorySection
    federation: FederationSection
    audit: AuditSection
    xua: XuaSection
    iua: IuaSection
    sign_in: SignInSection
    limits: LimitsSection
    submit: SubmitSection
    summary: SummarySection
    subscriptions: SubscriptionsSection
    retention: RetentionSection
    consent: ConsentSection
    tls: TlsSection
    keys: KeysSection
    mllp: MllpSection
    matching: MatchingSection
    log: LogSection
    leniencies: LeniencySection

    @property
    def folder(self) -> Folder:
        """Where the files of this node lie."""
        return Folder(
            root=self.root,
            keys=self.root / self.keys.path,
            blobs=self.root / self.repository.blobs,
            head=self.root / self.audit.head_path,
        )

    def port(self, service: str) -> int:
        """The port of one of `PORTS`."""
        return self.node.port_base + PORTS[service]

    @property
    def base_url(self) -> str:
        """`https://host:port` without a path, as others reach the SOAP endpoints."""
        return self.node.public_url.rstrip("/") or f"https://{_bracketed(self.node.host)}:{self.port('https')}"

    @property
    def web_url(self) -> str:
        """`https://host:port` of the pages, as browsers of this institution reach them."""
        return f"https://{_bracketed(self.node.host)}:{self.port('web')}"

    @property
    def log_node(self) -> str:
        """The name that the audit logs of this node begin with.

        Development nodes all answer to localhost, so that theirs is the OID of their community.
        """
        return self.node.host if self.node.host not in LOOPBACK else self.node.home_community_id.rpartition(":")[2]

    @property
    def witness_name(self) -> str:
        """The name under which this node cosigns the checkpoints of others."""
        return f"{self.log_node}/witness"

    @property
    def crl_files(self) -> tuple[Path, ...]:
        """Certificate revocation lists."""
        return tuple(self.root / name for name in self.tls.crl)


def load(root: Path) -> Config:
    """Read `node.toml` of the node whose folder is `root`.

    Raises:
        Faults: everything that is wrong with it, exit status 2.
    """
    path = root / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Faults([_no_node(root)], Exit.USAGE) from None
    except (OSError, UnicodeDecodeError) as problem:
        fault = Fault("config.unreadable", str(path), str(problem), "make the file readable UTF-8 text for this user")
        raise Faults([fault], Exit.USAGE) from None
    return parse(text, root)


def parse(text: str, root: Path) -> Config:
    """Read the text of a `node.toml`; `root` is the folder that its relative paths start from.

    Raises:
        Faults: all faults, each with its key.
    """
    path = root / FILE
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        fault = Fault("config.syntax", str(path), f"not TOML: {problem}", "correct the line that is named")
        raise Faults([fault], Exit.USAGE) from None
    faults = [_unknown(path, f"[{name}]", "section", SECTIONS) for name in sorted(table.keys() - SECTIONS.keys())]
    sections = {name: _section(path, name, kind, table.get(name, {}), faults) for name, kind in SECTIONS.items()}
    if faults:
        raise Faults(faults, Exit.USAGE)
    config = Config(root=root, **sections)
    faults = _contradictions(config)
    if faults:
        raise Faults(faults, Exit.USAGE)
    return config


def template(node: Mapping[str, object], others: Mapping[str, Mapping[str, object]]) -> str:
    """The text of a new `node.toml`: what is set, and every other key as a comment with its default and meaning."""
    lines = ["# Configuration of one node. Commented lines show the default. `xdsnode check` reports every fault.", ""]
    given: dict[str, Mapping[str, object]] = {"node": node, **others}
    for name, kind in SECTIONS.items():
        lines.append(f"[{name}]  # {(kind.__doc__ or '').split(': ', 1)[1].strip()}")
        for item in fields(kind):
            value = given.get(name, {}).get(item.name, MISSING)
            shown = item.default if value is MISSING else value
            prefix = "# " if value is MISSING else ""
            lines.append(f"{prefix}{item.name} = {readers.as_toml(shown)}  # {item.metadata['meaning']}")
        lines.append("")
    return "\n".join(lines)


def _section(path: Path, name: str, kind: type[Any], table: object, faults: list[Fault]) -> Any:  # noqa: ANN401
    if not isinstance(table, dict):
        faults.append(Fault("config.type", f"{path}, {name}", "this is a section", f"write [{name}] on its own line"))
        return None
    known = {item.name: item for item in fields(kind)}
    faults += [_unknown(path, f"[{name}] {word}", "key", known) for word in sorted(table.keys() - known.keys())]
    values: dict[str, object] = {}
    for item in known.values():
        if item.name not in table:
            if item.default is MISSING:
                faults.append(
                    Fault(
                        "config.missing",
                        f"{path}, [{name}] {item.name}",
                        f"this key is required: {item.metadata['meaning']}",
                        f"add a line `{item.name} = …` below [{name}]",
                    )
                )
            continue
        try:
            values[item.name] = item.metadata["read"](table[item.name])
        except readers.Unusable as problem:
            faults.append(
                Fault(
                    "config.value",
                    f"{path}, [{name}] {item.name}",
                    problem.cause,
                    problem.next_step or "correct the value",
                )
            )
    missing = any(item.default is MISSING and item.name not in values for item in known.values())
    return None if missing else kind(**values)


def _contradictions(config: Config) -> list[Fault]:
    """What is wrong although every single value is right."""
    place = str(config.root / FILE)
    found = []
    node = config.node
    if node.development and node.listen not in LOOPBACK:
        found.append(
            Fault(
                "config.development",
                f"{place}, [node] listen",
                f"a development node listens on loopback only, not on {node.listen or 'every address'}",
                'write listen = "localhost", or make a node without --dev',
            )
        )
    if config.mllp.listener == "plain" and node.listen not in LOOPBACK:
        found.append(
            Fault(
                "config.mllp",
                f"{place}, [mllp] listener",
                "a patient feed without TLS is possible on loopback only",
                'write listener = "tls", or listen on localhost',
            )
        )
    found += [
        Fault(
            "config.value",
            f"{place}, [[audit.repositories]] {one.name}",
            "a certificate and its private key are given together",
            "write certificate and private_key, or neither: then the node shows its own",
        )
        for one in config.audit.repositories
        if bool(one.certificate) is not bool(one.private_key)
    ]
    found += _issuers_named_twice(config, place)
    found += _token_issuers(config, place)
    found += _bars_exchanged(config, place)
    found += _provider_unknown(config, place)
    if node.public_url and urlsplit(node.public_url).path not in ("", "/"):
        found.append(
            Fault(
                "config.value",
                f"{place}, [node] public_url",
                "a path is not possible here: the node answers at fixed paths",
                "leave only https://host:port",
            )
        )
    return found


def _provider_unknown(config: Config, place: str) -> list[Fault]:
    if not config.sign_in.issuer or config.sign_in.client_id:
        return []
    cause = "the identity provider knows this node by its client_id, and there is none"
    return [
        Fault("config.value", f"{place}, [sign_in] client_id", cause, "register the node there, and write client_id")
    ]


def _bars_exchanged(config: Config, place: str) -> list[Fault]:
    if config.matching.review <= config.matching.automatic:
        return []
    cause = "records would be linked before anybody is asked"
    return [Fault("config.value", f"{place}, [matching] review", cause, "write a value that is not above automatic")]


def _issuers_named_twice(config: Config, place: str) -> list[Fault]:
    own = config.node.home_community_id
    named = [own, *(one.issuer for one in config.xua.issuers)]
    return [
        Fault(
            "config.value",
            f"{place}, [[xua.issuers]] {one.name}",
            "this is the name of the node's own issuer" if one.issuer == own else "another issuer has this name",
            "an issuer is written once, with all its certificates; the node's own is not written at all",
        )
        for one in config.xua.issuers
        if named.count(one.issuer) > 1
    ]


def _token_issuers(config: Config, place: str) -> Iterator[Fault]:
    named = [one.issuer for one in config.iua.issuers]
    for one in config.iua.issuers:
        where = f"{place}, [[iua.issuers]] {one.name}"
        if named.count(one.issuer) > 1:
            step = "an authorization server is written once, with all communities that it vouches for"
            yield Fault("config.value", where, "another one has this issuer", step)
        if one.jwks_url and not one.jwks_url.startswith("https://"):
            cause = "whoever is on the way of keys that do not come over https could give others"
            yield Fault("config.value", where, cause, 'write jwks_url = "https://…", or put the keys into a file: jwks')
        if bool(one.jwks) is bool(one.jwks_url):
            cause = "its keys are in a file or at a URL: one of the two is written"
            yield Fault("config.value", where, cause, "write jwks or jwks_url")


def _unknown(path: Path, place: str, what: str, known: Mapping[str, object]) -> Fault:
    return Fault(
        "config.unknown",
        f"{path}, {place}",
        f"there is no such {what}",
        f"correct the spelling or remove it; there are: {', '.join(known)}",
    )


def _no_node(root: Path) -> Fault:
    return Fault(
        "config.no-node",
        str(root),
        f"this folder holds no {FILE}, so it is not a node",
        "name the node's folder with --dir DIR, or make a node: xdsnode init --dir DIR --name NAME",
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
