"""ITI-42 Register Document Set-b: metadata of documents that another repository holds (ITI TF-2: 3.42)."""

from __future__ import annotations

import sqlite3

from lxml import etree

from node.consents.documents import take_consents
from node.exchange import Exchange
from node.notifications.noting import note
from node.registrations import RegisterRequest, RegisterResult, registration_facts
from registry.ebrim.reader import read_submission

facts = registration_facts


def decode(body: etree._Element) -> RegisterRequest:
    """Read lcm:SubmitObjectsRequest."""
    submission, faults = read_submission(body)
    return RegisterRequest(submission=submission, faults=tuple(faults), tolerated=frozenset(faults.tolerated))


async def nothing(_request: RegisterRequest, _incoming: object, _exchange: Exchange) -> None:
    """Nothing to wait for."""


def register_document_set(
    request: RegisterRequest, _prepared: None, exchange: Exchange, connection: sqlite3.Connection
) -> RegisterResult:
    """Register one submission, whole or not at all (ITI TF-2: 3.42.4.1.3)."""
    registered = exchange.actors.registry_on(connection).register(
        request.submission,
        request.faults,
        transaction="ITI-42",
        now=exchange.now.strftime("%Y%m%d%H%M%S"),
        new_uuid=exchange.actors.new_uuid,
    )
    take_consents(connection, request.submission, {}, exchange)
    note(connection, registered, exchange)
    exchange.actors.summaries.note(registered.patient_id)
    return RegisterResult(registered=registered, errors=tuple(registered.warnings))
