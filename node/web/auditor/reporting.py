"""The report that a patient can read: a page, or a file that proves itself (ui 4.g)."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from typing import BinaryIO

from aiohttp import web

from node.auditing.reports import report_of
from node.cx import patient_cx
from node.records import subject
from node.web.auditor.telling import download, used
from node.web.language import CHINESE
from node.web.view import View
from trust.errors import LedgerBroken
from trust.ledger.disclosure import Disclosure
from trust.ledger.hdn_verify import LANGUAGES
from trust.search.criteria import period


async def form(view: View) -> web.StreamResponse:
    """For whom, and of which period."""
    return _page(view)


def _page(view: View, problem: str = "", status: int = 200) -> web.Response:
    return view.page("auditor/report.html", status=status, fields=view.fields, problem=problem)


async def make(view: View) -> web.StreamResponse:
    """The report as a download; that it was made, for whom and of which period is on record before it leaves."""
    config = view.desk.services.config
    cx = patient_cx(view.fields.get("patient", "").strip()[:200], config.node.assigning_authority)
    if not subject(cx):
        return _page(view, view.words("This is no patient number."), 422)
    since, until = view.fields.get("since", "").strip(), view.fields.get("until", "").strip()
    try:
        first = period(since)[0] if since else ""
        last = period(until)[1] if until else ""
    except (ValueError, OverflowError):
        return _page(view, view.words("Write dates as 2026, 2026-11 or 2026-11-23."), 422)
    if first and last and first >= last:
        return _page(view, view.words("The period ends before it begins."), 422)
    zipped = view.fields.get("form") == "zip"
    own = "zh" if view.language == CHINESE else "en"
    now = view.desk.services.clock()
    try:
        await view.desk.services.sequencer.publish()
        report = await asyncio.to_thread(
            lambda: report_of(config, cx, since=first, until=last, made=now, languages=LANGUAGES if zipped else (own,))
        )
        file, digest = await asyncio.to_thread(_written, report, zipped=zipped)
    except (OSError, ValueError, LedgerBroken):
        step = view.words("Stop the node, keep its folder as it is, and verify the log.")
        return view.problem(500, "AUD-05", view.words("The published log does not fit its records."), step)
    details = {"since": first, "until": last, "events": str(report.events), "sha256": digest}
    await view.record(used(view, "audit report", {name: value for name, value in details.items() if value}, cx))
    if zipped:
        return await download(view, "report.zip", file, "application/zip")
    return await download(view, "report.html", file, "text/html; charset=utf-8")


def _written(report: Disclosure, *, zipped: bool) -> tuple[BinaryIO, str]:
    target = tempfile.TemporaryFile()  # noqa: SIM115  whoever sends it closes it
    if zipped:
        report.write(target, leaves=True)
    else:
        target.write(report.page().encode())
    target.seek(0)
    return target, hashlib.file_digest(target, "sha256").hexdigest()
