"""Copies of documents of other communities, for when their institution is away: only where `copy_hours` says so.

A copy is used by whoever the holder let have it (the same person in the same role, as the holder saw them), if no
consent here denies it now, until it ends, and only when the institution cannot be reached; whatever that answers counts
more, and a refusal ends the copy. It is marked in the answer and in the record. It goes to no other community: those
are answered from the own registry alone.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node import access
from node.outcome_words import Word
from node.retrievals import Outgoing
from node.security_records import activity
from registry.errors import ErrorCode, RegistryError, RepositoryOutOfResources, Severity
from repository.errors import BlobDamaged, BlobStorageFailed
from repository.store import copies
from repository.store.blobs import BlobStore, Staged
from repository.store.copies import KeptCopy
from trust.audit.event import Action, Coded, EventId, NewRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.exchange import Exchange
    from node.federation.answered import Answered
    from node.federation.client import Fetched
    from repository.messages import DocumentRequest
    from repository.store.keys import BlobKeys
    from trust.identity.caller import Caller
    from trust.ledger.sequencer import Sequencer

log = logging.getLogger("node.federation")

MOST_BYTES: Final = 50 << 20  # of one document that is kept: pages show it with its mark
_AWAY: Final = frozenset({Word.UNREACHABLE, Word.TIMEOUT, Word.PAUSED})
_ORPHAN_SECONDS: Final = 60.0
_STEP: Final = 4 << 20  # octets between two turns of others


@dataclass(slots=True)
class Kept:
    """What one exchange keeps and ends; `staged` keeps the files until their rows are committed."""

    new: list[KeptCopy] = field(default_factory=list)
    staged: list[Staged] = field(default_factory=list)
    ended: list[DocumentRequest] = field(default_factory=list)


class Copies:
    """One for the node. With `hours` 0 nothing is kept, and what was kept before ends."""

    def __init__(
        self,
        reader: sqlite3.Connection,
        folder: Path,
        keys: BlobKeys,
        *,
        hours: int,
        min_free_bytes: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._folder = folder
        self._keys = keys
        self._lasting = timedelta(hours=hours)
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._opened: BlobStore | None = None

    @property
    def on(self) -> bool:
        """Whether the institution wants copies."""
        return self._lasting > timedelta()

    def close(self) -> None:
        """Let the files go."""
        if self._opened is not None:
            self._opened.close()

    async def take(self, answers: Sequence[Answered], exchange: Exchange) -> None:
        """Keep what these answers brought and end what they refuse, in the commit of this exchange's record."""
        if not self.on:
            return
        kept = Kept()
        for answered in answers:
            kept.ended += self._refused(answered)
            for request, mime_type, part, patient in _brought(answered, exchange):
                try:
                    staged = await self._staged(part)
                except (RepositoryOutOfResources, BlobStorageFailed, BlobDamaged) as problem:
                    log.warning("no copy was kept", extra={"reason": type(problem).__name__})
                    continue
                kept.staged.append(staged)
                kept.new.append(
                    KeptCopy(
                        home=answered.community.home,
                        repository=request.repository_unique_id,
                        unique_id=request.document_unique_id,
                        asker=asker_of(exchange.caller),
                        patient=patient,
                        community=answered.community.name,
                        mime_type=mime_type,
                        size=staged.size,
                        sha1=staged.sha1,
                        sha256=staged.sha256,
                        blob=staged.name,
                        fetched=_stamp(exchange.now),
                        until=_stamp(exchange.now + self._lasting),
                    )
                )
        if kept.new or kept.ended:
            exchange.keep = lambda connection, _envelope, _documents: _commit(connection, kept)

    def instead(self, answered: Answered, request: DocumentRequest, exchange: Exchange) -> Outgoing | None:
        """The copy of a document whose institution is away, if this caller may use one."""
        if not self.on or answered.word not in _AWAY:
            return None
        found = copies.of(
            self._reader,
            answered.community.home,
            request.repository_unique_id,
            request.document_unique_id,
            asker=asker_of(exchange.caller),
            now=_stamp(exchange.now),
        )
        view = exchange.access or access.of(exchange)
        if found is None or not view.may_use_copy(found.patient, found.unique_id):
            return None
        try:
            frames = self._store.open(found.blob)
            if frames.is_small:
                frames.verify()
        except BlobDamaged:
            return None
        new_id = exchange.actors.new_uuid().removeprefix("urn:uuid:")
        return Outgoing(
            request=request,
            content_id=f"{new_id}@{exchange.actors.own.repository_unique_id}",
            mime_type=found.mime_type,
            size=found.size,
            sha256=found.sha256,
            frames=frames.frames(),
            patient=found.patient,
            copy=f"fetched at {_written(found.fetched)} from {found.community}, kept until {_written(found.until)}",
        )

    async def sweep(self, sequencer: Sequencer, home: str) -> None:
        """End what has ended: rows with a record of it, then files."""
        now = _stamp(self._clock()) if self.on else "9"
        count = copies.ended(self._reader, now)
        if count:
            record = activity(
                self._clock(),
                node=home,
                user=home,
                type_=Coded("copies", "xdsnode", "copies of documents"),
                event_id=EventId.APPLICATION_ACTIVITY,
                action=Action.DELETE,
                what=f"{count} copies of documents of other institutions have ended",
            )

            def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
                copies.expire(connection, now)
                return None, [record]

            await sequencer.transact(work)

    def sweep_files(self, connection: sqlite3.Connection) -> None:
        """Remove files without a row. Blocking; `connection` reads."""
        if self._opened is not None or self._folder.exists():
            self._store.sweep(lambda blob: copies.references(connection, blob), _ORPHAN_SECONDS)

    @property
    def _store(self) -> BlobStore:
        if self._opened is None:
            self._opened = BlobStore(self._folder, self._keys, min_free_bytes=self._min_free_bytes)
        return self._opened

    async def _staged(self, part: Fetched) -> Staged:
        staging, since = self._store.begin(), 0
        try:
            for frame in part.part.frames():
                staging.write(frame)
                since += len(frame)
                if since >= _STEP:
                    since = 0
                    await asyncio.sleep(0)
            return await staging.finish()
        except BaseException:
            staging.discard()
            raise

    def _refused(self, answered: Answered) -> Iterator[DocumentRequest]:
        """Documents that the institution answered about and did not give, or refused altogether: their copies end."""
        if not answered.received and answered.word is not Word.REFUSED:
            return
        brought = {(one.request.repository_unique_id, one.request.document_unique_id) for one in _documents(answered)}
        for request in answered.call.requests:
            key = request.repository_unique_id, request.document_unique_id
            if key not in brought and copies.kept(self._reader, answered.community.home, *key):
                yield request


def asker_of(caller: Caller) -> str:
    """Whom the holder sees: the person with role, purpose and institution; of no person, any application of ours."""
    role, purpose = caller.user_role, caller.purpose
    coded = [(one.code, one.system) if one else ("", "") for one in (role, purpose)]
    return sha256(repr((caller.user, coded, caller.organisation)).encode()).hexdigest()


def marked(copy: Outgoing, answered: Answered) -> RegistryError:
    """What the asker is told beside a copy: a warning, which makes no failure of it."""
    text = f"a copy, {copy.copy}: {answered.reason or 'the institution cannot be reached'}"
    unique_id = copy.request.document_unique_id
    return RegistryError(ErrorCode.UNAVAILABLE_COMMUNITY, text, unique_id, Severity.WARNING)


def _documents(answered: Answered) -> list[Any]:
    return [
        one
        for one in answered.retrieve.documents
        if answered.answer is not None and (one.content_id or "") in answered.answer.documents
    ]


def _brought(answered: Answered, exchange: Exchange) -> Iterator[tuple[DocumentRequest, str, Fetched, str]]:
    """Documents that may be kept: asked for, the ones that their metadata describes, of a patient who is known."""
    asked = {(one.repository_unique_id, one.document_unique_id) for one in answered.call.requests}
    for one in _documents(answered):
        key = one.request.repository_unique_id, one.request.document_unique_id
        known = exchange.actors.gateway.known(answered.community.home, *key)
        assert answered.answer is not None  # noqa: S101  it brought documents
        part = answered.answer.documents[one.content_id or ""]
        sound = known is not None and (part.size, part.sha1) == (known.size, known.sha1)
        if key in asked and known is not None and sound and known.patient and part.size <= MOST_BYTES:
            yield one.request, one.mime_type or "application/octet-stream", part, known.patient


def _commit(connection: sqlite3.Connection, kept: Kept) -> None:
    for request in kept.ended:
        home = request.home_community_id or ""
        copies.forget(connection, home, request.repository_unique_id, request.document_unique_id)
    copies.keep(connection, kept.new)
    kept.staged.clear()


def _stamp(now: datetime) -> str:
    return f"{now:%Y%m%d%H%M%S}"


def _written(stamp: str) -> str:
    return f"{datetime.strptime(f'{stamp}+0000', '%Y%m%d%H%M%S%z'):%Y-%m-%d %H:%M} UTC"
