"""Other communities for the fan-out: one process, a listener for each, every answer 20 KB after a set delay."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.end_to_end.wire import NS, SUCCESS, Document
from tests.simulator.community import Asked, Community, Held, Keys, query_answer

_ENTRIES = 6  # about 20 KB


def _late(seconds: float, entries: str) -> Any:
    async def behave(_community: Community, _request: web.Request, asked: Asked) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return query_answer(asked, SUCCESS, entries)

    return behave


async def _serve(spec: dict[str, Any]) -> None:
    for one in spec["peers"]:
        folder = Path(one["folder"]) / "keys"
        community = Community(one["home"], Keys(folder / "tls.pem", folder / "tls.key", folder / "trust.pem"))
        community.keep_requests = False
        held = [Held(spec["patient"], Document(b"x", mime="text/plain")) for _ in range(_ENTRIES)]
        entries = "".join(community.entry(item, home=one["home"]) for item in held)
        community.behaves(_late(spec["seconds"], entries))
        await community.start(one["port"])
    print(json.dumps({"listening": len(spec["peers"]), "bytes": len(entries), "namespace": NS["rim"]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
