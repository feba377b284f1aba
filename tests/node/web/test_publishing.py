"""Publishing by hand: what the node does with a file while others wait for their pages."""

import asyncio
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from node.web import publishing


async def test_others_have_their_turn_while_a_file_is_read():
    """50 MB of XML take seconds."""
    others = threading.Event()

    class ReadError(Exception):
        pass

    class Sent:
        problem = ""

        @property
        def content(self) -> bytes:
            assert others.wait(10), "nobody else had a turn"
            raise ReadError

    services = SimpleNamespace(clock=lambda: datetime(2026, 11, 30, tzinfo=UTC))
    view = SimpleNamespace(
        parameters={"h": "h"}, now=0.0, upload=Sent(), desk=SimpleNamespace(services=services),
        signed_in=SimpleNamespace(visit=lambda *_: SimpleNamespace()),
    )  # fmt: skip
    asyncio.get_running_loop().call_soon(others.set)
    with pytest.raises(ReadError):
        await publishing.upload(view)
