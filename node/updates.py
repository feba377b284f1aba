"""What ITI-57 and ITI-92 share: the request, the result, its encoding and its audit."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from lxml import etree

from node.bindings import AuditFact, Tolerant
from node.consents.documents import follow_documents
from node.exchange import Exchange
from node.http.overriding import override
from node.notifications.noting import note
from node.records import DOCUMENT_HOME, submission_set_object
from node.update_policy import permits
from registry.document_registry import Updated
from registry.ebrim.messages import registry_response
from registry.ebrim.reader import read_submission
from registry.ebrim.tolerances import Tolerance, with_required
from registry.errors import RegistryError
from registry.lifecycle import identified
from registry.metadata.submission import Submission
from registry.store import correlations
from registry.updates import Transaction


@dataclass(frozen=True, slots=True)
class UpdateRequest(Tolerant):
    """A submission of updates, the structural faults that reading it found, and what was tolerated."""

    submission: Submission
    faults: tuple[RegistryError, ...] = ()
    tolerated: frozenset[Tolerance] = frozenset()

    @override
    def with_required(self, required: Collection[str]) -> UpdateRequest:
        """The same, of a sender of whom these deviations are taken too."""
        submission, found = with_required(self.submission, required)
        return replace(self, submission=submission, tolerated=self.tolerated | found)


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What was changed; None when another community did it."""

    updated: Updated | None
    errors: tuple[RegistryError, ...] = ()
    documents: tuple[()] = ()


def decode(body: etree._Element) -> UpdateRequest:
    """Read lcm:SubmitObjectsRequest."""
    submission, faults = read_submission(body)
    return UpdateRequest(submission, tuple(faults), frozenset(faults.tolerated))


def encode(result: UpdateResult) -> bytes:
    """Write rs:RegistryResponse."""
    return registry_response(result.errors)


def encode_errors(errors: Sequence[RegistryError]) -> bytes:
    """Write the Failure answer: nothing was changed."""
    return registry_response(errors)


def carry_out(
    request: UpdateRequest, transaction: Transaction, exchange: Exchange, connection: sqlite3.Connection
) -> UpdateResult:
    """Update the registry here, as far as policy lets who asks; consents follow the documents they were read from."""
    registry = exchange.actors.registry_on(connection)
    updated = registry.update(
        request.submission,
        request.faults,
        transaction=transaction,
        permits=permits(exchange, registry, transaction),
        now=exchange.now.strftime("%Y%m%d%H%M%S"),
        new_uuid=exchange.actors.new_uuid,
    )
    by = exchange.caller.user or exchange.caller.name
    for unique_id in {item.unique_id for item in updated.changed if item.kind == "document"}:
        follow_documents(connection, registry, unique_id, by=by, now=exchange.now)
    note(connection, updated, exchange)
    return UpdateResult(updated)


def update_facts(request: UpdateRequest, result: UpdateResult | None, exchange: Exchange) -> list[AuditFact]:
    """One record for each patient concerned: of the submission, and of what was changed where that was another's."""
    submission = request.submission
    sets = submission.submission_sets
    named: list[str | None] = [*patients_here(submission, exchange)]
    if result and result.updated:
        named += [item.patient for item in result.updated.changed]
    unique_id = next((item.unique_id for item in sets if item.unique_id), "")
    object_ = submission_set_object(unique_id or "")
    if home := home_of(submission) or exchange.caller.home:
        object_ = replace(object_, details=((DOCUMENT_HOME, home),))
    return [
        AuditFact(patient=patient, objects=(object_,), errors=result.errors if result else ())
        for patient in sorted({patient for patient in named if patient}) or [""]
    ]


def home_of(submission: Submission) -> str:
    """The community that an update is for; "" where it does not say."""
    return next(iter(homes_of(submission)), "")


def homes_of(submission: Submission) -> list[str]:
    """Every community that an update names, each once."""
    named = (item.home_community_id for item in identified(submission))
    return list(dict.fromkeys(home for home in named if home))


def patients_here(submission: Submission, exchange: Exchange) -> list[str]:
    """Whom an update is about (CX). One for another community names them as they are called there."""
    named = [item.patient_id for item in identified(submission) if item.patient_id]
    home = home_of(submission)
    if home in ("", exchange.actors.own.home):
        return named
    reader = exchange.actors.reader
    return [next(iter(correlations.of_theirs(reader, home, theirs)), theirs) for theirs in named]
