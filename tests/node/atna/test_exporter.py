"""Delivery to an Audit Record Repository: complete, in order, whatever the other side does, and only to the right one."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509

from node.atna import batches, cursor, exporter, line
from node.atna.exporter import Exporter, Surroundings
from node.configuration.settings import AuditRepository
from node.metrics import Metrics
from tests.node.atna.receiver import Receiver, frames, server_context
from tests.trust.ledger.ledgers import NODE, TIME, Place, local
from tests.trust.pki.making import CLIENT, NOW, House, Issued, authority, crooked, house, node_certificate
from trust.ledger.checkpoint import parse_note
from trust.ledger.sequencer import Sequencer

PATIENCE = 20.0


@dataclass
class Hospital:
    """A ledger, the node's TLS, and the exporters that are started on it."""

    place: Place
    house: House
    sequencer: Sequencer
    alarms: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    async def happen(self, count: int) -> None:
        """So many events, each in a commit with some others."""
        for first in range(0, count, 50):
            await self.sequencer.record([local(f"P{k}") for k in range(first, min(count, first + 50))])

    @contextmanager
    def exporting(self, port: int, **changes: object) -> Iterator[Exporter]:
        values = {"name": "arr", "host": "localhost", "port": port, "enterprise_number": 32473} | changes
        one = Exporter(
            AuditRepository(**values),
            Surroundings(
                database=self.place.database,
                data=self.place.root,
                host=NODE,
                now=lambda: TIME,
                context=lambda _: self.house.tls.calling(),
                checkpoint=lambda: self.sequencer.checkpoint,
                metrics=self.metrics,
            ),
        )
        one.start(self.alarms.append, self.refusals.append)
        try:
            yield one
        finally:
            one.stop()
            assert not one._thread.is_alive()

    @property
    def file(self) -> Path:
        return cursor.path(self.place.root, "arr")

    @property
    def position(self) -> cursor.Position:
        return cursor.read(self.file)

    def recorded(self) -> list[tuple[str, str]]:
        """(entry, AuditMessage) of everything in the ledger that has one, in order."""
        connection = self.place.connect()
        rows = connection.execute("SELECT entry, body FROM audit_leaf JOIN audit_record USING (seq) ORDER BY seq")
        found = [(base64.b64encode(entry).decode(), json.loads(body)["dicom"]) for entry, body in rows]
        connection.close()
        return [(entry, text) for entry, text in found if text]


def arrived(receiver: Receiver) -> list[tuple[str, str]]:
    """(entry, text) of what came, each once, in the order of its first arrival."""
    return list(dict.fromkeys((message.data["entry"], message.text) for message in receiver.audit))


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait for a condition that has to come true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what or "it never became true"
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules with shorter times."""
    for name, seconds in {
        "SETTLED_SECONDS": 0.2,
        "_IDLE_SECONDS": 0.02,
        "_FIRST_PAUSE": 0.02,
        "_SAVE_SECONDS": 0.0,
    }.items():
        monkeypatch.setattr(exporter, name, seconds)
    monkeypatch.setattr(exporter, "_LONGEST_PAUSE", 0.1)


@pytest.fixture
async def hospital(tmp_path: Path) -> AsyncIterator[Hospital]:
    place = Place(tmp_path)
    async with place.running() as sequencer:
        yield Hospital(place, house(tmp_path), sequencer)


@pytest.fixture
def arr(hospital: Hospital) -> Issued:
    return node_certificate(hospital.house.authority, "arr")


async def test_everything_arrives_once_in_order_with_its_place_in_the_log(hospital: Hospital, arr: Issued) -> None:
    await hospital.happen(1200)
    with Receiver(server_context(hospital.house, arr)) as receiver, hospital.exporting(receiver.port):
        await until(lambda: len(receiver.audit) >= 1200)
        await hospital.happen(3)
        await until(lambda: hospital.position.next == 1205)
        expected = hospital.recorded()
        assert [(one.data["entry"], one.text) for one in receiver.audit] == expected
        assert [int(one.data["index"]) for one in receiver.audit] == list(range(1, 1204))  # 0 began the log
        assert {(one.data["origin"], one.time) for one in receiver.audit} == {(f"{NODE}/audit/2026", TIME)}
        assert len(receiver.streams) == 1
        assert hospital.position.failing == ""
        assert b'xdsnode_audit_backlog{repository="arr"} 0.0' in hospital.metrics.render()
        assert b'xdsnode_audit_messages_sent_total{repository="arr"} 1203.0' in hospital.metrics.render()


async def test_without_structured_data_and_checkpoints_nothing_but_messages(hospital: Hospital, arr: Issued) -> None:
    await hospital.happen(5)
    with (
        Receiver(server_context(hospital.house, arr)) as receiver,
        hospital.exporting(receiver.port, enterprise_number=0, checkpoints=False),
    ):
        await until(lambda: hospital.position.next == 7)
        assert [message.text for message in receiver.messages] == [text for _, text in hospital.recorded()]
        assert {(message.id, len(message.data)) for message in receiver.messages} == {("IHE+RFC-3881", 0)}


async def test_the_checkpoint_goes_out_again_and_again(
    hospital: Hospital, arr: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "CHECKPOINT_SECONDS", 0.05)
    await hospital.happen(1)
    with Receiver(server_context(hospital.house, arr)) as receiver, hospital.exporting(receiver.port):
        await until(lambda: len(receiver.messages) > len(receiver.audit) + 3)
        (*_, last) = (message for message in receiver.messages if message.id == "AUDIT-CHECKPOINT")
        note = base64.b64decode(last.text)
        assert note == hospital.sequencer.checkpoint
        assert parse_note(note).text.startswith(f"{NODE}/audit/2026\n")


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_connection_that_ends_in_the_middle_of_a_message_costs_nothing(
    hospital: Hospital, arr: Issued, reset: bool
) -> None:
    await hospital.happen(2000)
    with Receiver(server_context(hospital.house, arr), most=700_001, reset=reset) as receiver:
        with hospital.exporting(receiver.port):
            await until(lambda: receiver.streams and len(receiver.streams[0]) == 700_001)
            receiver.most = None
            await until(lambda: hospital.position.next == 2002)
        assert frames(bytes(receiver.streams[0]))[1], "the first connection ended between two messages"
        whole = [entry for entry, _ in arrived(receiver)]
        assert sorted(whole) == sorted(entry for entry, _ in hospital.recorded())


async def test_a_repository_that_reads_nothing_delays_nobody_and_gets_everything_later(
    hospital: Hospital, arr: Issued
) -> None:
    with Receiver(server_context(hospital.house, arr)) as receiver:
        receiver.reading.clear()
        with hospital.exporting(receiver.port):
            await until(lambda: receiver.streams)
            await hospital.happen(1500)  # 3 MB: several times what the buffers between them hold
            held = hospital.position.next
            assert held == cursor.FIRST
            receiver.reading.set()
            await until(lambda: hospital.position.next == 1502)
        assert arrived(receiver) == hospital.recorded()
        assert len(receiver.streams) == 1


@pytest.mark.parametrize("count", [60, 1500], ids=["its bytes fit into our kernel", "they do not"])
async def test_a_half_open_connection_is_given_up_and_what_it_swallowed_is_sent_again(
    hospital: Hospital, arr: Issued, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(line, "STALL_SECONDS", 0.5)
    await hospital.happen(count)
    with Receiver(server_context(hospital.house, arr)) as receiver:
        receiver.reading.clear()
        with hospital.exporting(receiver.port):
            await until(lambda: hospital.position.failing)
            swallowed = len(receiver.streams)
            receiver.reading.set()
            await until(lambda: hospital.position.next == count + 2)
        assert len(receiver.streams) > swallowed
        assert arrived(receiver) == hospital.recorded()
        assert hospital.position.failing == ""


async def test_what_a_kernel_took_before_the_connection_was_reset_counts_for_nothing(
    hospital: Hospital, arr: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a receiver that dies again and again would let the cursor creep over what it never read."""
    monkeypatch.setattr(exporter, "SETTLED_SECONDS", 2.0)
    await hospital.happen(10)
    with Receiver(server_context(hospital.house, arr), deaf=0.3) as receiver, hospital.exporting(receiver.port):
        await until(lambda: len(receiver.streams) >= 4)
        assert not any(receiver.streams)
        assert hospital.position.next == cursor.FIRST
        assert b'xdsnode_audit_messages_sent_total{repository="arr"}' in hospital.metrics.render(), "it took nothing"


def foreign(hospital: Hospital) -> Issued:
    return node_certificate(authority("Somebody else's CA"), "arr")


def other_host(hospital: Hospital) -> Issued:
    return node_certificate(hospital.house.authority, "arr", ["arr.example"])


def wildcard(hospital: Hospital) -> Issued:
    return crooked(hospital.house.authority, names=[x509.DNSName("*"), x509.DNSName("*.localhost")])


def no_server(hospital: Hospital) -> Issued:
    return crooked(hospital.house.authority, names=[x509.DNSName("localhost")], eku=[CLIENT])


def no_usage(hospital: Hospital) -> Issued:
    return crooked(hospital.house.authority, names=[x509.DNSName("localhost")], eku=None)


def ended(hospital: Hospital) -> Issued:
    return crooked(
        hospital.house.authority,
        names=[x509.DNSName("localhost")],
        end=NOW.replace(year=NOW.year - 1),
        start=NOW.replace(year=NOW.year - 2),
    )


@pytest.mark.parametrize("wrong", [foreign, other_host, wildcard, no_server, no_usage, ended])
async def test_a_repository_that_is_not_the_right_one_gets_nothing(
    hospital: Hospital, arr: Issued, wrong: Callable[[Hospital], Issued]
) -> None:
    await hospital.happen(10)
    with Receiver(server_context(hospital.house, wrong(hospital), "wrong")) as impostor:
        with hospital.exporting(impostor.port):
            await until(lambda: len(impostor.failures) + len(impostor.streams) >= 3)
            assert not any(impostor.streams)
            assert hospital.position.next == cursor.FIRST
            assert hospital.position.failing == TIME
        assert len(hospital.refusals) == 1, "once for each outage, not for each attempt"
        port = impostor.port
    with Receiver(server_context(hospital.house, arr), port=port) as receiver, hospital.exporting(port):
        await until(lambda: hospital.position.next == 12)
        assert arrived(receiver) == hospital.recorded()


async def test_a_repository_that_refuses_our_certificate_moves_no_cursor(hospital: Hospital, arr: Issued) -> None:
    """With TLS 1.3 the refusal comes after the handshake, when the kernel has taken bytes already."""
    await hospital.happen(1500)
    strangers = authority("Another CA")
    with Receiver(server_context(hospital.house, arr, anchors=strangers.pem)) as receiver:
        with hospital.exporting(receiver.port):
            await until(lambda: len(receiver.failures) >= 5)
            assert hospital.position.next == cursor.FIRST
            assert hospital.position.failing
        assert len(hospital.refusals) == 1
        assert "audit repository arr at localhost" in hospital.refusals[0]


async def test_nothing_leaves_without_tls(hospital: Hospital) -> None:
    await hospital.happen(10)
    heard = bytearray()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(100_000))
        writer.write(b"220 syslog ready, plain text please\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    with hospital.exporting(server.sockets[0].getsockname()[1]):
        await until(lambda: heard and hospital.position.failing)
    server.close()
    assert heard[0] == 0x16  # a handshake record
    assert b"AuditMessage" not in heard
    assert hospital.position.next == cursor.FIRST


async def test_a_new_connection_repeats_what_was_sent_of_late(
    hospital: Hospital, arr: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last 120 seconds or 10,000 messages, whichever is more (audit-ledger 2.12)."""
    monkeypatch.setattr(batches, "REPEATED", 30)
    monkeypatch.setattr(exporter, "REPEATED_SECONDS", 0.0)
    context = server_context(hospital.house, arr)
    await hospital.happen(100)
    with Receiver(context) as receiver, hospital.exporting(receiver.port) as one:
        await until(lambda: hospital.position.next == 102)
        await until(lambda: min(seq for _, seq in list(one._sent)) == 102, "nothing was sent for a while")
        receiver.stop()
        with Receiver(context, port=receiver.port) as again:
            await until(lambda: len(again.audit) >= 30)
            assert [message.data["entry"] for message in again.audit] == [e for e, _ in hospital.recorded()[-30:]]


async def test_the_last_seconds_are_repeated_however_many_messages_they_hold(
    hospital: Hospital, arr: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "REPEATED", 1)
    context = server_context(hospital.house, arr)
    await hospital.happen(700)
    with Receiver(context) as receiver:
        port = receiver.port
        with hospital.exporting(port):
            await until(lambda: hospital.position.next == 702)
            receiver.stop()
            with Receiver(context, port=port) as again:
                await until(lambda: len(again.audit) >= 700)
                assert arrived(again) == hospital.recorded()
    # The next process does not know what was sent when; the file does.
    assert hospital.position.recent == cursor.FIRST
    with Receiver(context) as receiver, hospital.exporting(receiver.port):
        await until(lambda: len(receiver.audit) >= 700)
        assert arrived(receiver) == hospital.recorded()


async def test_one_alarm_for_each_outage(hospital: Hospital, arr: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "ALARM_SECONDS", 0.3)
    context = server_context(hospital.house, arr)
    receiver = Receiver(context).__enter__()
    with hospital.exporting(receiver.port):
        await until(lambda: hospital.position.next == 2)
        for outage in (1, 2):
            receiver.stop()
            await hospital.happen(1)
            await until(lambda expected=outage: len(hospital.alarms) == expected)
            await until(lambda: b'xdsnode_audit_backlog{repository="arr"} 1.0' in hospital.metrics.render())
            with Receiver(context, port=receiver.port):
                await until(lambda expected=outage: hospital.position.next == expected + 2)
                await until(lambda: not hospital.position.failing)
        assert hospital.alarms == [exporter.ALARM] * 2


async def test_nothing_waits_is_no_outage(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "ALARM_SECONDS", 0.0)
    cursor.write(hospital.file, cursor.Position(next=2))
    with hospital.exporting(1):
        await until(lambda: b'xdsnode_audit_backlog{repository="arr"} 0.0' in hospital.metrics.render())
        await until(lambda: hospital.position.failing)
    await asyncio.sleep(0)  # what the thread told the loop is told now
    assert hospital.alarms == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"next": 3, "colour": 1}'])
async def test_a_position_that_cannot_be_read_means_the_beginning(hospital: Hospital, arr: Issued, text: str) -> None:
    await hospital.happen(5)
    hospital.file.parent.mkdir()
    hospital.file.write_text(text)
    with Receiver(server_context(hospital.house, arr)) as receiver, hospital.exporting(receiver.port):
        await until(lambda: hospital.position.next == 7)
        assert arrived(receiver) == hospital.recorded()


async def test_a_position_beyond_the_log_goes_back_to_its_end(
    hospital: Hospital, arr: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restored database is shorter than what was delivered of it; what it records from now on is delivered."""
    monkeypatch.setattr(batches, "REPEATED", 2)
    await hospital.happen(5)
    cursor.write(hospital.file, cursor.Position(next=5000, recent=4000))
    with Receiver(server_context(hospital.house, arr)) as receiver, hospital.exporting(receiver.port):
        await until(lambda: len(receiver.audit) >= 2)
        await hospital.happen(3)
        await until(lambda: hospital.position.next == 10)
        assert arrived(receiver) == hospital.recorded()[3:]
