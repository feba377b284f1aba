"""Disclosure reports for tests: a log of two years about several patients, and bundles that can be changed."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trust.ledger.ledgers import KEYS, TIME, Place, local, query_event
from trust.audit.event import Kind, NewRecord, Outcome
from trust.ledger import hdn_verify, store
from trust.ledger.disclosure import Disclosure, Wanted, disclose

PATIENT, OTHER, FORMER = "2.999.10.100|A-1", "2.999.10.100|A-2", "2.999.10.100|A-1-old"
INSTITUTION = {"name": "St. Mary <Hospital>", "home": "urn:oid:2.999.10"}


def at(record: NewRecord, day: str) -> NewRecord:
    """The same record at another time."""
    return NewRecord(kind=record.kind, time=f"{day}T08:00:00.000Z", event=record.event, subject=record.subject)


async def fill(place: Place) -> None:
    """2025: three entries about A-1; 2026: seven about A-1, two about A-1-old, others; more than a tile of others."""
    place.time = "2025-12-30T08:00:00.000Z"
    async with place.running() as ledger:
        await ledger.record([at(local(one), "2025-12-30") for one in ("A-1", "A-2", "A-1", "A-1")])
    place.time = TIME
    async with place.running() as ledger:
        await ledger.record([at(local(one), "2026-02-01") for one in ("A-1", "A-2", "A-1-old", "A-1")])
        await ledger.record([at(local("A-2"), "2026-03-01") for _ in range(270)])
        await ledger.record([at(local("A-1", outcome=Outcome.SERIOUS), "2026-04-01")])
        await ledger.record([at(local(one), "2026-05-01") for one in ("A-1-old", "A-1", "A-2", "A-1")])
        asked = NewRecord(
            kind=Kind.REQUEST_SENT,
            time="2026-06-01T08:00:00.000Z",
            subject=PATIENT,
            peer="urn:oid:2.999.20",
            cid="urn:uuid:1",
            leg="q",
            payload=b"q" * 32,
            note={"transaction": "ITI-38", "incident": "i-9"},
        )
        answered = NewRecord(
            kind=Kind.RESPONSE_RECEIVED,
            time="2026-06-01T08:00:01.000Z",
            subject=PATIENT,
            peer="urn:oid:2.999.20",
            cid="urn:uuid:1",
            leg="s",
            payload=b"s" * 32,
            event=query_event("A-1", incident="i-9"),
        )
        await ledger.record([asked])
        await ledger.record([answered])


def made(place: Place, **changes: Any) -> Disclosure:
    """The report about A-1."""
    values: dict[str, Any] = {
        "patients": [PATIENT],
        "made": TIME,
        "institution": INSTITUTION,
        "names": {"urn:oid:2.999.20": "Lakeside Clinic 湖畔诊所"},
    }
    with contextlib.closing(store.open_reader(place.database)) as reader:
        return disclose(reader, place.audit, KEYS.subject_master, Wanted(**(values | changes)))


def packed(report: Disclosure, *, leaves: bool = True) -> bytes:
    target = io.BytesIO()
    report.write(target, leaves=leaves)
    return target.getvalue()


def changed(
    data: bytes,
    *,
    report: Callable[[dict[str, Any]], object] | None = None,
    files: Callable[[dict[str, bytes]], object] | None = None,
    page: bool = True,
) -> bytes:
    """A bundle after somebody worked on it: on `report.json`, whose page is made anew (`page`), or on any file."""
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        held = {name: bundle.read(name) for name in bundle.namelist()}
    if report is not None:
        content = json.loads(held["report.json"])
        report(content)
        held["report.json"] = json.dumps(content).encode()
        if page:
            held["report.html"] = hdn_verify.page(content, content["languages"]).encode()
    if files is not None:
        files(held)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as bundle:
        for name, content in held.items():
            bundle.writestr(name, content)
    return target.getvalue()


def unpacked(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        bundle.extractall(folder)
    return folder
