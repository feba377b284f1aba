"""One real node with documents of two people, to be asked through its pipeline by anybody."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace

from node import pipeline
from node.access import Access
from node.config import Config
from node.exchange import Exchange
from node.security_records import audit_log_used
from node.services import Services, open_services
from node.soap.message import parse
from node.transactions import ITI_18, ITI_38, ITI_39, ITI_43
from registry.ebrim.messages import adhoc_query_request
from registry.metadata.objects import Author, Code
from registry.store.patients import PatientDirectory
from repository.messages import DocumentRequest, retrieve_request
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
        self.numbers = iter(range(1, 1 << 30))

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

    def asked(self, row, body: bytes, caller: Caller, now: datetime) -> pipeline.Answer:
        async def run() -> pipeline.Answer:
            number = next(self.numbers)
            exchange = Exchange(
                actors=self.services.actors,
                caller=caller,
                message_id=uuid(number),
                endpoint="https://localhost/test",
                now=now,
                deadline=self.loop.time() + 60,
                incident=uuid(number),
                scope_local=True,
            )
            return await pipeline.run(row, SimpleNamespace(body=parse(body)), None, exchange)

        return self.loop.run_until_complete(run())


def bench(config: Config) -> Iterator[Bench]:
    """A node that holds `DOCUMENTS`; ANNA0 was merged into ANNA after its documents came."""
    loop = asyncio.new_event_loop()
    opened = open_services(config)
    made = Bench(loop, loop.run_until_complete(opened.__aenter__()))
    try:
        _fill(made)
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
        directory = PatientDirectory(connection)
        for patient in (ANNA, ANNA_BEFORE, BEN):
            directory.add(patient, "20260101000000")
        for number, one in enumerate(DOCUMENTS, 1):
            _register(made, connection, one, number)
            actors.repository.keep(connection, one.unique_id, "text/plain", contents[one.unique_id])
        directory.merge(ANNA, ANNA_BEFORE, "20260102000000")

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
