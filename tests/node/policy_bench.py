"""One real node with documents of two people, to be asked through its pipeline by anybody."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

from node import pipeline
from node.access import Access
from node.configuration.config import Config
from node.exchange import Exchange
from node.iti import iti41_provide_and_register_document_set as iti41
from node.iti import iti42_register_document_set as iti42
from node.making import Wanted, make
from node.operations import execute
from node.registrations import RegisterRequest
from node.security_records import audit_log_used
from node.services import Services, open_services
from node.soap.message import parse
from node.transactions import ITI_18, ITI_38, ITI_39, ITI_43
from registry.ebrim.messages import adhoc_query_request
from registry.metadata.objects import Association, Author, Code, DocumentEntry
from registry.patients.demographics import Identifier
from repository.messages import DocumentPart, DocumentRequest, retrieve_request
from tests.registry.registry_bench import (
    BOTH_STATUSES,
    author,
    code,
    entry,
    stored_query,
    submission,
    submission_set,
    uuid,
)
from trust.consent import store
from trust.consent.decision import Decision
from trust.consent.policy import CONFIDENTIALITY, Consent
from trust.identity.caller import Caller, Role

AUTHORITY = "2.999.1"
ANNA, ANNA_BEFORE, BEN = (f"{name}^^^&{AUTHORITY}&ISO" for name in ("ANNA", "ANNA0", "BEN"))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ACT_CODE = "2.16.840.1.113883.5.4"
BETA, GAMMA = "2.999.50", "2.999.60"


@dataclass(frozen=True)
class Made:
    """A document as it was submitted."""

    unique_id: str
    patient: str
    marks: tuple[tuple[str, str], ...]
    kind: str
    author: str  # XON, or empty

    @property
    def person(self) -> str:
        return BEN if self.patient == BEN else ANNA


def _marks(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((one, CONFIDENTIALITY if one in "ULMNRV" else ACT_CODE) for one in text.split())


def _xon(name: str, oid: str) -> str:
    return f"{name}^^^^^^^^^{oid}" if oid else name


_SPECIMENS = (
    ("N", "NOTE", ""), ("N", "LAB", _xon("Beta", BETA)), ("N PSY", "NOTE", _xon("Beta ward", f"{BETA}.7")),
    ("N HIV", "LAB", _xon("Gamma", GAMMA)), ("N PSY HIV", "NOTE", "Alpha"), ("R", "NOTE", _xon("Beta", BETA)),
    ("V", "LAB", ""), ("U", "NOTE", _xon("Elsewhere", "2.999.77")), ("N ODD", "NOTE", ""), ("R GDIS", "LAB", ""),
    ("N", "NOTE", _xon("Beta", BETA)), ("N", "NOTE", ""),  # labelled as the first one is
)  # fmt: skip
DOCUMENTS = tuple(
    Made(f"2.999.4.{place}.{number}", patient, _marks(marks), kind, xon)
    for place, patient in enumerate((ANNA, ANNA_BEFORE, BEN), 1)
    for number, (marks, kind, xon) in enumerate(_SPECIMENS, 1)
)


class Bench:
    """Services, with a loop of their own: hypothesis has no use for coroutines."""

    def __init__(self, loop: asyncio.AbstractEventLoop, services: Services) -> None:
        self.loop, self.services = loop, services
        self.numbers = iter(range(1 << 20, 1 << 30))

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        async def done() -> None:
            record = self.record()
            await self.services.sequencer.transact(lambda connection: (work(connection), [record]))

        self.loop.run_until_complete(done())

    def record(self):
        return audit_log_used(self.services.clock(), node="urn:oid:2.999.9", user="test", what="test")

    def consents(self, consents: list[Consent]) -> None:
        """These are all consents there are."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM consent")
            connection.execute("DELETE FROM emergency_access")
            for one in consents:
                store.add(connection, one)

        self.write(work)

    def explained(self, caller: Caller, person: str, now: datetime) -> dict[str, Decision]:
        """What a dry run says of each document of one person."""
        actors = self.services.actors
        view = Access(caller, actors.policy, actors.registry, actors.reader, now)
        return {one.unique_id: view.explain(one) for one in actors.registry.labels_of_patient(person)}

    def found(self, caller: Caller, person: str, now: datetime, *, returns: str = "LeafClass") -> set[str]:
        """uniqueIds in the answer to FindDocuments, through the pipeline."""
        query = stored_query(
            "FindDocuments", returns=returns, XDSDocumentEntryPatientId=person, XDSDocumentEntryStatus=BOTH_STATUSES
        )
        row = ITI_38 if caller.role is Role.PEER else ITI_18
        answer = self.asked(row, adhoc_query_request(query), caller, now).envelope.decode()
        return {one.unique_id for one in DOCUMENTS if f'value="{one.unique_id}"' in answer}

    def retrieved(self, caller: Caller, unique_ids: list[str], now: datetime) -> set[str]:
        """uniqueIds of the documents that leave, through the pipeline."""
        own = self.services.actors.own
        home = own.home if caller.role is Role.PEER else None
        requests = [
            DocumentRequest(
                home_community_id=home, repository_unique_id=own.repository_unique_id, document_unique_id=one
            )
            for one in unique_ids
        ]
        row = ITI_39 if caller.role is Role.PEER else ITI_43
        answer = self.asked(row, retrieve_request(requests), caller, now)
        return {one.request.document_unique_id for one in answer.documents}

    def submit(self, document: DocumentEntry, content: bytes | None, *also: Association) -> None:
        """Provide and register one document of the bench's own application; without content through ITI-42."""
        set_ = submission_set(
            uuid(next(self.numbers)), patient=document.patient_id or "", unique_id=f"2.999.5.{next(self.numbers)}"
        )
        request = RegisterRequest(
            submission=submission(document, set_=set_, also=also),
            documents=(DocumentPart(id=document.entry_uuid),) if content is not None else (),
        )
        exchange = self.exchange(Caller(role=Role.APPLICATION, name="ward", fingerprint="f", address=""), NOW)
        self.loop.run_until_complete(self._submitted(request, content, exchange))

    async def _submitted(self, request: RegisterRequest, content: bytes | None, exchange: Exchange) -> None:
        id_ = request.submission.documents[0].entry_uuid
        if content is None:
            handle, prepared = iti42.register_document_set, None
        else:
            handle = iti41.provide_and_register_document_set
            prepared = await iti41.stage(request, Incoming({id_: content}), exchange)
        await self.services.sequencer.transact(
            lambda connection: (handle(request, prepared, exchange, connection), [self.record()])
        )

    def order(self, command: str, **arguments: object) -> dict:
        """What an administrator orders."""
        return self.loop.run_until_complete(execute(self.services, command, arguments, "tester"))

    def exchange(self, caller: Caller, now: datetime) -> Exchange:
        number = next(self.numbers)
        return Exchange(
            actors=self.services.actors,
            caller=caller,
            message_id=uuid(number),
            endpoint="https://localhost/test",
            now=now,
            deadline=self.loop.time() + 60,
            incident=uuid(number),
            scope_local=True,
        )

    def asked(self, row, body: bytes, caller: Caller, now: datetime) -> pipeline.Answer:
        return self.loop.run_until_complete(self.ask(row, body, caller, now))

    async def ask(self, row, body: bytes, caller: Caller, now: datetime) -> pipeline.Answer:
        """One request through the pipeline."""
        return await pipeline.run(row, SimpleNamespace(body=parse(body)), None, self.exchange(caller, now))


class Incoming:
    """What `stage` reads documents from."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._contents = contents

    async def documents(self):
        for id_, content in self._contents.items():
            yield id_, _chunks(content)


async def _chunks(content: bytes):
    for place in range(0, len(content), 64):
        yield content[place : place + 64]


def config(root: Path) -> Config:
    """The configuration of a fresh development node called Alpha."""
    wanted = Wanted(
        root=root / "node", name="Alpha", host="localhost", port_base=8000, authority=AUTHORITY, home="",
        public_url="", ca=root / "ca", development=True,
    )  # fmt: skip
    return make(wanted, now=datetime.now(UTC), new_uuid=uuid4).config


def bench(config: Config) -> Iterator[Bench]:
    """A node that holds `DOCUMENTS`; ANNA0 was merged into ANNA after its documents came."""
    for made in reopened(config):
        _fill(made)
        yield made


def reopened(config: Config) -> Iterator[Bench]:
    """A node as it lies there."""
    loop = asyncio.new_event_loop()
    opened = open_services(config)
    made = Bench(loop, loop.run_until_complete(opened.__aenter__()))
    try:
        yield made
    finally:
        loop.run_until_complete(opened.__aexit__(None, None, None))
        loop.close()


def _fill(made: Bench) -> None:
    actors = made.services.actors

    async def staged(text: str):
        staging = actors.repository.begin()
        staging.write(text.encode())
        return await staging.finish()

    contents = {one.unique_id: made.loop.run_until_complete(staged(one.unique_id)) for one in DOCUMENTS}

    def work(connection: sqlite3.Connection) -> None:
        index = actors.index(connection)
        for patient in (ANNA, ANNA_BEFORE, BEN):
            index.store(Identifier.of(patient), None, "20260101000000")
        for number, one in enumerate(DOCUMENTS, 1):
            _register(made, connection, one, number)
            actors.repository.keep(connection, one.unique_id, "text/plain", contents[one.unique_id])
        index.merge(Identifier.of(ANNA), Identifier.of(ANNA_BEFORE), "20260102000000")

    made.write(work)


def _register(made: Bench, connection: sqlite3.Connection, one: Made, number: int) -> None:
    codes: tuple[Code, ...] = tuple(code(mark, scheme) for mark, scheme in one.marks)
    authors: tuple[Author, ...] = (replace(author(), institutions=(one.author,) if one.author else ()),)
    document = entry(
        uuid(number),
        patient=one.patient,
        unique_id=one.unique_id,
        confidentiality_codes=codes,
        class_codes=(code(one.kind),),
        authors=authors,
        repository_unique_id=(made.services.actors.own.repository_unique_id,),
    )
    made.services.actors.registry_on(connection).register(
        submission(
            document, set_=submission_set(uuid(1000 + number), patient=one.patient, unique_id=f"2.999.5.{number}")
        ),
        (),
        transaction="ITI-42",
        now="20260101000000",
        new_uuid=made.services.new_uuid,
    )
