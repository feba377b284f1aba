"""Is the log intact? The verifier's answer, and the evidence to hand over (ui 4.f)."""

from __future__ import annotations

import asyncio
import re
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO, Final

from aiohttp import web

from node.web.auditor.tasks import Said, Task, verifier
from node.web.auditor.telling import download, gone, keep, used
from node.web.view import View
from trust.ledger import hdn_verify

_YEAR: Final = re.compile(r"[0-9]{4}[a-z]?")
_MOST_NOTE: Final = 16 * 1024
_VERDICTS: Final = {
    0: ("ok", "✓", "The log is intact: every entry, tile, root and signature is as it was signed."),
    1: ("bad", "✕", "The log was changed. The first bad entry is named below."),
    2: ("warn", "!", "The log could not be checked completely: something is missing."),
    3: ("bad", "✕", "Two signed states contradict each other: this proves that the log was forked."),
    4: ("warn", "!", "Every entry is as it was signed, but too few outside witnesses have signed it."),
}
_README: Final = """\
The public layer of an audit log: what its institution has signed, and what nobody can change unseen. It names nobody.

  log/           for each year checkpoint, cosigned state, policy, key, and every entry and hash
  said.txt       what the verifier said when this was handed over
  hdn_verify.py  the verifier; it needs nothing but Python 3.10 or newer

Run in this folder: python3 hdn_verify.py verify log
Keep the file `checkpoint`. Later this tells whether anything that it states was changed since:
python3 hdn_verify.py since OLD_CHECKPOINT log/YEAR
"""


async def form(view: View) -> web.StreamResponse:
    """What verifying does, and its beginning."""
    return _page(view, None, "")


def _is_signed(folder: Path, note: str) -> bool:
    """Whether a state that was kept is one that a log of this node has signed: else it says nothing about the log."""
    year = note.partition("\n")[0].rpartition("/")[2]
    try:
        key = hdn_verify.read_key((folder / year / "vkey").read_text("utf-8")) if _YEAR.fullmatch(year) else None
        return key is not None and key.name in hdn_verify.read_note(note.encode(), [key]).signers
    except (OSError, hdn_verify.Verdict):
        return False


async def begin(view: View) -> web.StreamResponse:
    """Verify the whole log, or since an older signed state."""
    old = view.fields.get("old", "").strip()[:_MOST_NOTE].replace("\r\n", "\n")
    old = f"{old}\n" if old else ""
    if old and not await asyncio.to_thread(_is_signed, view.desk.services.config.folder.audit, old):
        said = view.words("This is no state that this log has signed: paste the whole file, as it was saved.")
        return _page(view, None, "", problem=said)
    await view.record(used(view, "audit verify", {"since": old.partition("\n")[0][:200]} if old else {}))
    services = view.desk.services
    task = Task("audit verify", view.now)

    async def work() -> Said:
        await services.sequencer.publish()
        if not old:
            return await verifier("verify", str(services.config.folder.root))
        with tempfile.NamedTemporaryFile() as file:
            file.write(old.encode())
            file.flush()
            return await verifier("since", file.name, str(services.config.folder.root))

    task.start(work)
    return view.see(f"/audit/verify/{keep(view.signed_in.kept, task)}")


async def result(view: View) -> web.StreamResponse:
    """How it goes on, and what came of it; that it was seen is on record once it is done."""
    task = _task(view)
    if task is None:
        return gone(view)
    entry = ""
    if task.done:
        status = task.result.status if isinstance(task.result, Said) else -1
        entry = await view.record(used(view, "audit verify", {"exit status": str(status)}))
    return _page(view, task, entry)


async def evidence(view: View) -> web.StreamResponse:
    """The log's public layer with the verifier, as a file."""
    task = _task(view)
    if task is None or not isinstance(task.result, Said):
        return gone(view)
    await view.record(used(view, "audit evidence handed over", {}))
    file = await asyncio.to_thread(_bundle, view.desk.services.config.folder.audit, task.result)
    return await download(view, "audit-log.zip", file, "application/zip")


def _task(view: View) -> Task | None:
    task = view.signed_in.kept.get(view.parameters["t"])
    return task if isinstance(task, Task) and task.what == "audit verify" else None


def _page(view: View, task: Task | None, entry: str, *, problem: str = "") -> web.Response:
    said = task.result if task and isinstance(task.result, Said) else None
    head = view.desk.services.sequencer.head
    return view.page(
        "auditor/verify.html",
        status=422 if problem else 200,
        problem=problem,
        old=view.fields.get("old", ""),
        task=task,
        name=view.parameters.get("t", ""),
        said=said,
        verdict=_VERDICTS.get(said.status, _VERDICTS[2]) if said else None,
        seconds=round((task.ended or view.now) - task.began, 1) if task else 0,
        size=head.size if head else 0,
        entry=entry,
    )


def _bundle(folder: Path, said: Said) -> BinaryIO:
    """Every published file; the checkpoint first, so that all it covers is there."""
    target = tempfile.TemporaryFile()  # noqa: SIM115  whoever sends it closes it
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:
        bundle.writestr("README.txt", _README)
        bundle.writestr("said.txt", f"{said.output}\n{said.complaint}\nexit status {said.status}\n")
        bundle.write(hdn_verify.__file__, "hdn_verify.py")
        for path in sorted(folder.rglob("*"), key=lambda one: ("tile" in one.parts, str(one))):
            if path.is_file() and not path.name.startswith("."):
                bundle.write(path, f"log/{path.relative_to(folder)}")
    return target
