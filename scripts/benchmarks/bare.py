"""What parser, database, compression and TLS give where no node is: the ceiling of ITI-18 on this machine.

It reads the slots of a query, takes fourteen approved documents of its patient out of the database of a node, expands
them and answers. Nothing is judged, filled in or recorded: what a node needs beyond this is what the node costs.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from typing import Any

from aiohttp import web
from lxml import etree

from registry.ebrim.fragments import Fragments
from registry.store import dictionaries
from registry.store.keys import id_range
from scripts.benchmarks.controls import serve, server_context

_RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
_PATIENT = "SELECT no FROM patient WHERE cx = ?"
_FOUND = "SELECT template FROM document_entry WHERE id BETWEEN ? AND ? AND deprecated = 0 LIMIT 14"
_HEAD = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><q:AdhocQueryResponse'
    b' xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"'
    b' status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"><rim:RegistryObjectList'
    b' xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
)
_TAIL = b"</rim:RegistryObjectList></q:AdhocQueryResponse></s:Body></s:Envelope>"


class Bare:
    """The one handler."""

    def __init__(self, database: str, content_type: str) -> None:
        """`database` is a node's; it is only read."""
        self._connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        self._expand = Fragments(dictionaries.learned(self._connection)).expand
        self._type = content_type

    async def find(self, request: web.Request) -> web.Response:
        """Fourteen documents of the patient."""
        root = etree.fromstring(await request.read())
        slots = {
            slot.get("name"): [value.text or "" for value in slot.iter(f"{_RIM}Value")]
            for slot in root.iter(f"{_RIM}Slot")
        }
        (number,) = self._connection.execute(_PATIENT, (slots["$XDSDocumentEntryPatientId"][0].strip("'"),)).fetchone()
        found = self._connection.execute(_FOUND, id_range(number)).fetchall()
        body = b"".join([_HEAD, *[self._expand(template) for (template,) in found], _TAIL])
        return web.Response(body=body, headers={"Content-Type": self._type})


async def _serve(spec: dict[str, Any]) -> None:
    application = web.Application()
    application.router.add_post("/bare", Bare(spec["database"], spec["content_type"]).find)
    await serve(application, spec["port"], server_context(spec["cert"], spec["key"], spec["ca"]))


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
