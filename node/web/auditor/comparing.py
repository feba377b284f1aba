"""Do both sides' logs agree? A peer's log, fetched and compared exchange by exchange (ui 4.f; audit-ledger 2.8)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from node.federation.client import PeerFault
from node.federation.log_copy import LogCopy
from node.web.auditor.tasks import Said, Task, Unable, verifier
from node.web.auditor.telling import gone, keep, used
from node.web.view import View
from trust.errors import BadSignature
from trust.ledger.hdn_verify import EXPLAINED, UNDECIDED, UNEXPLAINED

if TYPE_CHECKING:
    from trust.communities import Community

_MOST_ROWS: Final = 500
# Verdict of a row: tone, sign, words.
_VERDICTS: Final = {
    UNEXPLAINED: ("bad", "✕", "needs attention"),
    UNDECIDED: ("warn", "?", "undecided"),
    EXPLAINED: ("off", "i", "explained"),
}
_KINDS: Final = {"1": "asked", "6": "recorded a failure", "4": "got an answer", "2": "was asked", "3": "answered"}


async def form(view: View) -> web.StreamResponse:
    """Which institution to compare with."""
    return _page(view, None, "")


async def begin(view: View) -> web.StreamResponse:
    """Fetch the other log, or what is new of it, and compare."""
    home = view.fields.get("peer", "")
    community = next((one for one in view.desk.services.communities.all() if one.home == home), None)
    if community is None:
        return view.see("/audit/compare")
    await view.record(used(view, "audit reconcile", {"peer": home}))
    task = Task("audit reconcile", view.now, community.name)
    task.start(lambda: _compared(view, community))
    return view.see(f"/audit/compare/{keep(view.signed_in.kept, task)}")


async def _compared(view: View, community: Community) -> dict[str, Any]:
    """What `audit reconcile` says of both logs, as JSON."""
    services, words = view.desk.services, view.words
    config = services.config
    if community.audit is None:
        raise Unable(words("The file this institution was added with names no audit log."))
    folder = config.folder.data / "log-copies" / community.fingerprint[:32]
    year = f"{services.clock():%Y}"
    copy = LogCopy(services.client, community, community.audit, year, folder)
    try:
        await copy.update(lambda _done, _of: None)
    except PeerFault as fault:
        raise Unable(words("Its log could not be fetched: {why}").format(why=fault)) from fault
    except BadSignature as fault:
        raise Unable(words("Its log contradicts itself: {why}").format(why=fault)) from fault
    await services.sequencer.publish()
    said: Said = await verifier(
        "reconcile",
        str(config.folder.root),
        str(folder),
        "--json",
        "--home-b",
        community.home,
        "--home-a",
        view.desk.home,
    )
    if not said.output.lstrip().startswith("{"):
        raise Unable(said.complaint)
    found: dict[str, Any] = json.loads(said.output)
    return {**found, "status": said.status, "complaint": said.complaint}


async def result(view: View) -> web.StreamResponse:
    """How it goes on, and the exchanges on which the two logs do not agree."""
    task = view.signed_in.kept.get(view.parameters["t"])
    if not isinstance(task, Task) or task.what != "audit reconcile":
        return gone(view)
    entry = ""
    if task.done:
        counts = task.result["counts"] if task.result else {"failed": task.failed[:200]}
        entry = await view.record(used(view, "audit reconcile", {name: str(value) for name, value in counts.items()}))
    return _page(view, task, entry)


def _page(view: View, task: Task | None, entry: str) -> web.Response:
    found = task.result if task else None
    rows = [_row(view, one) for one in found["rows"][:_MOST_ROWS]] if found else []
    order = list(_VERDICTS)
    return view.page(
        "auditor/compare.html",
        task=task,
        peers=[one for one in view.desk.services.communities.all() if one.audit],
        found=found,
        rows=sorted(rows, key=lambda one: order.index(one["verdict"])),
        seconds=round((task.ended or view.now) - task.began, 1) if task else 0,
        entry=entry,
    )


def _row(view: View, row: dict[str, Any]) -> dict[str, Any]:
    tone, sign, text = _VERDICTS[row["verdict"]]
    return {
        "verdict": row["verdict"],
        "tone": tone,
        "sign": sign,
        "said": view.words(text),
        "time": row["time"].replace("T", " ")[:19],
        "message": row["cid"],
        "ours": _side(view, row["a"]),
        "theirs": _side(view, row["b"]),
        "meaning": row["meaning"],
        "evidence": row["evidence"],
    }


def _side(view: View, kinds: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    return [(view.words(_KINDS[kind]), labels) for kind, labels in kinds.items() if kind in _KINDS]
