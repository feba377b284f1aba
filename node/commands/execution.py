"""How a command reaches the one writer: through the running node, or by itself under the node's lock."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from node import control_call
from node.configuration.config import Config
from node.faults import unreachable
from node.lock import Locked, exclusive

Order = Callable[[str, Mapping[str, Any]], dict[str, Any]]  # command, arguments: its result

_WAIT_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.1


def execute(config: Config, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out one operation of `node.operations` and give its result.

    A node that is just starting, or another command that holds the lock, is waited for.

    Raises:
        Faults: refused, or nobody could carry it out.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return control_call.call(config.folder.socket, command, arguments)
        except (ConnectionError, FileNotFoundError):
            pass
        try:
            with exclusive(config.folder):
                return _alone(config, command, arguments)
        except Locked as held:
            if time.monotonic() > deadline:
                raise unreachable(
                    "node.busy",
                    str(config.folder.lock),
                    held.faults[0].cause,
                    "try again; when no xdsnode process runs any more, look at the node's log",
                ) from None
        time.sleep(_PAUSE_SECONDS)


@contextlib.contextmanager
def many(config: Config) -> Iterator[Order]:
    """For a command that gives thousands of orders, from several threads: a node that does not run is opened once.

    Until the end nobody else works with that node; where one runs, each order is one for it, as with `execute`.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(exclusive(config.folder))
        except Locked:
            yield partial(execute, config)
            return
        yield from _opened(config)


def _opened(config: Config) -> Iterator[Order]:
    """A node's services on an event loop in a thread of its own."""
    import asyncio  # noqa: PLC0415
    import threading  # noqa: PLC0415

    from node.operations import execute as operate  # noqa: PLC0415
    from node.services import open_services  # noqa: PLC0415

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opened, operator = open_services(config), control_call.operator_name(os.geteuid())
    try:
        services = asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result()
        try:
            yield lambda command, arguments: asyncio.run_coroutine_threadsafe(
                operate(services, command, arguments, operator), loop
            ).result()
        finally:
            asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _alone(config: Config, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    # The whole node is imported only where no running one can be asked.
    import asyncio  # noqa: PLC0415

    from node.operations import execute as operate  # noqa: PLC0415
    from node.services import open_services  # noqa: PLC0415

    async def work() -> dict[str, Any]:
        async with open_services(config) as services:
            return await operate(services, command, arguments, control_call.operator_name(os.geteuid()))

    return asyncio.run(work())
