"""On-demand documents as they are asked for: made, kept as snapshots where configured (ITI TF-2: 3.43.4.2.3)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from uuid import UUID

from node import access
from node.retrievals import Outgoing, visible
from node.summary.content import Summary
from node.summary.gathering import Found, gather, read
from node.summary.snapshots import Snapshot, keep
from node.summary.writing import FORMS
from registry.errors import XdsErrors
from registry.metadata.objects import APPROVED
from registry.store.on_demand import OnDemandDocuments
from repository.messages import DocumentRequest
from trust.errors import LedgerBusy, StorageFailed

if TYPE_CHECKING:
    from node.exchange import Exchange
    from registry.document_registry import RegisteredDocument

log = logging.getLogger("node.summary")
Made = dict[DocumentRequest, Outgoing]
_NOTHING: Final[Made] = {}


async def make(requests: Sequence[DocumentRequest], exchange: Exchange) -> Made:
    """What this node makes of what is asked for; `retrievals.from_here` judges again whether it may leave."""
    actors = exchange.actors
    settings = actors.summaries
    ours = [one for one in requests if one.repository_unique_id == actors.own.repository_unique_id]
    if not settings.offered or not ours:
        return _NOTHING
    kinds = OnDemandDocuments(actors.reader)
    forms = {one: form for one in ours if (form := kinds.made(one.document_unique_id)[0]) in FORMS}
    if not forms:
        return _NOTHING
    view = access.of(exchange)
    registered = actors.registry.documents([one.document_unique_id for one in forms])
    made: Made = {}
    for request, form in forms.items():
        entries = registered.get(request.document_unique_id, [])
        entry = kinds.entry(entries) if visible(entries, view) else None
        if entry is not None and entry.status == APPROVED:
            summary, found = gather(entry, view, exchange, settings.documents)
            summary, content, unique_id = await asyncio.to_thread(_written, summary, found, exchange, form)
            made[request] = await _outgoing(request, entry, summary, found, content, unique_id, form, exchange)
    return made


def _written(summary: Summary, found: Sequence[Found], exchange: Exchange, form: str) -> tuple[Summary, bytes, str]:
    """The summary, its bytes and their id, which follows from them: the same bytes have the same id, others another."""
    summary = read(summary, found, exchange)
    digest = sha256(form.encode() + FORMS[form](summary, "")).digest()
    unique_id = f"2.25.{UUID(bytes=digest[:16]).int}"
    return summary, FORMS[form](summary, unique_id), unique_id


async def _outgoing(  # noqa: PLR0913, PLR0917  one document with all that is known of it
    request: DocumentRequest,
    entry: RegisteredDocument,
    summary: Summary,
    found: Sequence[Found],
    content: bytes,
    unique_id: str,
    form: str,
    exchange: Exchange,
) -> Outgoing:
    own = exchange.actors.own
    outgoing = Outgoing(
        request=request,
        content_id=f"{exchange.actors.new_uuid().removeprefix('urn:uuid:')}@{own.repository_unique_id}",
        mime_type=form,
        size=len(content),
        sha256=sha256(content).digest(),
        frames=iter((content,)),
        patient=entry.patient_id,
        new_document_unique_id=unique_id,
        sources=tuple(
            DocumentRequest(repository_unique_id=one.repository, document_unique_id=one.unique_id)
            for one in summary.sources
        ),
    )
    if not exchange.actors.summaries.snapshots or exchange.actors.refuse_writes():
        return outgoing
    snapshot = Snapshot(
        unique_id=unique_id,
        content=content,
        form=form,
        entry=entry,
        created=summary.as_of,
        sources=tuple(one.entry for one in found),
    )
    try:
        await keep(snapshot, exchange)
    except (
        LedgerBusy,
        StorageFailed,
        XdsErrors,
    ):  # nothing was kept, as where these codes are not taken any more: it still goes out, without a place of its own
        log.warning("a snapshot could not be kept", extra={"incident": exchange.incident})
        return outgoing
    return replace(outgoing, new_repository_unique_id=own.repository_unique_id)
