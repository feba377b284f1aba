"""A running node: its listeners, its periodic work, its beginning and its graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
import signal
import sqlite3
from functools import partial
from typing import Final

from node import control, health, operations, unasked
from node.atna.assembly import exporters
from node.auditing.looking import Looking
from node.configuration.config import LOOPBACK, Config
from node.database import open_reader
from node.dispatch import Dispatcher, routes
from node.documents.scrubbing import Scrubber
from node.exchange import Desk
from node.faults import Exit, Fault, Faults
from node.federation.owing import Owing
from node.federation.unfinished import Unfinished
from node.http.connection import Connected
from node.http.management import ManagementServer
from node.http.resources import Resources
from node.http.server import NodeServer
from node.http.soap_endpoint import SoapEndpoint
from node.http.turns import Turns
from node.learning import learn_dictionary
from node.lock import exclusive
from node.membership.renewal import Upkeep
from node.mllp import MllpListener
from node.noticed import Noticed
from node.notifications.assembly import deliverer, reach
from node.patients.feed import FeedContext, PatientFeed
from node.resources import RESOURCES
from node.security_records import activity
from node.services import Services, open_services
from node.soap.limits import MimeLimits
from node.tokens import Tokens, tokens_of
from node.tuning import settle
from node.web.listening import PageListener, hosts_of
from trust.audit.event import Action, Coded, EventId
from trust.errors import BadCertificate, LedgerBroken, NotAuthenticated, TrustError
from trust.identity.caller import Caller, Role
from trust.identity.claims import acts_as
from trust.ledger.checkpoint import parse_checkpoint, parse_note
from trust.pki.certificates import days_left
from trust.pki.keyfiles import check_key_files, harden_process
from trust.search.index import AuditIndex

log = logging.getLogger("node.serving")

ORPHAN_SECONDS: Final = 60.0
_QUIET: Final = 50  # new audit entries in a second, below which the index is filled
_MOST_BEHIND: Final = 50_000  # entries after which it is filled all the same
_GRACE: Final = 8.0  # seconds that requests under way have when the node stops
_FEEDERS: Final = frozenset({Role.APPLICATION, Role.OPERATOR})
_START: Final = Coded("110120", "DCM", "Application Start")
_STOP: Final = Coded("110121", "DCM", "Application Stop")


async def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT, or until the node may not go on.

    Raises:
        Faults: it cannot start.
    """
    harden_process()
    allow_files()
    wrong = check_key_files(config.folder.keys)
    if wrong:
        raise Faults([Fault("keys", str(config.folder.keys), text, "then start again") for text in wrong], Exit.USAGE)
    with exclusive(config.folder):
        try:
            async with open_services(config, serving=True) as services:
                return await _serve(services)
        except LedgerBroken as problem:
            fault = Fault(
                "ledger", str(config.folder.root), str(problem), "xdsnode audit verify shows how far it is good"
            )
            raise Faults([fault], Exit.REFUSED) from problem


async def _serve(services: Services) -> int:
    node = Running(services)
    await node.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(services.fatal.wait())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await node.stop()
    if services.fatal.is_set():
        log.critical("the node stopped: its audit log or its storage cannot go on")
        return Exit.REFUSED
    return Exit.DONE


class Running:
    """Everything that listens or recurs while a node runs."""

    def __init__(self, services: Services) -> None:
        config = services.config
        if services.tls is None:
            step = f"xdsnode check --dir {config.root} says what is missing"
            raise Faults([Fault("tls.certificate", str(config.folder.tls_chain), "the node has no certificate", step)])
        if services.tls.development and config.node.listen not in LOOPBACK:
            step = "take a certificate of a real authority, or listen on localhost"
            raise Faults(
                [Fault("tls.development", config.node.listen, "development certificates are for loopback", step)]
            )
        self._services = services
        self._tls = services.tls
        self._unfinished = Unfinished(services)
        self._noticed = Noticed(services)
        self._owing = Owing(services)
        self._ready = False
        self._log_end = self._indexed = 0  # entries of the log a second ago, and when the index last reached its end
        self._tasks: list[asyncio.Task[None]] = []
        self._index = AuditIndex(config.folder.audit_index, config.folder.database)
        self._bearer = tokens_of(config, services.clock)
        self._servers = self._listeners(config, services, self._bearer)
        self._management = ManagementServer(
            live=lambda: not services.fatal.is_set(),
            ready=lambda: self._ready,
            metrics=services.metrics.render,
            port=config.port("management"),
        )
        self._control = control.ControlServer(
            config.folder.socket, partial(operations.execute, services), services.new_uuid
        )
        self._feed = self._mllp(config, services)
        self._scrubber = Scrubber(
            database=config.folder.database,
            state=config.folder.scrub,
            repository=services.repository,
            damages=services.actors.damages,
            clock=services.clock,
            new_uuid=services.new_uuid,
        )
        self._exporters = exporters(config, self._tls, services.sequencer, services.metrics, now=services.clock)

    def _listeners(self, config: Config, services: Services, bearer: Tokens) -> dict[str, NodeServer]:
        dispatcher = Dispatcher(
            services.actors,
            services.users,
            services.metrics,
            owing=self._owing,
            spool=services.spool.create,
            base_url=config.base_url,
            deadline=config.federation.deadline,
            default_scope=config.federation.default_scope,
            applications=config.leniencies.by_name(),
        )
        self._owed = dispatcher.owed
        endpoint = SoapEndpoint(
            routes=routes(config.limits.inline_bytes * 3 // 2, config.limits.document_bytes),
            hosts=hosts_of(config),
            authenticate=self._authenticate,
            dispatch=dispatcher.dispatch,
            refused=dispatcher.refused,
            spool=services.spool.create,
            new_uuid=services.new_uuid,
            mime=MimeLimits(total=config.limits.document_bytes, inline=config.limits.inline_bytes),
            resources=Resources(RESOURCES, self._desk(config, services), bearer.caller),
            turns=Turns(self._noticed.turned_away),
        )
        addresses = ("127.0.0.1", "::1") if config.node.listen == "localhost" else (config.node.listen or "0.0.0.0",)  # noqa: S104
        self._pages = PageListener(services, dispatcher.dispatch, self._index, hosts_of(config), addresses)
        return {
            host: NodeServer(endpoint, endpoint.malformed, host=host, port=config.port("https"), tls=self._tls.server)
            for host in addresses
        }

    def _desk(self, config: Config, services: Services) -> Desk:
        return Desk(
            actors=services.actors,
            audit=config.folder.audit,
            witness=services.witnessing.server,
            membership=services.membership,
            ledger=config.folder.database,
            index=self._index,
        )

    def _authenticate(self, peer: Connected) -> Caller:
        return self._services.bindings.authenticate(peer.certificate, peer.address, self._services.clock())

    def _mllp(self, config: Config, services: Services) -> MllpListener | None:
        if config.mllp.listener == "off":
            return None
        feed = PatientFeed(FeedContext.of(services))
        admit = self._admitted if config.mllp.listener == "tls" else None
        return MllpListener(feed.handle, admit=admit, most_bytes=config.limits.mllp_bytes)

    def _admitted(self, der: bytes | None, address: str) -> str:
        """The holder of a certificate who may feed patients (our own systems, as with ITI-44), or ""."""
        services = self._services
        try:
            caller = services.bindings.authenticate(der or b"", address, services.clock())
        except NotAuthenticated as problem:
            services.refused("feed", f"patient feed: {problem}"[:300])
            return ""
        if acts_as(caller).isdisjoint(_FEEDERS):
            services.refused("feed", f"patient feed: {caller.name!r} is no {' or '.join(sorted(_FEEDERS))}")
            return ""
        return f"{caller.name} ({caller.role}), certificate {caller.fingerprint}"

    async def start(self) -> None:
        """Listen everywhere, record the start, begin the periodic work.

        Raises:
            Faults: a port is taken.
        """
        config = self._services.config
        await self._unfinished.settle()
        await self._record(_START, "the node starts")
        await self._listen(config)
        upkeep = Upkeep(self._services.membership)
        periodic: tuple[tuple[float, unasked.Work], ...] = (
            (1.0, self._put_on_record),
            (1.0, self._fill_index),
            (30.0, self._reload_tls),
            (60.0, self._sweep),
            (300.0, partial(learn_dictionary, self._services)),
            (600.0, self._scrub),
            (3600.0, self._look_for_findings),
            (config.federation.directory_seconds, upkeep.round),
            *unasked.works(self._services, self._index),
        )
        self._tasks = [asyncio.create_task(unasked.every(seconds, work)) for seconds, work in periodic]
        for exporter in self._exporters:
            exporter.start(self._services.actors.alarm, partial(self._services.refused, "handshake"))
        telling = deliverer(config, self._services.actors, self._tls, self._services.bindings)
        lasting: tuple[unasked.Work, ...] = (
            self._services.witnessing.cosigner().run,
            self._bearer.run,
            telling.run,
            reach(config, self._services.actors).run,
            partial(self._owing.run, self._owed),
            partial(self._services.actors.summaries.run, self._services.actors),
        )
        self._tasks += [asyncio.create_task(unasked.kept_up(one)) for one in lasting]
        upkeep.begin()
        settle()
        self._ready = True
        log.info("ready", extra={"port": config.port("https")})
        for one in health.own_certificate(config, self._services.clock()):
            if one.level is not health.Level.OK:
                log.warning("%s: %s; next: %s", one.subject, one.what, one.next_step)

    async def _listen(self, config: Config) -> None:
        try:
            await self._management.start()
            for host, server in (*self._servers.items(), *self._pages.servers.items()):
                await _start(host, server)
            if self._feed:
                tls = self._tls.server if config.mllp.listener == "tls" else None
                await self._feed.start("127.0.0.1" if tls is None else config.node.listen, config.port("mllp"), tls)
            await self._control.start()
        except OSError as problem:
            step = (
                f"stop what listens there, or set another [node] port_base in {config.folder.config};"
                " never run a restored node beside the one it was made from"
            )
            place = f"ports {config.node.port_base} to {config.node.port_base + 9}"
            raise Faults([Fault("port.taken", place, str(problem), step)], Exit.USAGE) from None

    async def stop(self) -> None:
        """Refuse what is new, finish what is under way, record the end."""
        self._ready = False
        self._scrubber.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._services.actors.gateway.watching.end()
        await asyncio.gather(self._pages.stop(_GRACE), *(server.stop(_GRACE) for server in self._servers.values()))
        if self._feed:
            await self._feed.stop()
        await self._control.stop()
        await self._management.stop()
        if not self._services.fatal.is_set():
            with contextlib.suppress(TrustError):
                await self._put_on_record()
                await self._noticed.put_on_record(last=True)
                await self._unfinished.settle()
                await self._record(_STOP, "the node stops")
        await asyncio.gather(*(asyncio.to_thread(exporter.stop) for exporter in self._exporters))
        log.info("stopped")

    async def _record(self, type_: Coded, what: str) -> None:
        services = self._services
        record = activity(
            services.clock(),
            node=services.config.node.home_community_id,
            user=services.config.node.name,
            type_=type_,
            event_id=EventId.APPLICATION_ACTIVITY,
            action=Action.EXECUTE,
            what=what,
        )
        await services.sequencer.record([record])

    async def _put_on_record(self) -> None:
        """What happened outside of any transaction becomes records."""
        services = self._services
        if services.blobs.failure:
            # What this process writes to these files cannot be trusted any more: stop, a restart reads them anew.
            log.critical("the document storage failed", extra={"reason": services.blobs.failure})
            services.fatal.set()
        await services.actors.damages.put_on_record(services.sequencer)
        await self._noticed.put_on_record()

    async def _fill_index(self) -> None:
        """Take new entries into the index of the audit log in a quiet second, or when very many wait.

        Nobody waits for this: a search takes up itself what is missing.
        """
        head = self._services.sequencer.head
        end = head.first_seq + head.size if head else 0
        grown, self._log_end = end - self._log_end, end
        if end > self._indexed and (grown < _QUIET or end - self._indexed > _MOST_BEHIND):
            try:
                await asyncio.to_thread(self._index.catch_up, idle=1.0, stop=lambda: not self._ready)
                self._indexed = end
            except (OSError, sqlite3.Error):  # no space, most likely; the log itself is not touched by this
                log.warning("the index of the audit log could not be filled; it is tried again")

    async def _reload_tls(self) -> None:
        """Read certificates and revocation lists again: a renewed or withdrawn one counts within a minute."""
        self._services.users.reload()
        try:
            self._tls.reload(self._services.communities.pins())
            self._pages.renew()
        except BadCertificate as problem:
            log.warning("certificates could not be reloaded: %s", problem)

    async def _look_for_findings(self) -> None:
        """Run the auditor's rules over the log; they find the same again when it did not work."""
        services = self._services
        looking = Looking(
            home=services.config.node.home_community_id,
            database=services.config.folder.database,
            index=self._index,
            patients=services.actors.index,
            sequencer=services.sequencer,
        )
        try:
            await looking.look(services.clock())
        except (OSError, sqlite3.Error):
            log.warning("the rules over the audit log could not be run; they are tried again")

    async def _scrub(self) -> None:
        """Read every document again, a round a week; a long one is one piece of periodic work."""
        await asyncio.to_thread(self._scrubber.run)

    async def _sweep(self) -> None:
        """Remove documents whose registration failed; close exchanges that never got an outcome."""
        services = self._services
        await self._unfinished.sweep()
        await services.actors.copies.sweep(services.sequencer, services.actors.own.home)

        def work() -> None:
            connection = open_reader(services.config.folder.database)
            try:
                services.repository.sweep(connection, ORPHAN_SECONDS)
                services.actors.copies.sweep_files(connection)
            finally:
                connection.close()

        await asyncio.to_thread(work)
        services.metrics.free_bytes.set(services.blobs.free_bytes())
        services.metrics.audit_size.set(parse_checkpoint(parse_note(services.sequencer.checkpoint).text).size)
        services.metrics.certificate_days.set(days_left(self._tls.chain[0], services.clock()))


def allow_files() -> None:
    """As many open files and connections as the system lets this process have: the usual 1024 are few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _start(host: str, server: NodeServer) -> None:
    """Listen; a machine without IPv6 has no ::1 and does without."""
    try:
        await server.start()
    except OSError as problem:
        if host != "::1" or problem.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
