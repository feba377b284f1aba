"""A ledger in a folder, with real files, and events to put into it: what the tests of the ledger share."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from trust.audit.event import (
    Action,
    AuditedObject,
    AuditEvent,
    Coded,
    EventId,
    Kind,
    NewRecord,
    Outcome,
    Participant,
)
from trust.audit.source import AuditSource
from trust.errors import LedgerBroken
from trust.ledger.keys import LedgerKeys
from trust.ledger.sequencer import Ledger, Sequencer
from trust.ledger.tables import create_tables

NODE = "node-a.example"
TIME = "2026-11-23T10:02:17.000Z"
KEYS = LedgerKeys(bytes(range(32)), bytes(range(32, 64)))
SOURCE = AuditSource(enterprise_site_id="urn:oid:2.999.10", source_id=NODE)
QUERY = (
    b'<query:AdhocQueryRequest xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0">'
    b'<query:ResponseOption returnComposedObjects="true" returnType="LeafClass"/></query:AdhocQueryRequest>'
)
ITI_18 = Coded("ITI-18", "IHE Transactions", "Registry Stored Query")


def query_event(patient: str = "A-4711", **changes: object) -> AuditEvent:
    """The event of one stored query at the registry (federation-wire 5.6)."""
    cx = f"{patient}^^^&2.999.10.100&ISO"
    values: dict[str, object] = {
        "id": EventId.QUERY,
        "action": Action.EXECUTE,
        "outcome": Outcome.SUCCESS,
        "time": TIME,
        "type": ITI_18,
        "participants": (
            Participant(
                user_id="ward-7 (application)",
                requestor=True,
                role=Coded("110153", "DCM", "Source Role ID"),
                address="10.1.4.20",
                address_type="2",
            ),
            Participant(
                user_id="https://reg.alpha.example/registry",
                requestor=False,
                role=Coded("110152", "DCM", "Destination Role ID"),
            ),
        ),
        "objects": (
            AuditedObject(id=cx, type_code="1", role="1", id_type=Coded("2", "RFC-3881", "Patient Number")),
            AuditedObject(
                id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
                type_code="2",
                role="24",
                id_type=ITI_18,
                query=QUERY,
                details=(("QueryEncoding", "UTF-8"),),
            ),
        ),
        "patient": cx,
        "incident": "3f2a",
    }
    return AuditEvent(**(values | changes))  # type: ignore[arg-type]


def local(patient: str = "A-4711", **changes: object) -> NewRecord:
    """A record of a local query about one patient."""
    return NewRecord(
        kind=Kind.LOCAL, time=TIME, event=query_event(patient, **changes), subject=f"2.999.10.100|{patient}"
    )


def open_writer(path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=factory)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "busy_timeout=2000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@dataclass
class Place:
    """The folder of one ledger."""

    root: Path
    node: str = NODE
    fatal: list[LedgerBroken] = field(default_factory=list)
    time: str = TIME

    @property
    def database(self) -> Path:
        return self.root / "node.db"

    @property
    def audit(self) -> Path:
        return self.root / "audit"

    def shard(self, year: int = 2026) -> Path:
        return self.audit / str(year)

    @property
    def head(self) -> Path:
        return self.root / "head.db"

    def ledger(self) -> Ledger:
        return Ledger(
            node=self.node, database=self.database, head=self.head, folder=self.audit, keys=KEYS, source=SOURCE
        )

    def connect(self, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
        new = not self.database.exists()
        connection = open_writer(self.database, factory)
        if new:
            create_tables(connection)
            connection.execute("CREATE TABLE thing (name TEXT PRIMARY KEY, value TEXT)")
        return connection

    def sequencer(self, connection: sqlite3.Connection) -> Sequencer:
        return Sequencer(connection, self.ledger(), now=lambda: self.time, on_fatal=self.fatal.append)

    @asynccontextmanager
    async def running(self, factory: type[sqlite3.Connection] = sqlite3.Connection):
        connection = self.connect(factory)
        sequencer = self.sequencer(connection)
        try:
            await sequencer.start()
            try:
                yield sequencer
            finally:
                await sequencer.stop()
        finally:
            connection.close()
