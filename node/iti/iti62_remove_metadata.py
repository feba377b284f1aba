"""ITI-62 Remove Metadata: registered objects go for good, with what depends on them or not at all (RMD, 3.62).

The audit record says of each object what it was: it is all that is left of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from node import access
from node.bindings import AuditFact
from node.consents.documents import follow_documents
from node.exchange import Exchange
from node.records import removed_object
from registry.document_registry import RemovedObject
from registry.ebrim.messages import registry_response
from registry.ebrim.reader import RemoveObjects, read_remove_objects
from registry.errors import ErrorCode, RegistryError, UnresolvedReference, XdsErrors


@dataclass(frozen=True, slots=True)
class RemoveResult:
    """What there was."""

    objects: tuple[RemovedObject, ...]
    errors: tuple[RegistryError, ...] = ()
    documents: tuple[()] = ()


def decode(body: etree._Element) -> RemoveObjects:
    """Read lcm:RemoveObjectsRequest."""
    return read_remove_objects(body)


def encode(_result: RemoveResult) -> bytes:
    """Write rs:RegistryResponse."""
    return registry_response()


def encode_errors(errors: Sequence[RegistryError]) -> bytes:
    """Write the Failure answer: nothing was removed."""
    return registry_response(errors)


async def nothing(_request: RemoveObjects, _incoming: object, _exchange: Exchange) -> None:
    """Nothing to wait for."""


def remove_metadata(
    request: RemoveObjects, _prepared: None, exchange: Exchange, connection: sqlite3.Connection
) -> RemoveResult:
    """Remove these objects, all or none. Whoever asks for something else as well gets nothing removed by mistake.

    Raises:
        XdsErrors: nothing is named, or something speaks against it (`registry.store.removal`).
    """
    if request.beside:
        text = f"ITI-62 removes the objects that are named, and has no {' and no '.join(request.beside)}"
        raise XdsErrors([RegistryError(ErrorCode.REGISTRY_ERROR, text)])
    if not request.entry_uuids:
        raise UnresolvedReference("the request names no object")
    registry = exchange.actors.registry_on(connection)
    objects = registry.remove(request.entry_uuids)
    _refuse_what_may_not_be_seen(objects, exchange)
    by = exchange.caller.user or exchange.caller.name
    for unique_id in {item.unique_id for item in objects if item.kind == "document"}:
        follow_documents(connection, registry, unique_id, by=by, now=exchange.now)
    return RemoveResult(objects)


def _refuse_what_may_not_be_seen(objects: tuple[RemovedObject, ...], exchange: Exchange) -> None:
    """A document that who asks may not see is as if it were not registered; the transaction is undone."""
    view, registry = access.of(exchange), exchange.actors.registry
    documents = {item.key: item for item in objects if item.kind == "document"}
    entries = registry.documents([item.unique_id for item in documents.values()])
    hidden = [
        entry for found in entries.values() for entry in found if entry.id in documents and not view.may_see([entry])
    ]
    if hidden:
        raise XdsErrors(
            RegistryError(
                ErrorCode.UNRESOLVED_REFERENCE, f"{one.entry_uuid} names nothing that is registered", one.entry_uuid
            )
            for one in hidden
        )


def audited(request: RemoveObjects, result: RemoveResult | None, _exchange: Exchange) -> list[AuditFact]:
    """One record for each patient whose objects went; one for a request that was refused."""
    if result is None:
        return [AuditFact(objects=tuple(removed_object(one or "none", ()) for one in request.entry_uuids))]
    return [
        AuditFact(
            patient=patient,
            objects=tuple(
                removed_object(one.entry_uuid, one.facts) for one in result.objects if one.patient == patient
            ),
        )
        for patient in dict.fromkeys(one.patient for one in result.objects)
    ]
