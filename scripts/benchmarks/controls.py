"""The controls as servers of their own: bare aiohttp on the default loop, mutual TLS, nothing behind it.

`/echo` reads the request and answers bytes kept in memory; `/discard` reads a body of any size and drops it; `/file`
streams a file in pieces of 256 KB: the most that asyncio and its TLS give, and what stands in for nginx where
that is missing.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

_PIECE = 256 * 1024
# How much more than nginx's static files the 256 KB stream does per CPU second where the goals were set
# (performance.md 1.2); on other machines it is another figure, so the stream is measured beside nginx.
FILE_TO_NGINX = 1.14


def server_context(cert: str, key: str, ca: str) -> ssl.SSLContext:
    """As the node's: TLS 1.2 or newer, a client certificate required, no tickets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0
    return context


class Controls:
    """Handlers over bytes that were loaded once."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """`spec`: `answer` and `small` (files to answer), `content_type`, `file` (to stream)."""
        self._answer = Path(spec["answer"]).read_bytes()
        self._small = Path(spec["small"]).read_bytes()
        self._type = spec["content_type"]
        self._file = Path(spec["file"])

    async def echo(self, request: web.Request) -> web.Response:
        """The bytes of a real answer for a request of the same size."""
        await request.read()
        return web.Response(body=self._answer, headers={"Content-Type": self._type})

    async def small(self, request: web.Request) -> web.Response:
        """The bytes of a short answer."""
        await request.read()
        return web.Response(body=self._small, headers={"Content-Type": self._type})

    async def discard(self, request: web.Request) -> web.Response:
        """Read everything, keep nothing."""
        async for _ in request.content.iter_any():
            pass
        return web.Response(body=self._small, headers={"Content-Type": self._type})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The file, read and written piece by piece."""
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.content_length = self._file.stat().st_size
        await response.prepare(request)
        with self._file.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                await response.write(piece)
        await response.write_eof()
        return response


async def _serve(spec: dict[str, Any]) -> None:
    controls = Controls(spec)
    application = web.Application(client_max_size=1 << 40)
    application.router.add_post("/echo", controls.echo)
    application.router.add_post("/small", controls.small)
    application.router.add_post("/discard", controls.discard)
    application.router.add_route("*", "/file", controls.stream)
    await serve(application, spec["port"], server_context(spec["cert"], spec["key"], spec["ca"]))


async def serve(application: web.Application, port: int, context: ssl.SSLContext) -> None:
    """Serve on loopback until this process is ended; says so with a line of JSON when it listens."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    print(json.dumps({"port": port}), flush=True)
    await asyncio.Event().wait()


def find_nginx() -> str | None:
    """nginx, where it is installed or named by BENCH_NGINX (nginx itself reads NGINX)."""
    return os.environ.get("BENCH_NGINX") or shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


def nginx_configuration(folder: Path, port: int, cert: str, key: str, ca: str, root: Path) -> Path:
    """One worker, static files, mutual TLS; written to `folder`."""
    path = folder / "nginx.conf"
    path.write_text(
        f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log error;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000; sendfile on; default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl; server_name localhost; root {root};
    ssl_certificate {cert}; ssl_certificate_key {key}; ssl_client_certificate {ca}; ssl_verify_client on;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off;
  }}
}}
""",
        encoding="utf-8",
    )
    return path


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
