"""The Responding Gateway's side of asynchronous exchange: questions that were taken, and their answers on their way.

A question is taken with HTTP 202 (or, for a deferred one of ITI-55, with its acknowledgement) only after it is durable:
a crash loses none. Its answer is made once, together with the one record of request and response, and goes to an
endpoint of the community that asked, and to no other address; again until it arrives or `LIFETIME` is over
(ITI TF-2: V.3; threats M19).
"""

from __future__ import annotations

import asyncio
import base64
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from node.federation.client import PeerFault
from node.http.incoming import Incoming
from node.http.reading import PackageReader
from node.http.reply import SOAP_CONTENT
from node.pipeline import ROOT_CONTENT_ID
from node.records import IHE_TRANSACTIONS
from node.security_records import activity
from node.soap.faults import SoapFault, duplicate_message_id
from node.soap.message import read_envelope
from node.soap.mime import read_media_type
from node.soap.mtom import MtomWriter
from trust.audit.event import Action, Coded, EventId, NewRecord
from trust.errors import LedgerBusy, NotAuthenticated, NotPermitted, StorageFailed
from trust.ledger.receipt import HEADER, to_header
from trust.owed import store
from trust.owed.store import Owed, Part

if TYPE_CHECKING:
    from node.exchange import Exchange
    from node.pipeline import Answer, Row
    from node.services import Services
    from trust.communities import Community
    from trust.ledger.sequencer import AuditProof

log = logging.getLogger("node.federation")

LIFETIME: Final = timedelta(minutes=15)  # after that nobody waits any more, and what was permitted then may not be now
MOST: Final = 1000  # answers that one community may wait for
MOST_OCTETS: Final = 256 << 20  # of its questions and of the answers to them
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_AGAIN: Final = frozenset({408, 425, 429})
_MOST_BYTES: Final = 256 * 1024  # of what is said to an answer

Keep = Callable[[sqlite3.Connection, bytes, Sequence[Any]], None]
Make = Callable[[Incoming, Owed, Keep], Awaitable["Answer"]]


class Owing:
    """Takes questions and delivers their answers: in order for each community, one task for each that waits."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._news = asyncio.Event()
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._receipts: dict[int, bytes] = {}  # of answers that were made since the node started

    def addresses(self, transaction: str, home: str) -> set[str]:
        """Where an answer to a community may go: what the directory says of it, or who added it."""
        community, key = self._services.communities.get(home), transaction.lower()
        if community is None:
            return set()
        return {url for one in (f"{key}-response", key) if (url := community.endpoints.get(one))}

    async def take(self, row: Row, incoming: Incoming, exchange: Exchange, reply_to: str) -> AuditProof:
        """Take a question; its answer is owed from now on.

        Raises:
            SoapFault: it was taken before.
            LedgerBusy: nothing could be recorded, or the community waits for too many answers.
        """
        message, peer = incoming.message, exchange.caller.home
        reader = self._services.reader
        if store.known(reader, peer, message.message_id) or not message.message_id:
            raise duplicate_message_id()
        waiting, octets = store.held(reader, peer)
        if waiting >= MOST or octets >= MOST_OCTETS:
            raise LedgerBusy("the community waits for too many answers")
        owed = Owed(
            peer=peer,
            message_id=message.message_id,
            reply_to=reply_to,
            path=incoming.path,
            packaging=message.packaging,
            root_id=message.root_content_id,
            request=message.root,
            certificate=incoming.certificate,
            address=incoming.address,
            proof=incoming.audit_proof,
            received=exchange.now,
        )
        what = f"a question was taken, its answer goes to {reply_to}"
        record = self._record(owed, Coded(row.id, IHE_TRANSACTIONS, row.name), what)

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            store.take(connection, owed)
            return None, [record]

        try:
            _, proof = await self._services.sequencer.transact(work)
        except sqlite3.IntegrityError:
            raise duplicate_message_id() from None
        self._news.set()
        return proof

    async def run(self, make: Make, every: float = 5.0) -> None:
        """Answer what was taken, also before the node last stopped; `make` carries a question through the pipeline."""
        try:
            while True:
                self._news.clear()
                self._serving = {peer: task for peer, task in self._serving.items() if not task.done()}
                for peer in store.peers(self._services.reader):
                    if peer not in self._serving:
                        self._serving[peer] = asyncio.create_task(self._serve(peer, make))
                try:
                    await asyncio.wait_for(self._news.wait(), every)
                except TimeoutError:
                    continue
        finally:
            for task in self._serving.values():
                task.cancel()
            await asyncio.gather(*self._serving.values(), return_exceptions=True)

    async def _serve(self, peer: str, make: Make) -> None:
        failures = 0
        while (owed := store.following(self._services.reader, peer)) is not None:
            try:
                why = await self._attempt(owed, make)
            except (LedgerBusy, StorageFailed):
                why = "nothing can be recorded at the moment"
            except Exception:  # it is tried again until nobody waits for it any more
                log.exception("an answer that is owed cannot be made")
                why = "it cannot be made"
            if not why:
                failures = 0
                continue
            failures += 1
            log.warning("an answer did not arrive", extra={"community": peer, "reason": why, "count": failures})
            await asyncio.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, 10)))

    async def _attempt(self, owed: Owed, make: Make) -> str:
        """One attempt; "" when nothing of this question is left to do, else why its answer did not arrive."""
        services = self._services
        community, now = services.communities.get(owed.peer), services.clock()
        if community is None or owed.reply_to not in self._permitted(owed):
            return await self._end(owed, "it was given up: the address is no endpoint of the community any more")
        if now > owed.received + LIFETIME:
            return await self._end(owed, "it was given up: it could not be delivered in time")
        if owed.answer is None:
            try:
                owed = await self._made(owed, make, now)
            except (SoapFault, NotAuthenticated, NotPermitted) as refused:
                return await self._end(owed, f"none was given: {refused}"[:200])
        try:
            status = await self._send(community, owed)
        except PeerFault as fault:
            return fault.what
        if 200 <= status < 300:
            return await self._end(owed, "it arrived")
        if 400 <= status < 500 and status not in _AGAIN:
            return await self._end(owed, f"it was given up: the community refused it with HTTP status {status}")
        return f"answered HTTP status {status}"

    def _permitted(self, owed: Owed) -> set[str]:
        return self.addresses(owed.path.removeprefix("/"), owed.peer)

    async def _made(self, owed: Owed, make: Make, now: datetime) -> Owed:
        """The answer, on record and kept in the same commit, so that it is made once whatever happens."""
        services = self._services
        message = read_envelope(owed.request)
        message.packaging, message.root_content_id = owed.packaging, owed.root_id
        incoming = Incoming(
            message=message,
            caller=services.bindings.authenticate(owed.certificate, owed.address, now),
            path=owed.path,
            query="",
            address=owed.address,
            sni="",
            audit_proof=owed.proof,
            package=PackageReader.of(message, read_media_type(SOAP_CONTENT), services.spool.create),
            certificate=owed.certificate,
        )
        parts: list[Part] = []

        def keep(connection: sqlite3.Connection, envelope: bytes, documents: Sequence[Any]) -> None:
            parts[:] = map(self._part, documents)
            store.made(connection, owed.no, envelope, parts)

        answer = await make(incoming, owed, keep)
        self._receipts[owed.no] = answer.proof.receipt()
        return replace(owed, answer=answer.envelope, documents=tuple(parts))

    def _part(self, document: Any) -> Part:  # noqa: ANN401  a document of whichever transaction it is
        """One that lies in the repository is read again when it leaves; one that was made for this answer is kept."""
        unique_id = document.request.document_unique_id
        stored = self._services.repository.locate(unique_id)
        made = stored is None or stored.sha256 != document.sha256
        content = base64.b64encode(b"".join(document.frames)).decode() if made else ""
        return Part(document.content_id, unique_id, document.mime_type, document.size, content)

    async def _send(self, community: Community, owed: Owed) -> int:
        """Post an answer; the HTTP status of what came back."""
        assert owed.answer is not None  # noqa: S101  it was made
        receipt = self._receipts.get(owed.no, b"")
        headers = {HEADER: to_header(receipt)} if receipt and community.audit else {}
        body: bytes | AsyncIterator[bytes] = owed.answer
        kind = SOAP_CONTENT
        if owed.packaging == "mtom":
            boundary = "MIMEBoundary_" + self._services.new_uuid().removeprefix("urn:uuid:")
            writer = MtomWriter(boundary, ROOT_CONTENT_ID)
            body, kind = self._package(writer, owed), writer.content_type
        status, _, _ = await self._services.client.plain(
            community, "POST", owed.reply_to, body, content_type=kind, most=_MOST_BYTES, headers=headers
        )
        return status

    async def _package(self, writer: MtomWriter, owed: Owed) -> AsyncIterator[bytes]:
        yield writer.root(owed.answer or b"")
        repository = self._services.repository
        for part in owed.documents:
            stored = repository.locate(part.unique_id)
            if not part.content and (stored is None or stored.size != part.size):
                raise OSError("a document of the answer is not there any more")
            yield writer.part(part.content_id, part.mime_type)
            kept = base64.b64decode(part.content)
            for frame in [kept] if kept or stored is None else repository.open(stored).frames():
                yield frame
                await asyncio.sleep(0)
        yield writer.tail()

    async def _end(self, owed: Owed, what: str) -> str:
        record = self._record(owed, None, f"the answer to {owed.message_id}: {what}")

        def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
            store.done(connection, owed.no)
            return None, [record]

        await self._services.sequencer.transact(work)
        self._receipts.pop(owed.no, None)
        return ""

    def _record(self, owed: Owed, type_: Coded | None, what: str) -> NewRecord:
        """What happens to a question beside its being answered, which is recorded as every answer is."""
        services = self._services
        community = services.communities.get(owed.peer)
        name = owed.path.removeprefix("/").upper()
        record = activity(
            services.clock(),
            node=services.actors.own.home,
            user=community.name if community else owed.peer,
            type_=type_ or Coded(name, IHE_TRANSACTIONS, name),
            event_id=EventId.APPLICATION_ACTIVITY,
            action=Action.EXECUTE,
            what=what,
        )
        return replace(record, peer=owed.peer, note={"later": owed.message_id})
