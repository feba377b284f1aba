"""The figures of time of the fault suite's scenarios about others: F10, F13, F14 and F15 (threats-and-faults 4.2).

That each of them does what it should is a test (`tests/end_to_end/test_fault_scenarios.py` and others); here is how
fast everybody else is answered meanwhile: each figure a ratio to the same node a moment before, undisturbed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from node.client.documents import Documents
from node.client.session import NodeSession
from node.configuration.config import load
from scripts.benchmarks import requests
from scripts.benchmarks.machine import resident_bytes
from scripts.benchmarks.metadata import find_documents
from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.setting import Setting
from scripts.benchmarks.wire import Tls
from scripts.benchmarks.workshop import Aim, BenchError, Loaded, Server
from tests.end_to_end.crowd import BAD, PATIENT, World, as_peer, crowd
from tests.end_to_end.line import Line, Mode
from tests.end_to_end.wire import Client

SLOW: Final = 5000
_AGAIN: Final = 200  # slow clients a second that come back, as many as slowhttptest lets connect
_FILLING: Final = 120  # seconds until all of them are there
FLOOD: Final = 200  # connections of one community: 100 times the two of the other
_ROUNDS: Final = 5
_QUERIES: Final = 30  # fan-outs for one figure of F10
_HALF: Final = b"POST /iti-38 HTTP/1.1\r\nHost: localhost\r\nX"


def scenarios(setting: Setting) -> list[Row]:
    """Bad lines, overload, one that floods, five thousand that say nothing."""
    folder = setting.workshop.folder / "work" / "nodes" / "scenarios"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with crowd(folder) as world:
        node = world[0]
        assert node.process is not None
        if setting.workshop.cores:
            os.sched_setaffinity(node.process.pid, {setting.workshop.cores[0]})
        rows = [_slow_clients(setting, world), _fairness(setting, world), *_overload(setting, world)]
        return [*rows, _bad_lines(setting, world)]


@contextmanager
def _asking(setting: Setting, world: World, client: Client, connections: int) -> Iterator[Loaded]:
    """Questions of one certificate, on so many connections, which are open and used."""
    node = world[0]
    assert node.process is not None
    path = "/" + client.endpoints["iti-38"].split("/", 3)[3]
    template = requests.cross_gateway_query(path, find_documents(PATIENT))
    aim = Aim(Server(node.base + 1, node.process), template, connections)  # type: ignore[arg-type]
    tls = Tls(client.ca, client.cert, client.key)
    _, loaded = setting.workshop.load(tls, {f"c{uuid4().hex[:6]}": aim}, 1).popitem()
    try:
        loaded.run(0.5)
        yield loaded
    finally:
        setting.workshop.end(loaded.process)


def _ratio(setting: Setting, name: str, pairs: list[tuple[float, float]], gate: float, note: str) -> Row:
    ratios = [busy / quiet for quiet, busy in pairs]
    quiet, busy = (statistics.median(one) for one in zip(*pairs, strict=True))
    setting.report(f"  {name}: {quiet:.2f} -> {busy:.2f}, ratio {statistics.median(ratios):.2f}")
    return figure(name, "undisturbed", ratios, Goal(gate=gate, lower_is_better=True), note=note)


def _fairness(setting: Setting, world: World) -> Row:
    """F14: one community asks on a hundred times as many connections; the p99 of another."""
    pairs = []
    with (
        _asking(setting, world, as_peer(world[0], world[1][-1]), 2) as quiet,
        _asking(setting, world, as_peer(world[0], world[1][-2]), FLOOD) as loud,
    ):
        for _ in range(_ROUNDS):
            alone = quiet.run(2 * setting.seconds)["p99"]
            thread = threading.Thread(target=loud.run, args=(3 * setting.seconds,))
            thread.start()
            time.sleep(setting.seconds / 2)
            pairs.append((alone, quiet.run(2 * setting.seconds)["p99"]))
            thread.join()
    return _ratio(setting, "F14 p99 while another floods", pairs, 2.0, f"ms; {FLOOD} connections beside 2")


def _overload(setting: Setting, world: World) -> list[Row]:
    """F13: from the connections that use the node well to a hundred and more; work done, memory, time of a refusal."""
    node, client = world[0], world[0].client()
    assert node.process is not None
    lost, memory = [], []
    with _asking(setting, world, client, 8) as few, _asking(setting, world, client, FLOOD) as many:
        for _ in range(_ROUNDS):
            peak = few.run(setting.seconds)
            before = resident_bytes(node.process.pid)
            flood = many.run(2 * setting.seconds)
            memory.append(resident_bytes(node.process.pid) / before)
            good = (flood["done"] - flood["wrong"]) / flood["seconds"]
            lost.append(max(0.0, 1 - good / (peak["done"] / peak["seconds"])))
    setting.report(f"  F13: {statistics.median(lost):.2f} of the work lost, memory x {statistics.median(memory):.2f}")
    refused = asyncio.run(_refusals(as_peer(node, world[1][-2]), setting.seconds))
    setting.report(f"  F13: {len(refused)} told to come again, p95 {refused[int(len(refused) * 0.95)]:.1f} ms")
    return [
        figure("F13 work lost under overload", "share of the peak", lost, Goal(gate=0.2, lower_is_better=True)),
        figure("F13 memory under overload", "before", memory, Goal(gate=1.5, lower_is_better=True)),
        figure(
            "F13 time until 503", "ms", refused, Goal(gate=50.0, lower_is_better=True), note="all that were refused"
        ),
    ]


async def _refusals(client: Client, seconds: float) -> list[float]:
    """Milliseconds until each 503, for a community that asks on far too many connections; in order of size."""
    template = requests.cross_gateway_query("/iti-38", find_documents(PATIENT))
    message = template.replace(requests.NUMBER, b"0" * 12).replace(requests.PATIENT, b"0" * 7)
    port = int(client.endpoints["iti-38"].split(":")[2].partition("/")[0])
    tls, until, found = client.context(), time.monotonic() + seconds + 2, list[float]()
    opened = [await asyncio.open_connection("localhost", port, ssl=tls) for _ in range(FLOOD)]

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, ValueError):
            while time.monotonic() < until:
                began = time.monotonic()
                writer.write(message)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                if b" 503 " in head[:20]:
                    found.append((time.monotonic() - began) * 1000)
                    await asyncio.sleep(1)  # as it was told
        writer.close()

    await asyncio.gather(*(ask(*one) for one in opened))
    return sorted(found) or [0.0]


def _slow_clients(setting: Setting, world: World) -> Row:
    """F15: thousands of connections that say nothing, or half a request; the p99 of another."""
    node = world[0]
    with _asking(setting, world, node.client(), 2) as healthy:
        alone = [healthy.run(setting.seconds)["p99"] for _ in range(_ROUNDS)]
        with _silent(node.base + 1, node.client().context()) as held:
            pairs = [(quiet, healthy.run(setting.seconds)["p99"]) for quiet in alone]
            count, fresh = len(held), [_fresh(node.client()) for _ in range(20)]
    note = f"ms; {count} silent, a new connection answered in {statistics.median(fresh) * 1000:.0f} ms, 20 of 20"
    return _ratio(setting, f"F15 p99 with {SLOW} slow clients", pairs, 2.0, note)


def _fresh(client: Client) -> float:
    began = time.monotonic()
    requests_path = client.endpoints["iti-38"]
    answer = client.post(requests_path, "application/soap+xml", b"<no/>")
    assert answer.http_status == 400  # it was read and answered
    return time.monotonic() - began


@contextmanager
def _silent(port: int, tls: ssl.SSLContext) -> Iterator[list[socket.socket]]:
    """Connections from many addresses: without a handshake, and with half a request where there is room for one."""
    held: list[socket.socket] = []
    full, done = threading.Event(), threading.Event()

    def opened(number: int) -> socket.socket | None:
        plain = socket.socket()
        plain.bind((f"127.0.1.{1 + number % 200}", 0))
        plain.settimeout(5)
        try:
            plain.connect(("127.0.0.1", port))
            if number % 5 == 0:  # a fifth of them with a certificate
                secured = tls.wrap_socket(plain, server_hostname="localhost")
                secured.sendall(_HALF)
                return secured
        except OSError:
            plain.close()
            return None
        return plain

    def keep() -> None:
        number = 0
        while not done.wait(1 / _AGAIN if full.is_set() else 0):
            if (one := opened(number)) is not None:
                held.append(one)
            number += 1
            if len(held) > SLOW:  # the node has ended the oldest by now
                held.pop(0).close()
                full.set()

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        if not full.wait(_FILLING):
            raise BenchError(f"only {len(held)} of {SLOW} slow clients were connected within {_FILLING} seconds")
        yield held
    finally:
        done.set()
        thread.join()
        for one in held:
            one.close()


def _bad_lines(setting: Setting, world: World) -> Row:
    """F10: the documents of healthy communities while seven lines are bad; the p99 of their coming."""
    _, population, lines = world
    healthy = {member.described.home for member in population[len(BAD) :]}
    _set(lines, dict.fromkeys(range(len(lines)), Mode.PASS))
    alone = _coming(world, healthy)
    _set(lines, dict(enumerate(BAD)))
    busy = _coming(world, healthy)
    _set(lines, dict.fromkeys(range(len(lines)), Mode.PASS))
    return _ratio(setting, "F10 p99 of healthy communities", [(alone, busy)], 1.5, "ms; 7 of 9 lines bad")


def _set(lines: list[Line], modes: dict[int, Mode]) -> None:
    for number, mode in modes.items():
        lines[number].mode = mode


def _coming(world: World, healthy: set[str]) -> float:
    """p99, in ms, of the time after which a healthy community's outcome is told."""
    times: list[float] = []
    with NodeSession(load(Path(world[0].folder))) as session:
        for _ in range(_QUERIES):
            began = time.monotonic()

            def tell(outcome: Any, began: float = began) -> None:
                if outcome.home in healthy:
                    times.append((time.monotonic() - began) * 1000)

            Documents(session, uuid4).of_patient(PATIENT, tell=tell)
    return sorted(times)[int(len(times) * 0.99)]
