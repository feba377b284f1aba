"""The other end of the control socket: hands one command to the running node. Short commands import only this."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pwd
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from node.faults import Exit, Fault, Faults, refused, unreachable

Arguments = Mapping[str, Any]

MOST_BYTES: Final = 1 << 27  # the largest directory of a federation, 64 MiB, in base64 and with room


def call(path: Path, command: str, arguments: Arguments, seconds: float = 600.0) -> dict[str, Any]:
    """Have the running node carry out one command.

    Raises:
        ConnectionError, FileNotFoundError: no node listens there.
        Faults: the node refused, or did not answer; or it takes no command of this size.
    """
    body = json.dumps({"command": command, "arguments": dict(arguments)}).encode()
    connection = _UnixConnection(path, seconds)
    try:
        connection.connect()
        if len(body) > MOST_BYTES:
            cause = f"it has {len(body) >> 20} MiB; a running node takes {MOST_BYTES >> 20} MiB at most in one command"
            raise refused("node.too-large", command, cause, "give it in parts, or stop the node and give it then")
        try:
            connection.request("POST", "/command", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise unreachable(
                "node.no-answer",
                str(path),
                f"the running node gave no answer that can be read ({type(problem).__name__})",
                "look at its log; `xdsnode status` says whether the command took effect",
            ) from None
    finally:
        connection.close()
    if "faults" in answer:
        raise Faults([Fault(**fault) for fault in answer["faults"]], Exit(answer["status"]))
    result: dict[str, Any] = answer["result"]
    return result


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:  # type: ignore[explicit-override]
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with reachable(self._path) as path:
            self.sock.connect(path)


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A short name of `path`: the address of a Unix socket has room for about 100 bytes, a folder may need more."""
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def operator_name(uid: int) -> str:
    """The login name of a user id."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
