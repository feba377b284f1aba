"""Two gigabytes in, out again, and out through another node: how much memory a node takes meanwhile, and whether every
byte comes back.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator

from scripts.benchmarks import machine, requests
from scripts.benchmarks.metadata import AUTHORITY, patient_id
from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.setting import Setting
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workshop import BenchError
from scripts.demonstration.processes import xdsnode

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


def _connection(stage: Stage) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection("localhost", stage.server.port, context=stage.tls.context(), timeout=600)


def _upload(stage: Stage, block: bytes) -> str:
    """Provide the document; returns the SHA-256 of the document as the repository must give it back."""
    head, before, after = _template(stage.path("iti-41"))
    kind = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type:")).split(b": ", 1)[1]
    digest = hashlib.sha256(_NUMBER)
    connection = _connection(stage)
    connection.putrequest("POST", stage.path("iti-41"))
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


def _download(stage: Stage, holding: Stage) -> str:
    """Retrieve it at `stage` from `holding`; returns the SHA-256 of the part that holds the document."""
    there = holding.described
    message = requests.retrieve(
        stage.path("iti-43"),
        there["repository_unique_id"],
        f"2.25.38{_NUMBER.decode()}",
        "" if stage is holding else there["home_community_id"],
    ).replace(requests.NUMBER, _NEXT)
    head, _, body = message.partition(b"\r\n\r\n")
    kind = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type:")).split(b": ", 1)[1]
    connection = _connection(stage)
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


def _growth(act: Callable[[], str], *stages: Stage) -> tuple[str, list[float]]:
    """What `act` gives, and the growth of each node's memory meanwhile in MiB."""
    for stage in stages:
        machine.forget_highest(stage.pid)
    before = [machine.resident_bytes(stage.pid) for stage in stages]
    given = act()
    highest = [machine.resident_bytes(stage.pid, "VmHWM") for stage in stages]
    return given, [(high - low) / (1 << 20) for high, low in zip(highest, before, strict=True)]


def _pair(setting: Setting) -> tuple[Stage, Stage]:
    """Two running nodes that are peers of each other and know the patient."""
    folder = setting.workshop.folder / "work" / "nodes" / "pair"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stages, exports = [], []
    for name in ("holding", "asking"):
        place, base = str(folder / name), setting.workshop.ports()
        xdsnode(
            *("init", "--dev", "--dir", place, "--name", name, "--port-base", str(base)),
            *("--authority", AUTHORITY, "--ca", str(folder / "ca")),
        )
        exports.append(folder / f"{name}.json")
        exports[-1].write_text(xdsnode("endpoints", "--export", "--dir", place).out, encoding="utf-8")
        stages.append(Stage(setting.workshop, folder / name, base))
    for stage, export in zip(stages, reversed(exports), strict=True):
        fingerprint = str(json.loads(export.read_text(encoding="utf-8"))["fingerprint"])
        xdsnode("peer", "add", str(export), "--fingerprint", fingerprint, "--dir", str(stage.folder))
        xdsnode("patient", "add", patient_id(0), "--dir", str(stage.folder))
    return stages[0].start(), stages[1].start()


def memory(setting: Setting) -> list[Row]:
    """Growth of the resident memory, in MiB, above what a node had before."""
    block, stage = os.urandom(_BLOCK), setting.stage
    sent, up = _growth(lambda: _upload(stage, block), stage)
    back, down = _growth(lambda: _download(stage, stage), stage)
    holding, asking = _pair(setting)
    sent_there, _ = _growth(lambda: _upload(holding, block), holding)
    began = time.monotonic()
    through, grown = _growth(lambda: _download(asking, holding), asking, holding)
    setting.report(f"  2 GB through another node: {time.monotonic() - began:.1f} s")
    if {back, sent_there, through} != {sent}:
        raise BenchError("the document of 2 GB came back altered")
    return [
        figure("memory growth, 2 GB in", "MiB", up, _GOAL),
        figure("memory growth, 2 GB out", "MiB", down, _GOAL),
        figure("memory growth, 2 GB through it", "MiB", grown[:1], _GOAL),
        figure("memory growth, 2 GB to a peer", "MiB", grown[1:], _GOAL),
    ]
