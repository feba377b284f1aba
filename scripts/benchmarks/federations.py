"""Many communities at once: fifty of which many are broken, and how a query grows with the federation."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from uuid import uuid4

from node.client.documents import Documents
from node.client.session import NodeSession
from node.configuration.config import load
from node.outcome_words import ANSWERED, Outcome, Word
from scripts.benchmarks import requests
from scripts.benchmarks.machine import ROOT
from scripts.benchmarks.metadata import AUTHORITY, find_documents, patient_id
from scripts.benchmarks.plot import plot
from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.setting import Setting
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workshop import Aim, BenchError
from scripts.demonstration.federation import MANAGEMENT
from scripts.demonstration.processes import dies_with_parent, xdsnode
from scripts.simulated.behaviours import mix_of
from scripts.simulated.population import Member, connect, members

FIFTY = "dead=5,silent=5,slow:20=5,garbage=5,lying=2"
WORDS = {"unreachable": 5, "timeout": 10, "protocol": 7, "found": 5, "none": 23}
SIZES = (10, 100, 1000)
KNOWN = 5
LOCATORS = 10  # one community in so many is a locator
_ROUNDS = 3
PERSON = {
    **{"family": "Halvorsen", "given": "Nora", "birth": "19720415", "sex": "F"},
    **{"street": "7 Quay Road", "city": "Norwick", "phone": "tel:+4755551000"},
}
_OPTIONS = {"birth": "birth-date"}
_DEADLINE = 8.0


class _Federation:
    """A node under measurement and simulated communities in a process of their own."""

    def __init__(self, setting: Setting, name: str, mix: str, nodes: int, *, locators: int = 0) -> None:
        """With `locators` every community has identifiers of its own, and the patient is found by demographics."""
        self.setting = setting
        self.folder = setting.workshop.folder / "work" / "nodes" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.asking = self.folder / "asking"
        self.base = 12000  # a thousand ports that no other part of the project uses
        self.patient = patient_id(0)
        xdsnode(
            *("init", "--dev", "--dir", str(self.asking), "--name", "asking"),
            *("--port-base", str(setting.workshop.ports()), "--authority", AUTHORITY, "--ca", str(self.folder / "ca")),
        )
        said = [f"--{_OPTIONS.get(key, key)}={value.removeprefix('tel:')}" for key, value in PERSON.items()]
        xdsnode("patient", "add", self.patient, "--dir", str(self.asking), *(said if locators else ()))
        self.locators = locators
        self.population: list[Member] = members(
            self.folder / "simulated",
            self.folder / "ca",
            self.base,
            mix_of(mix, nodes),
            locators=locators,
            apart=bool(locators),
        )
        self.process = self.serve(mix, nodes)
        self.stage: Stage

    def serve(self, mix: str, nodes: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "scripts.simulated", "--nodes", str(nodes), "--mix", mix),
                *("--dir", str(self.folder / "simulated"), "--ca", str(self.folder / "ca")),
                *("--port-base", str(self.base), "--patient", self.patient, "--known", str(KNOWN)),
                *(("--locators", str(self.locators), "--person", json.dumps(PERSON)) if self.locators else ()),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=dies_with_parent,  # noqa: PLW1509  no other thread runs yet
        )
        assert process.stdout is not None
        if not any(line.startswith("ready") for line in process.stdout):
            raise BenchError("the simulated communities did not start")
        if len(os.sched_getaffinity(0)) > 1:
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        return process

    def start(self, known: int) -> None:
        """The node, which knows so many of the communities."""
        connect(self.asking, self.population[:known])
        self.stage = Stage(self.setting.workshop, self.asking, self.setting.workshop.ports()).start()

    def ask(self) -> _Asked:
        """One clinician's query, as `find` asks it."""
        asked = _Asked()
        with NodeSession(load(self.asking)) as session:
            found = Documents(session, uuid4).of_patient(self.patient, tell=asked.tell)
        asked.seconds = time.monotonic() - asked.began
        asked.titles = [entry.title[0].value for entry in found.documents if entry.title]
        asked.documents = len(found.documents)
        return asked

    def exchanges(self) -> int:
        """Requests to other communities so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.stage.base + MANAGEMENT}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        lines = re.findall(r'^xdsnode_peer_calls_total\{.*outcome="(\w+)"\} ([0-9.]+)$', text, re.MULTILINE)
        return int(sum(float(count) for word, count in lines if word != Word.PAUSED))

    def end(self) -> None:
        """Stop everything."""
        self.process.terminate()
        self.process.wait(20)


class _Asked:
    """What one query came to, and when."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.outcomes: list[Outcome] = []
        self.first = 0.0
        self.seconds = 0.0
        self.documents = 0
        self.titles: list[str] = []

    def tell(self, outcome: Outcome) -> None:
        if outcome.word is Word.FOUND and not self.first:
            self.first = time.monotonic() - self.began
        self.outcomes.append(outcome)


def _seconds(name: str, values: list[float], gate: float) -> Row:
    return figure(name, "seconds", values, Goal(gate=gate, lower_is_better=True))


def fifty(setting: Setting) -> list[Row]:
    """Fifty communities of which 22 are broken: first results, end, words, and what local queries feel of it."""
    federation = _Federation(setting, "fifty", FIFTY, 50)
    asked: list[_Asked] = []
    slower: list[float] = []
    try:
        for _ in range(_ROUNDS):  # a node that remembers nothing, so that every round waits for the silent ones
            federation.start(50)
            stage = federation.stage
            query = requests.stored_query(f"{stage.path('iti-18')}?scope=local", find_documents(federation.patient))
            local = setting.workshop.load(
                stage.tls, {"local": Aim(stage.server, query, 1, marker="ResponseStatusType:Success")}, 1
            )["local"]
            local.run(1.0)
            quiet = local.run(_DEADLINE)["p95"]
            thread = threading.Thread(target=lambda: asked.append(federation.ask()))
            thread.start()
            busy = local.run(_DEADLINE)["p95"]
            thread.join()
            slower.append(busy / quiet)
            words = Counter(str(outcome.word) for outcome in asked[-1].outcomes)
            if words != WORDS or "NOT-THIS-PATIENT" in asked[-1].titles:
                raise BenchError(f"fifty communities ended as {dict(words)}")
            setting.report(
                f"  first results {asked[-1].first:.2f} s, end {asked[-1].seconds:.2f} s, "
                f"50 of 50 named right, local p95 {quiet:.2f} -> {busy:.2f} ms"
            )
            stage.stop()
    finally:
        federation.end()
    return [
        _seconds("50 communities: first results", [one.first for one in asked], 1.0),
        _seconds("50 communities: end", [one.seconds for one in asked], _DEADLINE),
        figure("local p95 meanwhile", "p95 before", slower, Goal(gate=1.2, lower_is_better=True)),
        *_recovery(setting),
    ]


def _recovery(setting: Setting) -> list[Row]:
    """A community is gone until it is paused; from the moment it is back, a query each quarter of a second."""
    federation = _Federation(setting, "recovery", "truthful=1", 1)
    waited: list[float] = []
    try:
        federation.start(1)
        for _ in range(_ROUNDS):
            federation.end()
            words: list[Word] = []
            until = time.monotonic() + 20
            while time.monotonic() < until:  # long enough for the longest pause
                words.append(federation.ask().outcomes[0].word)
                time.sleep(0.25)
            if Word.PAUSED not in words:
                raise BenchError("a dead community was never paused")
            federation.process = federation.serve("truthful=1", 1)
            back = time.monotonic()
            while federation.ask().outcomes[0].word not in ANSWERED:
                time.sleep(0.25)
            waited.append(time.monotonic() - back)
            setting.report(f"  used again {waited[-1]:.1f} s after it came back")
        federation.stage.stop()
    finally:
        federation.end()
    return [_seconds("a community that is back is used", waited, 15.0)]


def communities(setting: Setting) -> list[Row]:
    """A patient known to five: exchanges and latency of a query with 10, 100 and 1,000 communities.

    Nobody shares identifiers. The first query asks locators, then those who know the patient; a later one only these.
    """
    rows: list[Row] = []
    points: list[dict[str, float]] = []
    for size in SIZES:
        point: dict[str, float] = {"communities": size}
        federation = _Federation(setting, "communities", "", size, locators=max(3, size // LOCATORS))
        try:
            federation.start(size)
            federation.ask()  # connections are open
            for which in ("first", "later"):
                exchanges, seconds = _counted(federation, which)
                point |= {f"{which} exchanges": exchanges, f"{which} seconds": statistics.median(seconds)}
                name = f"{size} communities, {which} query"
                rows += [
                    figure(f"{name}: exchanges", "of one query", [exchanges], Goal(lower_is_better=True)),
                    figure(f"{name}: latency", "seconds", seconds, Goal(lower_is_better=True)),
                ]
                setting.report(f"  {name}: {exchanges:.0f} exchanges, {statistics.median(seconds):.3f} s")
            federation.stage.stop()
        finally:
            federation.end()
        points.append(point)
    path = Path(setting.workshop.folder) / "results" / "communities.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(plot(points), encoding="utf-8")
    setting.report(f"  plot: {path}")
    return rows


def _counted(federation: _Federation, which: str) -> tuple[float, list[float]]:
    """Exchanges of one query, and how long each took; before a first one everything learned is forgotten."""
    before, seconds = federation.exchanges(), []
    for _ in range(_ROUNDS + 2):
        if which == "first":
            xdsnode("patient", "locate", federation.patient, "--refresh", "--dir", str(federation.asking))
        asked = federation.ask()
        if asked.documents != KNOWN:
            raise BenchError(f"{asked.documents} documents of {KNOWN}, {which} query")
        seconds.append(asked.seconds)
    return (federation.exchanges() - before) / len(seconds), seconds
