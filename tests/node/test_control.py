"""The control socket and the lock: one writer, whoever asks."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node import control_call
from node.control import ControlServer
from node.faults import Exit, Faults, refused
from node.folder import Folder
from node.lock import Locked, exclusive
from trust.directory.directory import MOST_BYTES as MOST_DIRECTORY


async def execute(command: str, arguments: dict, operator: str) -> dict:
    if command == "refuse":
        raise refused("code.x", "place", "cause", "step")
    if command == "break":
        raise RuntimeError("CANARY")
    if command == "weigh":
        return {"weight": len(arguments["directory"])}
    return {"command": command, "arguments": dict(arguments), "operator": operator}


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[None]:
    server = ControlServer(path, execute, lambda: "incident-1")
    await server.start()
    try:
        yield
    finally:
        await server.stop()


async def call(path: Path, command: str, arguments: dict | None = None) -> dict:
    return await asyncio.to_thread(control_call.call, path, command, arguments or {}, 10)


async def test_a_command_and_its_result(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with serving(path):
        result = await call(path, "patient add", {"patient": "信^^^&1.2&ISO"})
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert result["arguments"] == {"patient": "信^^^&1.2&ISO"}
    assert result["operator"] == control_call.operator_name(os.geteuid())
    assert not path.exists()


async def test_a_refusal_keeps_its_four_parts(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with serving(path):
        with pytest.raises(Faults) as raised:
            await call(path, "refuse")
    (fault,) = raised.value.faults
    assert (fault.code, fault.place, fault.cause, fault.next_step) == ("code.x", "place", "cause", "step")
    assert raised.value.status is Exit.REFUSED


async def test_an_unexpected_failure_gives_an_incident_and_no_text(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with serving(path):
        with pytest.raises(Faults) as raised:
            await call(path, "break")
        assert await call(path, "next")
    assert "incident-1" in raised.value.faults[0].cause
    assert "CANARY" not in raised.value.faults[0].text()


async def test_a_folder_with_a_long_name(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120) / ("y" * 120)
    folder.mkdir(parents=True)
    async with serving(folder / "control.sock"):
        assert (await call(folder / "control.sock", "a"))["command"] == "a"


async def test_a_socket_left_by_a_dead_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ConnectionRefusedError):
        control_call.call(path, "a", {})
    async with serving(path):
        assert await call(path, "a")


async def test_large_commands(tmp_path: Path) -> None:
    """The largest directory of a federation fits, in base64; what does not fit is named, with the next step."""
    path = tmp_path / "control.sock"
    assert len(base64.b64encode(bytes(3))) * MOST_DIRECTORY // 3 + 1024 < control_call.MOST_BYTES
    async with serving(path):
        assert await call(path, "weigh", {"directory": "x" * (16 << 20)}) == {"weight": 16 << 20}
        with pytest.raises(Faults) as raised:
            await call(path, "federation import", {"bundle": "x" * control_call.MOST_BYTES})
        assert await call(path, "next")
    (fault,) = raised.value.faults
    assert (fault.code, fault.place) == ("node.too-large", "federation import")
    assert "128 MiB at most" in fault.cause


def test_no_node(tmp_path: Path) -> None:
    for path in (tmp_path / "control.sock", tmp_path / "missing" / "control.sock"):
        with pytest.raises(FileNotFoundError):
            control_call.call(path, "a", {})


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b'{"command": 1}', b'{"command": "a", "arguments": 3}', b"\xff"])
async def test_what_is_no_command(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "control.sock"
    async with serving(path):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"POST /command HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()


def folder(root: Path) -> Folder:
    return Folder(root=root, keys=root / "keys", blobs=root / "blobs", head=root / "head.db")


def test_the_lock_is_held_by_one_and_names_its_holder(tmp_path: Path) -> None:
    with exclusive(folder(tmp_path)):
        with pytest.raises(Locked) as raised, exclusive(folder(tmp_path)):
            pass
        assert str(os.getpid()) in raised.value.faults[0].cause
    with exclusive(folder(tmp_path)):
        pass


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; sys.path[0:0] = [sys.argv[2]]\n"
        "from node.folder import Folder; from node.lock import exclusive\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "lock = exclusive(Folder(root=root, keys=root, blobs=root, head=root))\n"
        "lock.__enter__(); print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parents[2])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(Locked), exclusive(folder(tmp_path)):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    assert process.stdin is not None
    process.stdin.close()
    with exclusive(folder(tmp_path)):
        pass
    assert json.loads((tmp_path / "run" / "lock").read_text()) == os.getpid()
