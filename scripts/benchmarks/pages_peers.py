"""Other communities for the pages: one process, a listener for each, truthful about what it is told to hold."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.end_to_end.wire import Document
from tests.simulator.community import Community, Keys


def document(number: int) -> Document:
    """The same wherever it is held."""
    kind = f"Letter {number % 7}"
    content = f"document {number}".encode()
    return Document(content, unique_id=f"2.999.5002.{number}", id=f"Document{number:04}", title=kind)


async def _serve(spec: dict[str, Any]) -> None:
    for one in spec["peers"]:
        folder = Path(one["folder"]) / "keys"
        community = Community(one["home"], Keys(folder / "tls.pem", folder / "tls.key", folder / "trust.pem"))
        community.keep_requests = False
        community.holds(spec["patient"], *map(document, one["numbers"]))
        await community.start(one["port"])
    print(json.dumps({"listening": len(spec["peers"])}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
