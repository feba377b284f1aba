"""NIST's plans for initiating gateways: a node whose only peers are the two gateways that the runner plays itself.

The runner has one certificate for both; the node knows a community by its certificate. So each gets a door of its own:
TLS ends there, and what comes goes on to the runner on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from scripts.demonstration.federation import Federation
from scripts.demonstration.processes import xdsnode
from trust.communities import Community, export
from trust.pki import authority
from trust.pki.certificates import fingerprint_of, to_pem

PLANS: Final = ("15810", "15814")
# Communities and repositories that the plans expect (nist_testkit.orchestration).
_HOMES: Final = ("urn:oid:1.2.34.567.8.1", "urn:oid:1.2.34.567.8.2")
_REPOSITORIES: Final = ("1.1.4567332.1.91", "1.1.4567332.1.92")
_DOORS, _STUBS = 12, 14  # places in the block of ports: the first door, the first gateway behind it


class Door:
    """TLS outside, the runner's gateway inside."""

    def __init__(self, port: int, target: int, context: ssl.SSLContext) -> None:
        self._port, self._target, self._context = port, target, context
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._through, "localhost", self._port, ssl=self._context))
        self._loop.run_forever()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


def _gateway(folder: Path, issuer: authority.Authority, number: int, port: int) -> tuple[Path, ssl.SSLContext]:
    """The description of one gateway for `peer add`, and the context of its door."""
    name, key = f"NIST gateway {number + 1}", authority.new_key()
    certificate = issuer.issue(name, key.public_key(), now=datetime.now(UTC), hosts=authority.DEVELOPMENT_HOSTS)
    pem = folder / f"gateway{number}.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(authority.key_pem(key) + to_pem([certificate]).encode())
    described = Community(
        home=_HOMES[number],
        name=name,
        endpoints={"iti-38": f"https://localhost:{port}/xcq", "iti-39": f"https://localhost:{port}/xcr"},
        certificates=to_pem([certificate]),
        fingerprint=fingerprint_of(certificate),
        repository_unique_ids=(_REPOSITORIES[number],),
    )
    path = folder / f"gateway{number}.json"
    path.write_text(export(described), encoding="utf-8")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.load_verify_locations(cadata=issuer.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    return path, context


@contextmanager
def gateway_under_test(folder: Path, base: int) -> Iterator[tuple[Federation, str]]:
    """One node with the two gateways as peers, and the runner's further configuration."""
    federation = Federation(folder, ["Initiating Gateway"], None, base)
    federation.make()
    federation.mark("connected")  # with nobody but the runner
    issuer = authority.open_authority(
        federation.kept / "ca", "Development CA: not for patients", now=datetime.now(UTC), development=True
    )
    for number in range(len(_HOMES)):
        door = base + _DOORS + number
        path, context = _gateway(federation.kept, issuer, number, door)
        fingerprint = json.loads(path.read_text())["fingerprint"]
        place = str(federation.nodes[0].folder)
        xdsnode("peer", "add", str(path), "--fingerprint", fingerprint, "--clearance", "V", "--dir", place)
        Door(door, base + _STUBS + number, context)
    federation.start()
    try:
        stubs = ", ".join(f'"127.0.0.1:{base + _STUBS + number}"' for number in range(len(_HOMES)))
        yield federation, f"[stubs]\nresponding_gateways = [{stubs}]\n"
    finally:
        federation.stop()


def endpoints(described: dict[str, Any]) -> dict[str, str]:
    """How the runner calls this node as an initiating gateway."""
    return {"ig_query": described["endpoints"]["iti-18"], "ig_retrieve": described["endpoints"]["iti-43"]}
