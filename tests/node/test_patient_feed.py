"""ITI-8, ITI-30 and ITI-64 against a real database and ledger: AA means durable and on record; refusals change nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from node.making import Wanted, make
from node.mllp import END, START, MllpListener
from node.patients.feed import LINKED, FeedContext, PatientFeed
from node.patients.index import index_of
from node.security_records import activity
from node.services import Services, open_services
from registry.metadata.objects import APND, APPROVED, Association, DocumentEntry
from registry.patients.demographics import BirthDate, Demographics, Identifier, Name
from registry.store.patients import PatientDirectory
from tests.registry.registry_bench import entry, relation, stored_query, submission, submission_set
from trust.audit.event import Action, EventId, NewRecord
from trust.consent import store
from trust.consent.policy import Capacity, Consent, Status

AUTHORITY = "2.999.10.100"
LAB = "2.999.10.200"


def cx(number: str) -> str:
    return f"{number}^^^&{AUTHORITY}&ISO"


def adt(event: str, pid: str, mrg: str = "", *, control: str = "M1", version: str = "2.3.1") -> bytes:
    lines = [
        f"MSH|^~\\&|ADT|ALPHA|PIX|BETA|20260301101500||ADT^{event}|{control}|P|{version}",
        f"PID|||{pid}||CANARY^NORA",
        *([f"MRG|{mrg}"] if mrg else []),
    ]
    return "".join(line + "\r" for line in lines).encode()


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    wanted = Wanted(
        root=tmp_path / "n", name="Klinik", host="localhost", port_base=8000, authority=AUTHORITY, home="", public_url="", ca=None, development=True
    )  # fmt: skip
    config = make(wanted, now=datetime.now(UTC), new_uuid=uuid4).config
    config = replace(config, matching=replace(config.matching, authorities=(LAB,)))
    async with open_services(config) as opened:
        yield opened


@pytest.fixture
def feed(services: Services) -> PatientFeed:
    return PatientFeed(FeedContext.of(services))


async def send(feed: PatientFeed, message: bytes) -> tuple[str, str]:
    """MSA-1 and MSA-3 of the answer."""
    answer = (await feed.handle(message, "127.0.0.1")).decode()
    msa = next(segment for segment in answer.split("\r") if segment.startswith("MSA|")).split("|")
    return msa[1], msa[3] if len(msa) > 3 else ""


def records(services: Services) -> list[dict]:
    rows = services.reader.execute("SELECT body FROM audit_record WHERE kind = 5 ORDER BY seq")
    return [json.loads(row[0])["event"] for row in rows]


def summary(services: Services) -> list[tuple[str, str, str, int]]:
    """(transaction, action, patient, outcome) of every record about patients."""
    return [
        (event["type"][0], event["action"], event["objects"][0]["id"] if event["objects"] else "", event["outcome"])
        for event in records(services)
    ]


async def test_add_is_durable_on_record_and_idempotent(services: Services, feed: PatientFeed) -> None:
    assert await send(feed, adt("A04", cx("1"))) == ("AA", "")
    assert await send(feed, adt("A01", cx("1"), control="M2")) == ("AA", "")
    assert PatientDirectory(services.reader).known(cx("1"))
    assert summary(services) == [("ITI-8", "C", cx("1"), 0)] * 2
    participants = records(services)[0]["participants"]
    assert participants[0]["user"] == "ALPHA|ADT"
    assert records(services)[0]["objects"][0]["details"] == [["MSH-10", "M1"]]


async def test_the_record_names_whose_certificate_it_was_beside_what_the_message_claims(
    services: Services, feed: PatientFeed
) -> None:
    name = "ward (application), certificate 12ab"
    for message in (adt("A04", cx("1")), adt("A40", cx("1"), cx("1"), control="M2"), b"MSH|nothing"):
        await feed.handle(message, "127.0.0.1", name)
    sources = [event["participants"][0] for event in records(services)]
    assert [(one["user"], one["name"]) for one in sources] == [("ALPHA|ADT", name), ("ALPHA|ADT", name), ("|", name)]


async def test_merge_deletes_one_and_updates_the_other(services: Services, feed: PatientFeed) -> None:
    for number in ("1", "2"):
        await send(feed, adt("A28^ADT_A05", cx(number), control=f"A{number}", version="2.5"))
    assert await send(feed, adt("A40", cx("1"), cx("2"), version="2.5")) == ("AA", "")
    assert PatientDirectory(services.reader).resolve(cx("2")) == cx("1")
    assert summary(services)[2:] == [("ITI-30", "D", cx("2"), 0), ("ITI-30", "U", cx("1"), 0)]


async def test_a_message_that_is_sent_again_gets_the_same_answer(services: Services, feed: PatientFeed) -> None:
    for number in ("1", "2"):
        await send(feed, adt("A04", cx(number)))
    message = adt("A40", cx("1"), cx("2"), control="M9")
    first = await feed.handle(message, "127.0.0.1")
    assert await feed.handle(message, "127.0.0.1") == first
    assert len(records(services)) == 4


@pytest.mark.parametrize(
    ("survivor", "subsumed"),
    [
        pytest.param("1", "1", id="both the same"),
        pytest.param("1", "404", id="subsumed one unknown"),
        pytest.param("404", "1", id="surviving one unknown"),
        pytest.param("3", "2", id="already subsumed"),
        pytest.param("2", "3", id="surviving one was subsumed"),
    ],
)
async def test_a_merge_that_is_refused_changes_nothing(
    services: Services, feed: PatientFeed, survivor: str, subsumed: str
) -> None:
    for number in ("1", "2", "3"):
        await send(feed, adt("A04", cx(number)))
    await send(feed, adt("A40", cx("1"), cx("2"), control="M0"))
    before = services.reader.execute("SELECT * FROM patient").fetchall()
    code, text = await send(feed, adt("A40", cx(survivor), cx(subsumed), control="M1"))
    assert code == "AE"
    assert "^" not in text
    assert services.reader.execute("SELECT * FROM patient").fetchall() == before
    assert summary(services)[-1] == ("ITI-8", "C", "", 8)


async def test_other_identifiers_are_ignored_and_said(services: Services, feed: PatientFeed) -> None:
    code, text = await send(feed, adt("A04", "77^^^LOCAL&2.999.5&ISO"))
    assert (code, text) == ("AA", f"no identifier of {AUTHORITY}; nothing was stored")
    assert services.reader.execute("SELECT count(*) FROM patient").fetchone() == (0,)


async def test_a_revision_is_recorded_and_changes_nothing(services: Services, feed: PatientFeed) -> None:
    code, text = await send(feed, adt("A08", cx("1")))
    assert (code, text.partition(";")[0]) == ("AA", "the patient is not known here")
    assert not PatientDirectory(services.reader).known(cx("1"))
    assert summary(services) == [("ITI-8", "U", cx("1"), 0)]


async def test_a_message_that_cannot_be_stored_is_refused_for_now(
    services: Services, feed: PatientFeed, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: object) -> object:
        raise RuntimeError("CANARY")

    feed._context.sequencer.transact = gone  # type: ignore[method-assign]
    code, text = await send(feed, adt("A04", cx("1")))
    assert code == "AR"
    assert "incident" in text
    assert "CANARY" not in text
    assert [record.incident for record in caplog.records if hasattr(record, "incident")]


async def test_i23_demographics_are_nowhere(
    services: Services, feed: PatientFeed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for message in (adt("A04", cx("1")), adt("A04", f"{cx('1')}~{cx('2')}"), adt("A99", cx("1")), b"MSH|CANARY"):
        assert b"CANARY" not in await feed.handle(message, "127.0.0.1")
    assert "CANARY" not in caplog.text
    bodies = b"".join(row[0] for row in services.reader.execute("SELECT body FROM audit_record"))
    assert b"CANARY" not in bodies


async def test_over_mllp(services: Services, feed: PatientFeed) -> None:
    import asyncio

    listener = MllpListener(feed.handle)
    ((_, port),) = await listener.start("127.0.0.1", 0, None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(5):
        writer.write(START + adt("A04", cx(str(number)), control=f"M{number}") + END)
    for number in range(5):
        answer = await reader.readuntil(END)
        assert f"MSA|AA|M{number}".encode() in answer
    writer.close()
    await listener.stop()
    assert services.reader.execute("SELECT count(*) FROM patient").fetchone() == (5,)


NORA = "||Halvorsen^Nora^^^^^L||19720415|F|||7 Quay Road^^Norwick^^90210||555-0100777"


def described(services: Services, identifier: str) -> Demographics:
    record = index_of(services.config, services.reader).show(Identifier.of(identifier))
    return record.person


async def test_demographics_are_kept_and_revised(services: Services, feed: PatientFeed) -> None:
    await send(feed, adt("A04", cx("1") + NORA))
    assert described(services, cx("1")).names == (Name(family="Halvorsen", given=("Nora",), use="L"),)
    await send(feed, adt("A08", cx("1") + '||Berg^Nora|||""', control="M2"))
    after = described(services, cx("1"))
    assert (after.names[0].family, after.sex, after.birth_date) == ("Berg", "", BirthDate(value="19720415"))


async def test_a_patient_of_another_source_is_indexed_and_linked_but_no_patient_of_documents(
    services: Services, feed: PatientFeed
) -> None:
    lab = f"L9^^^&{LAB}&ISO"
    await send(feed, adt("A04", cx("1") + NORA))
    assert await send(feed, adt("A04", lab + NORA, control="M2")) == ("AA", "")
    assert not PatientDirectory(services.reader).known(lab)
    index = index_of(services.config, services.reader)
    assert [record.identifier.cx for record in index.records(Identifier.of(lab))] == [cx("1"), lab]
    assert summary(services)[1:] == [("ITI-8", "C", lab, 0), ("patient-link", "U", cx("1"), 0)]


async def test_link_and_unlink(services: Services, feed: PatientFeed) -> None:
    lab = f"L9^^^&{LAB}&ISO"
    index = index_of(services.config, services.reader)
    for number, identifier in enumerate((cx("1"), lab)):
        await send(feed, adt("A28", identifier, control=f"A{number}", version="2.5"))
    for control, (event, together) in enumerate((("A24", 2), ("A37", 1), ("A24", 2))):
        message = adt(event, cx("1"), control=f"M{control}", version="2.5")
        assert (await send(feed, message + f"PID|||{lab}\r".encode()))[0] == "AA"
        assert len(index.records(Identifier.of(lab))) == together
    assert summary(services)[2:4] == [("ITI-30", "U", cx("1"), 0), ("ITI-30", "U", lab, 0)]


async def test_a_link_with_somebody_unknown_is_refused(services: Services, feed: PatientFeed) -> None:
    await send(feed, adt("A28", cx("1"), version="2.5"))
    message = adt("A24", cx("1"), control="M2", version="2.5")
    assert (await send(feed, message))[0] == "AR"
    assert (await send(feed, message + f"PID|||{cx('404')}\r".encode()))[0] == "AE"


async def test_a_merge_of_another_source(services: Services, feed: PatientFeed) -> None:
    one, other = f"L1^^^&{LAB}&ISO", f"L2^^^&{LAB}&ISO"
    for number, identifier in enumerate((one, other)):
        await send(feed, adt("A04", identifier, control=f"A{number}"))
    assert (await send(feed, adt("A40", one, other)))[0] == "AA"
    index = index_of(services.config, services.reader)
    assert [record.identifier.cx for record in index.records(Identifier.of(other))] == [one, other]
    assert (await send(feed, adt("A40", one, cx("1"), control="M3")))[0] == "AE"


LOCAL = "L-77^^^&2.999.5.1&ISO"


async def registered(services: Services, *documents: DocumentEntry, also: tuple[Association, ...] = ()) -> None:
    """Documents of patient 1, as if an application had sent them."""

    def work(connection: sqlite3.Connection) -> tuple[None, list[NewRecord]]:
        services.actors.registry_on(connection).register(
            submission(*documents, set_=submission_set(patient=cx("1")), also=also),
            (),
            transaction="ITI-42",
            now="20260301120000",
            new_uuid=services.new_uuid,
        )
        return None, [noted(services)]

    await services.sequencer.transact(work)


def noted(services: Services) -> NewRecord:
    """Some record: nothing is written without one."""
    return activity(
        services.clock(), node="n", user="u", type_=LINKED, event_id=EventId.APPLICATION_ACTIVITY, action=Action.EXECUTE, what="w"
    )  # fmt: skip


def documents_of(services: Services, patient: str) -> list[str]:
    asked = stored_query("FindDocuments", XDSDocumentEntryPatientId=patient, XDSDocumentEntryStatus=(APPROVED,))
    return sorted(item.unique_id for item in services.actors.registry.find(asked).objects)


async def test_a_link_change_moves_documents_and_is_on_record_for_both(services: Services, feed: PatientFeed) -> None:
    for number in ("1", "2"):
        await send(feed, adt("A04", cx(number), control=f"A{number}"))
    first, second = (
        entry(f"Document0{number}", patient=cx("1"), unique_id=f"2.999.{number}", source_patient_id=(source,))
        for number, source in ((1, LOCAL), (2, LOCAL.replace("77", "78")))
    )
    await registered(services, first, second, also=(relation(APND, "Document02", "Document01"),))
    message = adt("A43^ADT_A43", f"{cx('2')}~{LOCAL}", cx("1"), version="2.5")
    code, text = await send(feed, message)
    assert (code, text.partition(":")[0]) == (
        "AA",
        "1 relations would join two patients and stay with the versions before",
    )
    assert (documents_of(services, cx("1")), documents_of(services, cx("2"))) == (["2.999.2"], ["2.999.1"])
    assert summary(services)[2:] == [("ITI-64", "U", cx("2"), 0)] * 2
    bodies = [json.loads(row[0]) for row in services.reader.execute("SELECT body FROM audit_record WHERE kind = 5")][2:]
    assert [body["event"]["patient"] for body in bodies] == [cx("2"), cx("1")]
    assert bodies[0]["event"]["note"]["documents"] == "1"
    assert len(bodies[0]["event"]["note"]["lost"].split()) == 1
    named = [(one["id"], one.get("life_cycle", ""), dict(one["details"])) for one in bodies[0]["event"]["objects"][:3]]
    kind = "urn:ihe:iti:xpid:2017:patientIdentifierType"
    assert named == [
        (cx("2"), "1", {"MSH-10": "M1", kind: "newPatientId"}),
        (cx("1"), "14", {"MSH-10": "M1", kind: "previousPatientId"}),
        (LOCAL, "", {"MSH-10": "M1", kind: "localPatientId"}),
    ]
    before = documents_of(services, cx("2"))
    assert (await send(feed, message))[0] == "AA", "sent again, it gets the same answer and changes nothing"
    assert documents_of(services, cx("2")) == before
    assert len(summary(services)) == 4


async def test_a_link_change_that_moves_nothing_says_so(services: Services, feed: PatientFeed) -> None:
    for number in ("1", "2"):
        await send(feed, adt("A04", cx(number), control=f"A{number}"))
    assert await send(feed, adt("A43^ADT_A43", f"{cx('2')}~{LOCAL}", cx("1"), version="2.5")) == (
        "AA",
        "no approved document has this local id; nothing was moved",
    )
    refused = await send(feed, adt("A43^ADT_A43", f"{cx('404')}~{LOCAL}", cx("1"), control="M2", version="2.5"))
    assert refused == ("AE", "the surviving identifier is not known")


async def test_a_consent_follows_its_document(services: Services, feed: PatientFeed) -> None:
    for number in ("1", "2"):
        await send(feed, adt("A04", cx(number), control=f"A{number}"))
    await registered(services, entry(patient=cx("1"), unique_id="2.999.1"))
    kept = Consent(
        id="c1", version=1, patient=cx("1"), status=Status.ACTIVE, start=services.clock(), end=None, recorded=services.clock(),
        recorded_by="x", capacity=Capacity.PATIENT, provisions=(), source="bppc", document="2.999.1", policy="2.999.7", why="",
    )  # fmt: skip
    await services.sequencer.transact(lambda connection: (store.add(connection, kept), [noted(services)]))
    await send(feed, adt("A43^ADT_A43", f"{cx('2')}~{LOCAL}", cx("1"), version="2.5"))
    before, after = (store.of_patient(services.reader, [cx(number)]) for number in ("1", "2"))
    assert [(one.status, one.document) for one in before] == [(Status.SUPERSEDED, "2.999.1")]
    assert [(one.status, one.document) for one in after] == [(Status.ACTIVE, "2.999.1")]
