"""Two gigabytes in and out again: how much memory the node takes meanwhile, and whether every byte comes back."""

from __future__ import annotations

import hashlib
import http.client
import os
from collections.abc import Iterator

from scripts.benchmarks import machine, requests
from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.setting import Setting
from scripts.benchmarks.workshop import BenchError

SIZE = 2 << 30
_BLOCK = 1 << 20
_GOAL = Goal(gate=32, aim=16, moonshot=8, lower_is_better=True)
_PLACE = b"{document}"
_NUMBER, _NEXT = b"999000000002", b"999000000003"  # twelve digits, as the templates have it


def _template(path: str) -> tuple[bytes, bytes, bytes]:
    """Head of the HTTP message, what comes before the document, what comes after it."""
    message = requests.provide(path, _PLACE).replace(requests.NUMBER, _NUMBER)
    message = message.replace(requests.PATIENT, b"0000000")
    head, _, body = message.partition(b"\r\n\r\n")
    before, _, after = body.partition(_PLACE)
    return head, before, after


def _content(block: bytes) -> Iterator[bytes]:
    for number in range(SIZE // _BLOCK):
        yield number.to_bytes(8, "big") + block[8:]


def _connection(setting: Setting) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(
        "localhost", setting.stage.server.port, context=setting.stage.tls.context(), timeout=600
    )


def _upload(setting: Setting, block: bytes) -> str:
    """Provide the document; returns the SHA-256 of the document as the repository must give it back."""
    head, before, after = _template(setting.stage.path("iti-41"))
    kind = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type:")).split(b": ", 1)[1]
    digest = hashlib.sha256(_NUMBER)
    connection = _connection(setting)
    connection.putrequest("POST", setting.stage.path("iti-41"))
    connection.putheader("Content-Type", kind.decode())
    connection.putheader("Content-Length", str(len(before) + SIZE + len(after)))
    connection.endheaders()
    connection.send(before)
    for piece in _content(block):
        digest.update(piece)
        connection.send(piece)
    connection.send(after)
    answer = connection.getresponse().read()
    connection.close()
    if b"ResponseStatusType:Success" not in answer:
        raise BenchError(f"the document of 2 GB was refused: {answer[:600]!r}")
    return digest.hexdigest()


def _download(setting: Setting) -> str:
    """Retrieve it; returns the SHA-256 of the part that holds the document."""
    stage = setting.stage
    message = requests.retrieve(
        stage.path("iti-43"), stage.described["repository_unique_id"], f"2.25.38{_NUMBER.decode()}"
    ).replace(requests.NUMBER, _NEXT)
    head, _, body = message.partition(b"\r\n\r\n")
    kind = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type:")).split(b": ", 1)[1]
    connection = _connection(setting)
    connection.request("POST", stage.path("iti-43"), body, {"Content-Type": kind.decode()})
    response = connection.getresponse()
    boundary = (response.getheader("Content-Type") or "").partition('boundary="')[2].partition('"')[0]
    found = b""
    while found.count(b"\r\n\r\n") < 2 or boundary.encode() not in found[4:]:
        found += response.read(1 << 14)  # the root part and the head of the document's part
    start = found.index(b"\r\n\r\n", found.index(b"--" + boundary.encode(), found.index(b"Envelope>"))) + 4
    left, digest = SIZE + len(_NUMBER), hashlib.sha256()
    piece = found[start:]
    while piece and left:
        digest.update(piece[:left])
        left -= min(left, len(piece))
        piece = response.read(_BLOCK)
    connection.close()
    return digest.hexdigest()


def memory(setting: Setting) -> list[Row]:
    """Growth of the resident memory, in MiB, above what the node had before."""
    block, pid = os.urandom(_BLOCK), setting.stage.pid
    machine.forget_highest(pid)
    before = machine.resident_bytes(pid)
    sent = _upload(setting, block)
    up = (machine.resident_bytes(pid, "VmHWM") - before) / (1 << 20)
    machine.forget_highest(pid)
    before = machine.resident_bytes(pid)
    if _download(setting) != sent:
        raise BenchError("the document of 2 GB came back altered")
    down = (machine.resident_bytes(pid, "VmHWM") - before) / (1 << 20)
    return [
        figure("memory growth, 2 GB in", "MiB", [up], _GOAL),
        figure("memory growth, 2 GB out", "MiB", [down], _GOAL),
    ]
