"""The first six steps to one connected institution: what this node is, what is recorded, and a look at each address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from node import database, health
from node.configuration.config import Config
from node.doctor.diagnosis import diagnose
from node.doctor.identity import own_fault
from node.doctor.observations import Expected
from node.doctor.probing import Connect, Prober, Resolve, connect, resolve
from node.doctor.steps import Row, failed
from node.tls_files import tls_files
from trust.addresses import Address, resolved_fault
from trust.communities import Community
from trust.errors import BadCertificate
from trust.pki.bindings import Binding, Bindings
from trust.pki.contexts import NodeTls

PLACES = ("iti-38", "iti-39")  # where an institution is queried and retrieved from


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What does not differ between institutions. `problem` is why this node can call nobody: code and words."""

    config: Config
    clock: Callable[[], datetime]
    tls: NodeTls | None
    problem: tuple[str, str]
    records: Sequence[Binding]  # whom certificates stand for
    synchronised: bool
    resolve: Resolve = resolve
    connect: Connect = connect
    patience: float = 10.0

    async def walk(self, community: Community) -> tuple[list[Row], float]:
        """The rows of the first six steps, and how long the slowest connection took (seconds)."""
        urls = [urlsplit(community.endpoints[key]) for key in PLACES]
        prober, expected = self._prober(community), self._expected(community)
        rows: list[Row] = []
        slowest = 0.0
        for url in {url.netloc: url for url in reversed(urls)}.values():
            seen = await prober.look(url)
            rows += diagnose(seen, expected)
            slowest = max([slowest, *(one.seconds for one in seen.connected)])
            if failed(rows):
                break
        return rows, slowest

    def _prober(self, community: Community) -> Prober:
        context, own = None, self.problem
        if self.tls is not None:
            try:
                context = self.tls.client(community.pins)
            except BadCertificate as problem:
                own = ("ours.files", str(problem))
        folder = self.config.folder
        return Prober(
            context=context,
            own=own,
            files=(folder.tls_chain, folder.tls_key),
            forbidden=self._forbidden,
            clock=self.clock,
            synchronised=self.synchronised,
            resolve=self.resolve,
            connect=self.connect,
            patience=self.patience,
        )

    def _expected(self, community: Community) -> Expected:
        return Expected(
            chain=community.certificates,
            pins=community.pins,
            now=self.clock(),
            own=self.tls.fingerprint if self.tls else "",
            lists=bool(self.config.crl_files),
            bound=frozenset(one.fingerprint for one in self.records if one.home == community.home and not one.revoked),
            withdrawn={one.fingerprint: one.revoked for one in self.records if one.revoked},
        )

    def _forbidden(self, host: str, address: Address) -> str:
        development = self.config.node.development
        return resolved_fault(host, address, development=development, permitted=self.config.federation.permitted_hosts)


def ways(config: Config, clock: Callable[[], datetime], *, synchronised: bool | None = None) -> Ways:
    """How this node calls others, as its files are now."""
    tls, problem = None, ("ours.none", "")
    if config.folder.tls_chain.exists():
        try:
            tls = NodeTls(tls_files(config), clock=clock)
            problem = own_fault(tls.chain[0], clock())
        except BadCertificate as fault:
            problem = ("ours.files", str(fault))
    connection = database.open_reader(config.folder.database)
    try:
        records = Bindings(connection).all()
    finally:
        connection.close()
    known = health.synchronised() if synchronised is None else synchronised
    return Ways(config=config, clock=clock, tls=tls, problem=problem, records=records, synchronised=known)
