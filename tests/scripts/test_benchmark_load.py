"""The load generator against a control server: it counts what was answered and notices wrong answers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from scripts.benchmarks.controls import server_context
from scripts.benchmarks.load import Requests, Target
from scripts.benchmarks.requests import NUMBER, PATIENT, download, http

BODY = b"\x00answer\r\n" * 30_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    folder = tmp_path_factory.mktemp("load")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    tls = {"ca": str(folder / "ca.pem"), "cert": str(folder / "cert.pem"), "key": str(folder / "key.pem")}

    async def whole(request: web.Request) -> web.Response:
        return web.Response(body=(await request.read()) + BODY)

    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, len(BODY), 50_001):
            await response.write(BODY[start : start + 50_001])
        return response

    turns = iter(range(1 << 30))

    async def changing(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (10 + (next(turns) % 7 == 0)))

    application = web.Application(client_max_size=1 << 30)
    application.router.add_post("/whole", whole)
    application.router.add_get("/pieces", pieces)
    application.router.add_get("/changing", changing)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(application)

    async def start() -> int:
        await runner.setup()
        context = server_context(tls["cert"], tls["key"], tls["ca"])
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        return runner.addresses[0][1]

    port = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield {**tls, "port": port, "folder": folder}
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def target(server: dict, template: bytes, *, same: bool = False, marker: str = "", connections: int = 2) -> Target:
    path = server["folder"] / "template"
    path.write_bytes(template)
    requests = {"template": str(path), "first": 0, "patients": 10, "same": same}
    spec = {**server, "folder": "", "connections": connections, "requests": requests, "marker": marker}
    return Target(
        {
            **json.loads(json.dumps({k: str(v) if isinstance(v, Path) else v for k, v in spec.items()})),
            "answers": str(server["folder"] / "answer"),
        }
    )


def test_answers_with_a_length(server: dict) -> None:
    tally = target(server, http("/whole", "a/b", b"q" * 300_000 + NUMBER), same=True).run(0.1)
    assert tally.wrong == 0
    assert tally.done >= 2
    assert tally.received == tally.done * (300_000 + 12 + len(BODY))


def test_chunked_answers(server: dict) -> None:
    tally = target(server, download("/pieces")).run(0.1)
    assert tally.wrong == 0
    assert tally.received == tally.done * len(BODY)


def test_the_body_of_one_request(server: dict) -> None:
    one = target(server, http("/whole", "a/b", b"patient " + PATIENT))
    said = one.once()
    assert (said["status"], Path(said["body"]).read_bytes()[15:]) == (200, BODY)


def test_answers_that_change_are_wrong(server: dict) -> None:
    assert target(server, download("/changing"), same=True, connections=1).run(0.1).wrong > 0


def test_answers_without_the_marker_are_wrong(server: dict) -> None:
    assert target(server, http("/whole", "a/b", b""), marker="Success").run(0.05).wrong > 0


def test_every_request_has_a_number_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "template"
    path.write_bytes(b"<" + NUMBER + b"|" + PATIENT + b"|" + NUMBER + b">")
    requests = Requests({"template": str(path), "first": 5, "patients": 100, "same": True})
    taken = [b"".join(requests.take()[1]) for _ in range(50)]
    assert taken[0].startswith(b"<000000000006|")
    assert len(set(taken)) == 50
    assert {len(one) for one in taken} == {len(taken[0])}
