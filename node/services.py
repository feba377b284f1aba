"""The composition root: the only place that builds stores, keys and clients, and reads the clock and random ids."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from node import database
from node.asserted import Users
from node.configuration.config import Config
from node.configuration.vocabulary import affinity_domain
from node.consents import jurisdiction
from node.discovery.discovery import Discovery
from node.documents.damages import Damages
from node.exchange import Actors, Community
from node.faults import misused
from node.federation.client import PeerClient
from node.federation.copies import Copies
from node.federation.gateway import Gateway
from node.federation.outcomes import Known
from node.federation.resolver import GuardedResolver
from node.making import create_assertion_key
from node.membership import renewal
from node.membership.membership import Membership
from node.metrics import Metrics
from node.notifications.assembly import recipient_faults
from node.patients.continuations import Continuations
from node.patients.index import index_of
from node.receipts import Receipts
from node.records import instant
from node.rotation import key_in_force
from node.soap.limits import MimeLimits
from node.summary.offering import Summaries
from node.tls_files import tls_files
from node.witness.witnessing import Witnessing, assemble, forks_of
from registry.document_registry import DocumentRegistry, RegistrySettings
from repository.document_repository import DocumentRepository
from repository.errors import BadBlobKey
from repository.store.blobs import BlobStore
from repository.store.keys import BlobKeys
from repository.store.spool import Spool
from trust.audit.source import AuditSource
from trust.community_store import Communities
from trust.errors import BadCertificate
from trust.ledger.keys import LedgerKeys, create_key, load_keys
from trust.ledger.sequencer import Ledger, Sequencer
from trust.pki.bindings import Bindings
from trust.pki.contexts import NodeTls
from trust.pki.revocation import RevocationLists
from trust.pki.tls import ClientContext

log = logging.getLogger("node.services")
NO_LISTS: Final = RevocationLists()


def clock() -> datetime:
    """This instant, UTC."""
    return datetime.now(UTC)  # noqa: TID251  the one clock


def new_uuid() -> str:
    """A fresh UUID URN, random (version 4)."""
    digits = os.urandom(16).hex()  # the one source of ids; an object of class UUID in between takes four times as long
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


@dataclass(slots=True, kw_only=True)
class Services:
    """Everything a running node, or a command that works without one, is made of.

    `tls` is None until a certificate lies there.
    """

    config: Config
    clock: Callable[[], datetime]
    new_uuid: Callable[[], str]
    reader: sqlite3.Connection
    sequencer: Sequencer
    registry: DocumentRegistry
    repository: DocumentRepository
    blobs: BlobStore
    spool: Spool
    tls: NodeTls | None
    bindings: Bindings
    communities: Communities
    users: Users
    client: PeerClient
    witnessing: Witnessing
    membership: Membership
    actors: Actors
    metrics: Metrics
    refusals: list[str]  # outside of any transaction, not on record yet
    alarms: list[str]  # alarms that are not on record yet
    fatal: asyncio.Event
    sign_out: Callable[[str], int] = lambda _: 0  # ends the sessions of a user on the pages, where these are open

    def refused(self, kind: str, reason: str) -> None:
        """Count a refusal outside of any transaction, and put it on record within a second."""
        _refused(self.metrics, self.refusals, kind, reason)


@asynccontextmanager
async def open_services(
    config: Config, *, serving: bool = False, recovering: bool = False, ledger_key: Path | None = None
) -> AsyncIterator[Services]:
    """Build a node's services; the caller holds the node's lock.

    With `recovering` the ledger is not started: a ceremony does that, with another `ledger_key` when the key changes.

    Raises:
        Faults: database or configuration cannot be used.
        LedgerBroken: the audit ledger does not check; nothing was started.
    """
    folder = config.folder
    database.migrate(folder.database, lambda text: log.info("%s", text))
    writer, reader = database.open_writer(folder.database), database.open_reader(folder.database)
    fatal = asyncio.Event()
    if not folder.witness_key.exists():  # the folder is of an older version
        create_key(folder.witness_key)
    if not folder.assertion_key.exists() and not folder.assertion_cert.exists():
        create_assertion_key(folder, config.node.name, clock())
    keys = load_keys(ledger_key or key_in_force(folder, reader), folder.subject_key)
    ledger = Ledger(
        node=config.log_node,
        database=folder.database,
        head=folder.head,
        folder=folder.audit,
        keys=keys,
        source=AuditSource(enterprise_site_id=config.node.home_community_id, source_id=config.node.name),
    )
    sequencer = Sequencer(writer, ledger, now=lambda: instant(clock()), on_fatal=lambda _: fatal.set())
    try:
        services = _assembled(config, keys, writer, reader, sequencer, fatal)
    except (BadBlobKey, BadCertificate) as problem:
        step = f"put it back from where you keep it; xdsnode check --dir {config.root} names everything that is missing"
        raise misused("keys", str(folder.keys), str(problem), step) from problem
    services.membership.applied = partial(apply_communities, services)
    try:
        if serving or services.witnessing.witnesses:
            await services.client.start()
        if not recovering:
            await services.witnessing.check_memory()
            await sequencer.start()
        yield services
    finally:
        await services.client.stop()
        await sequencer.stop()
        services.blobs.close()
        services.actors.copies.close()
        reader.close()
        writer.close()


def _assembled(
    config: Config,
    keys: LedgerKeys,
    writer: sqlite3.Connection,
    reader: sqlite3.Connection,
    sequencer: Sequencer,
    fatal: asyncio.Event,
) -> Services:
    folder = config.folder
    metrics, refusals, alarms = Metrics(), list[str](), list[str]()
    communities = Communities(reader)
    tls = _tls(config, communities, partial(_refused, metrics, refusals, "handshake"))
    blobs = BlobStore(folder.blobs, BlobKeys.read(folder.blob_key), min_free_bytes=config.repository.min_free_bytes)
    spool = Spool(folder.spool)
    forks, forked = forks_of(communities.all, reader, clock)
    barred = partial(_barred, barriers := [forked])
    client = _client(config, tls, spool, barred)
    registry = DocumentRegistry(reader, affinity_domain(config), _settings(config))
    alarm = partial(_alarm, metrics, alarms)
    receipts = Receipts(reader, communities.get, metrics, alarm)
    gateway = Gateway(client, communities.all, new_uuid, Known(), config.base_url)
    actors = _actors(config, writer, reader, registry, blobs, gateway, receipts, sequencer, metrics, alarm)
    actors.barred, actors.recipient_faults = barred, recipient_faults(config)
    membership = _membership(config, actors, communities, client, tls)
    barriers.append(membership.barred)
    bindings = _bindings(config, reader, tls)
    return Services(
        config=config,
        clock=clock,
        new_uuid=new_uuid,
        reader=reader,
        sequencer=sequencer,
        registry=registry,
        repository=actors.repository,
        blobs=blobs,
        spool=spool,
        tls=tls,
        bindings=bindings,
        communities=communities,
        users=Users(config, communities.all, bindings.test_home),
        client=client,
        witnessing=assemble(config, keys, actors, client, communities.all, forks),
        membership=membership,
        actors=actors,
        metrics=metrics,
        refusals=refusals,
        alarms=alarms,
        fatal=fatal,
    )


def _membership(
    config: Config, actors: Actors, communities: Communities, client: PeerClient, tls: NodeTls | None
) -> Membership:
    membership = Membership(config, actors, communities, client, lambda: tls.fingerprint if tls else "")
    actors.discovery.duty = membership.duty
    return membership


def apply_communities(services: Services) -> None:
    """Let a running node act on a change of the communities, with the next request."""
    services.bindings.reload(services.reader)
    services.communities.reload(services.reader)
    services.users.reload()
    services.witnessing.reload_forks()
    services.witnessing.server.news.set()  # witnesses and quorum have changed
    if services.tls is not None:
        try:
            services.tls.reload(services.communities.pins())
        except BadCertificate as problem:
            log.warning("certificates could not be reloaded", extra={"reason": str(problem)})


def _barred(barriers: Sequence[Callable[[str], str]], home: str) -> str:
    """The first reason why nothing is exchanged with a community."""
    return next(filter(None, (one(home) for one in barriers)), "")


def _alarm(metrics: Metrics, alarms: list[str], name: str) -> None:
    metrics.alarms.labels(name).inc()
    alarms.append(name)
    log.error("alarm", extra={"code": name})


def _refused(metrics: Metrics, refusals: list[str], kind: str, reason: str) -> None:
    metrics.refused.labels(kind).inc()
    refusals.append(reason)


def _client(config: Config, tls: NodeTls | None, spool: Spool, barred: Callable[[str], str]) -> PeerClient:
    limits = MimeLimits(total=config.limits.document_bytes)
    return PeerClient(
        lambda community: _calling(tls, community.pins),
        spool,
        limits,
        lambda: GuardedResolver(development=config.node.development, permitted=config.federation.permitted_hosts),
        barred,
    )


def _bindings(config: Config, reader: sqlite3.Connection, tls: NodeTls | None) -> Bindings:
    return Bindings(reader, development=config.node.development, lists=lambda: tls.lists if tls else NO_LISTS)


def _settings(config: Config) -> RegistrySettings:
    return RegistrySettings(
        home_community_id=config.node.home_community_id,
        assigning_authority=config.node.assigning_authority,
        max_results=config.registry.max_results,
        known_patients_required=config.registry.known_patients_required,
        unknown_patient_is_error=config.registry.unknown_patient_is_error,
    )


def _own(config: Config) -> Community:
    return Community(
        home=config.node.home_community_id,
        name=config.node.name,
        repository_unique_id=config.node.repository_unique_id,
        assigning_authority=config.node.assigning_authority,
    )


def _actors(  # noqa: PLR0913, PLR0917  the composition root hands over everything once
    config: Config,
    writer: sqlite3.Connection,
    reader: sqlite3.Connection,
    registry: DocumentRegistry,
    blobs: BlobStore,
    gateway: Gateway,
    receipts: Receipts,
    sequencer: Sequencer,
    metrics: Metrics,
    alarm: Callable[[str], None],
) -> Actors:
    writing = registry.on(writer)
    least = config.repository.min_free_bytes
    own = _own(config)
    repository = DocumentRepository(reader, blobs, own.repository_unique_id)
    return Actors(
        own=own,
        reader=reader,
        registry=registry,
        registry_on=lambda connection: writing if connection is writer else registry.on(connection),
        index=partial(index_of, config),
        repository=repository,
        gateway=gateway,
        discovery=Discovery(config.federation, alarm),
        receipts=receipts,
        sequencer=sequencer,
        clock=clock,
        new_uuid=new_uuid,
        refuse_writes=lambda: bool(blobs.failure) or blobs.free_bytes() < least,
        alarm=alarm,
        policy=jurisdiction.policy(config),
        damages=Damages(repository, metrics, own, clock),
        metrics=metrics,
        continuations=Continuations(),
        most_subscriptions=config.subscriptions.per_community,
        summaries=Summaries(config),
        copies=Copies(
            reader,
            config.folder.copies,
            BlobKeys.read(config.folder.blob_key),
            hours=config.federation.copy_hours,
            min_free_bytes=2 * least,
            clock=clock,
        ),
    )


def _tls(config: Config, communities: Communities, refused: Callable[[str], None]) -> NodeTls | None:
    if not config.folder.tls_chain.exists():
        return None
    renewal.finish(config.folder)
    return NodeTls(tls_files(config), clock=clock, pinned=communities.pins(), refused=refused)


def _calling(tls: NodeTls | None, pins: str) -> ClientContext:
    if tls is None:
        raise BadCertificate("this node has no certificate yet")
    return tls.client(pins)
