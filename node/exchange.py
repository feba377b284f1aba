"""What one request carries through the node: who asks, until when, and the actors it may use."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from trust.audit.event import NewRecord
from trust.identity.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from node.access import Access, Policy
    from node.discovery.discovery import Discovery
    from node.documents.damages import Damages
    from node.federation.copies import Copies
    from node.federation.gateway import Gateway
    from node.membership.membership import Membership
    from node.metrics import Metrics
    from node.patients.continuations import Continuations
    from node.receipts import Receipts
    from node.soap.leniencies import Leniency
    from node.summary.offering import Summaries
    from node.witness.server import Witness
    from registry.document_registry import DocumentRegistry
    from registry.store.master_index import MasterIndex
    from repository.document_repository import DocumentRepository
    from trust.ledger.sequencer import Sequencer
    from trust.search.index import AuditIndex


@dataclass(slots=True, kw_only=True)
class Community:
    """This node's own community, as every answer and record names it."""

    home: str  # urn:oid:…
    name: str
    repository_unique_id: str
    assigning_authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerReceipt:
    """What became of the receipt that belongs to a message of another community.

    `proof` is the receipt when it is good; else `flaw` and `cause` say why not. All are empty for a community that
    gives no receipts. `required`: nothing passes without a good one.
    """

    proof: bytes = b""
    flaw: str = ""
    cause: str = ""
    required: bool = False

    @property
    def refused(self) -> bool:
        """Whether the exchange must not go on."""
        return self.required and not self.proof

    def note(self) -> dict[str, str]:
        """What the record says about it."""
        return {"receipt": f"{self.flaw}: {self.cause}"} if self.flaw else {}


NO_RECEIPT: Final = PeerReceipt()


@dataclass(slots=True, kw_only=True)
class Actors:
    """What handlers may call. `reader` is the read-only connection of the event loop."""

    own: Community
    reader: sqlite3.Connection
    registry: DocumentRegistry
    registry_on: Callable[[sqlite3.Connection], DocumentRegistry]
    index: Callable[[sqlite3.Connection], MasterIndex]  # of patients
    repository: DocumentRepository
    gateway: Gateway
    discovery: Discovery
    receipts: Receipts
    sequencer: Sequencer
    clock: Callable[[], datetime]
    new_uuid: Callable[[], str]
    refuse_writes: Callable[[], bool]
    alarm: Callable[[str], None]
    policy: Policy
    damages: Damages
    metrics: Metrics
    continuations: Continuations
    summaries: Summaries
    copies: Copies
    most_subscriptions: int  # of one community
    standing: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)  # assertions of who has just subscribed
    recipient_faults: Callable[[str], list[str]] = lambda _url: []  # of an address that notifications shall go to
    barred: Callable[[str], str] = lambda _home: (
        ""
    )  # why nothing is exchanged with a community, "" where nothing speaks against it


@dataclass(slots=True, kw_only=True)
class Desk:
    """What handlers of plain HTTP resources may use.

    `audit` is the folder of tiles, a folder for each shard; `ledger` the database, `index` that of its records.
    """

    actors: Actors
    audit: Path
    witness: Witness
    membership: Membership
    ledger: Path
    index: AuditIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Latitude:
    """What is tolerated of one partner otherwise than of others, by name: not at all (or `all`), or at all."""

    refused: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


AS_USUAL: Final = Latitude()


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request on its way through the pipeline.

    `deadline` is on the event loop's monotonic clock. `records` collects what `prepare` learned about other
    communities: it is committed together with the record of the answer.
    """

    actors: Actors
    caller: Caller
    message_id: str
    endpoint: str
    now: datetime
    deadline: float
    incident: str
    payload: bytes = b""  # digest of the request, for exchanges with peers
    receipt: PeerReceipt = NO_RECEIPT
    scope_local: bool = False
    action: str = ""  # of the request
    query: str = ""  # of its URL
    access: Access | None = None  # who asks, before the documents that a handler has looked at
    assertion: bytes = b""  # of the user, as it came: it goes to the communities that are asked, unchanged
    patient: str = ""  # the one patient that the assertion is for (CX), "" for any
    consents: tuple[str, ...] = ()  # consent documents and policies that it names
    reply_to: str = ""  # where the answer goes, when not back on the connection of its request
    reply_action: str = ""  # and under which action
    leniencies: set[Leniency] = field(default_factory=set)  # of its message; more may be found while parts are read
    latitude: Latitude = AS_USUAL  # what is tolerated of whoever asks
    keep: Callable[[sqlite3.Connection, bytes, Sequence[Any]], None] | None = (
        None  # envelope, documents: with the record
    )
    records: list[NewRecord] = field(default_factory=list)
