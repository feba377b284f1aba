"""How one transaction looks on the wire, and the row that declares it (architecture: one table of transactions)."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, Self, TypeVar

from lxml import etree

from node.exchange import Exchange
from registry.errors import RegistryError
from trust.audit.event import Action, AuditedObject, EventId
from trust.identity.caller import Role

Req = TypeVar("Req")
Prep = TypeVar("Prep")


class Packaging(StrEnum):
    """Simple SOAP or MTOM/XOP; the answer is packaged as the request was (ITI TF-2: V.8.1)."""

    SOAP = "soap"
    MTOM = "mtom"


class OutgoingDocument(Protocol):
    """One document of an answer: what the MTOM writer needs to stream it."""

    content_id: str
    mime_type: str
    sha256: bytes


class Result(Protocol):
    """What every handler returns: enough to audit it and to encode it."""

    @property
    def errors(self) -> Sequence[RegistryError]:
        """Errors and warnings of the answer."""

    @property
    def documents(self) -> Sequence[Any]:
        """Documents to stream after the envelope, in order."""


Res = TypeVar("Res")


class Tolerant(ABC):
    """A request in which more may be tolerated than SOAP: metadata, or a query."""

    __slots__ = ()  # no protocol: to look whether something fulfils one costs as much as to read a query

    @property
    @abstractmethod
    def tolerated(self) -> Collection[str]:
        """Names of the deviations that it was read in spite of."""

    @abstractmethod
    def with_required(self, required: Collection[str]) -> Self:
        """The request as it is meant by a sender of whom these deviations are taken too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFact:
    """One AuditMessage to write about a transaction: one per patient, and one more for what failed.

    `broken`: there is no usable answer, or a failure of our own: outcome 12 instead of 8. `action` and `event` stand in
    for those of the profile where one transaction has several; `details` belong to the patient.
    """

    patient: str = ""
    details: tuple[tuple[str, str], ...] = ()
    action: Action | None = None
    event: EventId | None = None
    objects: tuple[AuditedObject, ...] = ()
    errors: tuple[RegistryError, ...] = ()
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditProfile(Generic[Req]):
    """How a transaction is audited at the server's side (federation-wire 5.5).

    `caller_is_source` is False where documents flow to the caller (ITI-43, ITI-39): then this node is the source.
    `facts` gets None for the result when the transaction failed; `objects` must then come from the request.
    """

    event: EventId
    action: Action
    caller_is_source: bool
    facts: Callable[[Req, Any, Exchange], Sequence[AuditFact]]  # the result, or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One message of a transaction: its action, that of its answer, its body element as "{namespace}local".

    Without a `response_action` it is one-way: HTTP 202 and no envelope. `later_action` is the action of the answer when
    that is given later, where it is another one: the message is then always answered later (XCPD Deferred Response).
    """

    action: str
    response_action: str
    root: str
    later_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapBinding(Generic[Req, Res]):
    """Path, action URIs, body element, packaging and codec of one SOAP transaction.

    `also` are the further messages of a transaction that has several; `decode` tells them apart by their element.
    `refuse` writes the refusal of a transaction whose answers must repeat the request, from its body, instead of
    `encode_errors`. `headers` are finished SOAP headers of an answer. `answers` are what other communities send here as
    answers to questions of this node, on a connection of their own (ITI TF-2: V.3, asynchronous exchange).
    """

    path: str
    action: str
    response_action: str
    root: str  # "{namespace}local" of the request's body element
    packaging: Packaging
    decode: Callable[[etree._Element], Req]
    encode: Callable[[Res], bytes]
    encode_errors: Callable[[Sequence[RegistryError]], bytes]
    refuse: Callable[[etree._Element, Sequence[RegistryError], Exchange], bytes] | None = None
    headers: Callable[[Res], bytes] | None = None
    also: tuple[Operation, ...] = ()
    answers: tuple[Operation, ...] = ()

    def operation(self, action: str) -> Operation | None:
        """The message with this action, None where there is none."""
        if action == self.action:
            return Operation(action=action, response_action=self.response_action, root=self.root)
        return next((one for one in (*self.also, *self.answers) if one.action == action), None)

    def operations(self) -> tuple[Operation, ...]:
        """Every message of the transaction, the first one first."""
        return (Operation(action=self.action, response_action=self.response_action, root=self.root), *self.also)

    def response_to(self, action: str) -> str:
        """Action of the answer to a message; "" for one that gets none."""
        if action == self.action or not self.also:
            return self.response_action
        found = self.operation(action)
        return found.response_action if found else self.response_action


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction(Generic[Req, Prep, Res]):
    """One row of the table.

    `prepare` may wait for others (peers, document bytes) and never holds the writing connection; `handle` is
    synchronous, runs inside the unit of work when `writes`, on the reading connection otherwise.
    `error` is the code for a failure that has no code of its own. For the actions of
    `without_user` nobody has to stand behind a request: no assertion is asked for.
    """

    id: str
    name: str
    spec: str
    actors: tuple[str, str]
    binding: SoapBinding[Req, Res]
    roles: frozenset[Role]
    writes: bool
    prepare: Callable[[Req, Any, Exchange], Awaitable[Prep]]
    handle: Callable[[Req, Prep, Exchange, sqlite3.Connection], Res]
    audit: AuditProfile[Req]
    error: str = "XDSRegistryError"
    without_user: tuple[str, ...] = ()
