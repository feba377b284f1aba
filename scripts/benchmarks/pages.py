"""A patient with 500 documents, 120 of them copies, at ten institutions: what a clinician's page costs (part 5, 2)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from uuid import uuid4

from node.client.documents import Documents
from node.client.session import NodeSession
from node.configuration.config import load
from scripts.benchmarks.fanout import asking_and_peers
from scripts.benchmarks.metadata import patient_id
from scripts.benchmarks.pages_peers import document
from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.setting import Setting
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workshop import BenchError
from scripts.demonstration.processes import together, xdsnode
from tests.end_to_end.nodes import Node
from tests.end_to_end.pages import Browser, Page, account
from tests.end_to_end.wire import SUCCESS, provide

INSTITUTIONS, DISTINCT, COPIES = 10, 38, 12
MOST_BYTES = 100_000
_ROUNDS = 9


def _numbers(place: int) -> list[int]:
    """Documents of one institution: its own, and copies of the first ones of the institution before."""
    before = (place - 1) % INSTITUTIONS * DISTINCT
    return [*range(place * DISTINCT, (place + 1) * DISTINCT), *range(before, before + COPIES)]


def pages(setting: Setting) -> list[Row]:
    """First content of the list, and the whole list against the query that it shows."""
    folder, peers = asking_and_peers(setting, "pages", INSTITUTIONS - 1)
    patient, number = patient_id(0), patient_id(0).partition("^")[0]
    held = [{**peer, "numbers": _numbers(place)} for place, peer in enumerate(peers, start=1)]
    lines = setting.workshop.module("pages_peers", json.dumps({"peers": held, "patient": patient}), core=1, reads=True)
    stage = Stage(setting.workshop, folder, setting.workshop.ports()).start()
    own = Node(folder, stage.base, "asking", described=stage.described)
    xdsnode("patient", "add", patient, "--dir", str(folder))
    together(
        [
            ["peer", "add", str(peer["export"]), "--fingerprint", str(peer["fingerprint"]), "--dir", str(folder)]
            for peer in peers
        ]
    )
    body, parts = provide(patient, [document(one) for one in _numbers(0)])
    if own.client().send("iti-41", body, parts).status != SUCCESS:
        raise BenchError("the asking node did not take its own documents")
    browser = Browser(own)
    browser.sign_in(account(own, "a.bench", "--profession", "physician"))
    first, ratios, sizes = [], [], []
    for _ in range(_ROUNDS):
        found = browser.submit(browser.get("/patients"), "/patients/search", number=number)
        began = time.monotonic()
        page = browser.submit(found, "/visit", purpose="TREAT", note="measured visit")
        first.append(time.monotonic() - began)
        sizes.append(len(page.body))
        page = browser.all_answers(page)
        if f"{INSTITUTIONS * DISTINCT} documents." not in page.text:
            raise BenchError(f"not {INSTITUTIONS * DISTINCT} lines: {page.text[:300]}")
        ratios.append(_seconds(browser, page) / _query(folder, patient))
    setting.report(f"  first content {max(sizes):,} bytes")
    if max(sizes) > MOST_BYTES:
        raise BenchError(f"the first content has {max(sizes):,} bytes, {MOST_BYTES:,} at most")
    setting.workshop.end(lines.process)
    stage.stop()
    return [
        figure(
            "pages: first content of 500 documents",
            "seconds",
            first,
            Goal(gate=1.0, aim=0.6, lower_is_better=True),
            note=f"{max(sizes):,} bytes",
        ),
        figure(
            "pages: the list of 500 again", "the query to ten", ratios, Goal(gate=1.0, aim=0.3, lower_is_better=True)
        ),
    ]


def _seconds(browser: Browser, page: Page) -> float:
    began = time.monotonic()
    browser.get(page.address)
    return time.monotonic() - began


def _query(folder: Path, patient: str) -> float:
    began = time.monotonic()
    with NodeSession(load(folder)) as session:
        found = Documents(session, uuid4).of_patient(patient)
    if not found.documents:
        raise BenchError("the query found nothing")
    return time.monotonic() - began
