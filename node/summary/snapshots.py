"""A summary as it was made, kept: a stable document that is a snapshot of the on-demand one (ITI TF-3: 4.2.2.2.6).

Its confidentiality is the highest of what it was made of, with all their other codes. It is given only to who may see
each of these documents at that time (`retrievals`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from node.bindings import AuditFact, AuditProfile
from node.exchange import Exchange
from node.records import of_answer, submission_set_object
from node.summary.entries import document_entry, member, relation, submission_of, submission_set
from registry.metadata.objects import IS_SNAPSHOT_OF
from registry.store.on_demand import OnDemandDocuments
from trust.audit.event import Action, EventId, NewRecord
from trust.consent.policy import CONFIDENTIALITY, LEVELS, Pair
from trust.identity.caller import Caller, Role

if TYPE_CHECKING:
    from node.exchange import Actors
    from registry.document_registry import RegisteredDocument
    from repository.store.staging import Staged


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One summary to keep; `entry` is the on-demand one, `sources` what it was made of."""

    unique_id: str
    content: bytes
    form: str
    entry: RegisteredDocument
    created: str
    sources: tuple[RegisteredDocument, ...]


class _KeptAlready(Exception):  # noqa: N818
    """The same summary was given to somebody else at the same time."""


async def keep(snapshot: Snapshot, exchange: Exchange) -> None:
    """Register and store it, before the answer leaves; one with the same bytes is kept already.

    Raises:
        LedgerBusy, StorageFailed: nothing was kept.
    """
    actors = exchange.actors
    if actors.repository.locate(snapshot.unique_id) is not None:
        return
    staging = actors.repository.begin()
    try:
        staging.write(snapshot.content)
        staged = await staging.finish()
    finally:
        staging.discard()  # does nothing once it is finished
    with suppress(_KeptAlready):
        await actors.sequencer.transact(lambda connection: (None, _register(snapshot, staged, exchange, connection)))


def _register(
    snapshot: Snapshot, staged: Staged, exchange: Exchange, connection: sqlite3.Connection
) -> Sequence[NewRecord]:
    actors, summaries, now = exchange.actors, exchange.actors.summaries, exchange.now.strftime("%Y%m%d%H%M%S")
    if actors.registry_on(connection).documents([snapshot.unique_id]):
        raise _KeptAlready
    patient = snapshot.entry.patient_id
    document = document_entry(
        summaries,
        actors,
        patient=patient,
        unique_id=snapshot.unique_id,
        form=snapshot.form,
        confidentiality=marks([one.confidentiality for one in (snapshot.entry, *snapshot.sources)]),
    )
    document = replace(
        document, creation_time=(snapshot.created or now,), hash=(staged.sha1,), size=(str(staged.size),)
    )
    set_ = submission_set(summaries, actors, patient=patient, now=now)
    registered = actors.registry_on(connection).register(
        submission_of(
            set_,
            [document],
            [
                member(set_, document),
                relation(IS_SNAPSHOT_OF, document.entry_uuid, snapshot.entry.entry_uuid),
            ],
        ),
        (),
        transaction="ITI-42",
        now=now,
        new_uuid=actors.new_uuid,
    )
    actors.repository.keep(connection, snapshot.unique_id, snapshot.form, staged)
    OnDemandDocuments(connection).keep_sources(snapshot.unique_id, [one.unique_id for one in snapshot.sources])
    return registration_records(
        exchange, "ITI-42", "Register Document Set-b", patient, registered.submission_set_unique_id
    )


def by_itself(actors: Actors) -> Exchange:
    """The exchange of what this node does to its own summaries, with itself."""
    return Exchange(
        actors=actors,
        caller=Caller(role=Role.APPLICATION, name=actors.own.name, fingerprint="", address=""),
        message_id=actors.new_uuid(),
        endpoint=actors.summaries.endpoint,
        now=actors.clock(),
        deadline=0.0,
        incident=actors.new_uuid(),
    )


def registration_records(
    exchange: Exchange, transaction: str, name: str, patient: str, submission_set_unique_id: str
) -> list[NewRecord]:
    """The record of what this node registers with itself."""
    fact = AuditFact(patient=patient, objects=(submission_set_object(submission_set_unique_id),))
    profile: AuditProfile[object] = AuditProfile(
        event=EventId.IMPORT, action=Action.CREATE, caller_is_source=True, facts=lambda *_: [fact]
    )
    return of_answer(exchange, transaction, name, profile, [fact], payload=b"")


def marks(of_each: Sequence[Sequence[Pair]]) -> list[Pair]:
    """The confidentiality of what is made of several documents: the highest level, and every other code."""
    found = dict.fromkeys(pair for pairs in of_each for pair in pairs)
    levels = [one for one in found if one[1] == CONFIDENTIALITY and one[0] in LEVELS]
    highest = max(levels, key=lambda one: LEVELS[one[0]], default=None)
    return [one for one in found if one not in levels or one == highest]
