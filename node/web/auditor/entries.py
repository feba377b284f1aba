"""One entry: in sentences, with the steps of its proof, and as a file that proves itself (ui 4.f)."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from aiohttp import web

from node.auditing.proofs import proof_of
from node.web.auditor.telling import SIGNS, cx_of, download, line, used
from node.web.view import View
from trust.audit.fhir import audit_event
from trust.errors import LedgerBroken
from trust.ledger import hdn_verify, receipt
from trust.ledger.shard_files import ShardFiles
from trust.search.search import Found, look_up

_README: Final = """\
One entry of an audit log, and the proof that it is in it.

  record.json        the record as it was logged, its exact bytes
  salt               the secret that opens the commitment of the 98 bytes that the log keeps of it
  entry.tlog-proof   these 98 bytes, the hashes that lead from them to the root, and the signed state of the log
  vkey               the key of the log; compare it with one that came another way
  hdn_verify.py      checks all of it; it needs nothing but Python 3.10 or newer

Run in this folder: python3 hdn_verify.py receipt entry.tlog-proof --vkey vkey --record record.json --salt salt
"""


async def _found(view: View) -> tuple[Found, bytes] | None:
    label = f"{view.parameters['y']}/{view.parameters['n']}"
    try:
        return await asyncio.to_thread(look_up, view.desk.services.config.folder.database, label)
    except LookupError:
        return None


def _nothing(view: View) -> web.Response:
    cause = view.words(
        "There is no such entry, or its record was erased; then its place in the log can still be proved."
    )
    return view.problem(404, "AUD-04", cause, view.words("Look for it in the log."))


async def entry(view: View) -> web.StreamResponse:
    """The entry, explained."""
    both = await _found(view)
    if both is None:
        return _nothing(view)
    found, salt = both
    number = await view.record(used(view, "audit explain", {"shown": found.label}, cx_of(found.record["subject"])))
    config = view.desk.services.config
    try:
        await view.desk.services.sequencer.publish()
        proof = await asyncio.to_thread(proof_of, config, found, salt)
    except (OSError, ValueError, LedgerBroken):
        step = view.words("Stop the node, keep its folder as it is, and verify the log.")
        return view.problem(500, "AUD-05", view.words("The published log does not prove this entry."), step)
    event = found.record["event"]
    return view.page(
        "auditor/entry.html",
        found=found,
        one=line(view, found, view.desk.names()),
        proof=proof,
        steps=_steps(view, found, proof),
        facts=_facts(found),
        receipt=found.record.get("peer_receipt", ""),
        human=next((one["user"] for one in event.get("participants", ()) if one["user"].startswith("<")), ""),
        fhir=json.dumps(audit_event(found.record), indent=1, ensure_ascii=False),
        signs=SIGNS,
        entry=number,
    )


def _steps(view: View, found: Found, proof: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """The way from the record to the signed state: whether each step holds, and what it says."""
    if "leaf" not in proof:
        said = view.words("The entry is not published yet: the log's files end before it. Look again in a second.")
        return [(False, said)]
    fits = bool(proof["commitment_holds"])
    texts = [
        (
            fits,
            view.words("The record fits the 98 bytes that the log keeps of it ({leaf}).")
            if fits
            else view.words("The record does NOT fit the 98 bytes that the log keeps of it ({leaf}): it was changed."),
        ),
        (True, view.words("These bytes are entry {index}; their hash is {hash}.")),
        (True, view.words("With {hashes} further hashes it leads to the root of all {size} entries.")),
        (True, view.words("The node's key has signed this root.")),
    ]
    witnesses = proof["witnesses"]
    texts.append(
        (
            bool(witnesses),
            view.words("Outside witnesses have signed too: {witnesses}.")
            if witnesses
            else view.words("No outside witness has signed yet; only this institution vouches for the log."),
        )
    )
    values = {
        "leaf": f"{proof['leaf'][:16]}…",
        "hash": f"{proof['leaf_hash'][:16]}…",
        "index": found.index,
        "hashes": len(proof["inclusion"]),
        "size": proof["size"],
        "witnesses": ", ".join(witnesses),
    }
    return [(holds, text.format(**values)) for holds, text in texts]


def _facts(found: Found) -> list[tuple[str, str]]:
    """The fields as they are, for who wants them."""
    record, event = found.record, found.record["event"]
    note = event.get("note", {})
    rows = [
        ("log", found.origin),
        ("kind", str(record["kind"])),
        ("patient", record["subject"]),
        *(
            (one["user"], " ".join((one.get("name", ""), one.get("address", ""))))
            for one in event.get("participants", ())
        ),
        *(("document", one["id"]) for one in event.get("objects", ()) if one["type"] == "2"),
        ("incident", event.get("incident") or note.get("incident", "")),
        ("message", record["cid"]),
        *((name, value) for name, value in sorted(note.items())),
    ]
    return [(name, value.strip()) for name, value in rows if value.strip()]


async def proof(view: View) -> web.StreamResponse:
    """The entry with everything that proves it, as a file; handing it over is on record."""
    both = await _found(view)
    if both is None:
        return _nothing(view)
    found, salt = both
    config = view.desk.services.config
    await view.record(used(view, "audit proof saved", {"shown": found.label}, cx_of(found.record["subject"])))
    try:
        await view.desk.services.sequencer.publish()
        file = await asyncio.to_thread(_bundle, found, salt, config.folder.audit / found.label.partition("/")[0])
    except (OSError, ValueError, IndexError, LedgerBroken):
        step = view.words("Stop the node, keep its folder as it is, and verify the log.")
        return view.problem(500, "AUD-05", view.words("The published log does not prove this entry."), step)
    return await download(view, f"entry-{found.label.replace('/', '-')}.zip", file, "application/zip")


def _bundle(found: Found, salt: bytes, folder: Path) -> BinaryIO:
    files, target = ShardFiles(folder), BytesIO()
    proof = receipt.render(files.entry(found.index), found.index, files.proof(found.index), files.note)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", _README)
        bundle.writestr("record.json", found.body)
        bundle.writestr("salt", salt)
        bundle.writestr("entry.tlog-proof", proof)
        bundle.write(folder / "vkey", "vkey")
        bundle.write(hdn_verify.__file__, "hdn_verify.py")
    return target
