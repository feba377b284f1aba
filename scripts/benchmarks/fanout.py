"""One question to many communities, each of which takes 100 ms: what the asking node adds to the slowest of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from scripts.benchmarks import requests
from scripts.benchmarks.metadata import AUTHORITY, find_documents, patient_id
from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.setting import Setting
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workshop import Aim, BenchError
from scripts.demonstration.federation import HTTPS
from scripts.demonstration.processes import together, xdsnode

DELAY = 0.1
_SLICES = 5


def _make(setting: Setting, count: int) -> tuple[Path, list[dict[str, object]], int]:
    """An asking node that knows `count` others; they are nodes only as far as their keys go."""
    folder = setting.workshop.folder / "work" / f"fanout-{count}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bases = [setting.workshop.ports() for _ in range(count + 1)]
    names = ["asking", *(f"peer{k}" for k in range(count))]
    inits = [
        [
            *("init", "--dev", "--dir", str(folder / name), "--name", name, "--port-base", str(base)),
            *("--authority", AUTHORITY, "--ca", str(folder / "ca")),
        ]
        for name, base in zip(names, bases, strict=True)
    ]
    together(inits[:1])
    for start in range(1, len(inits), 4):
        together(inits[start : start + 4])
    peers: list[dict[str, object]] = []
    for name, base in zip(names[1:], bases[1:], strict=True):
        export = folder / f"{name}.json"
        export.write_text(xdsnode("endpoints", "--export", "--dir", str(folder / name)).out, encoding="utf-8")
        said = json.loads(export.read_text(encoding="utf-8"))
        xdsnode("peer", "add", str(export), "--fingerprint", said["fingerprint"], "--dir", str(folder / "asking"))
        described = json.loads(xdsnode("endpoints", "--json", "--dir", str(folder / name)).out)
        home = described["home_community_id"]
        peers.append({"home": home, "port": base + HTTPS, "folder": str(folder / name)})
    xdsnode("patient", "add", patient_id(0), "--dir", str(folder / "asking"))
    return folder / "asking", peers, bases[0]


def _measured(setting: Setting, count: int, goal: Goal) -> Row:
    asking, peers, base = _make(setting, count)
    spec = {"peers": peers, "patient": patient_id(0), "seconds": DELAY}
    lines = setting.workshop.module("fanout_peers", json.dumps(spec), core=1, reads=True)
    stage = Stage(setting.workshop, asking, base).start()
    query = requests.stored_query(stage.path("iti-18"), find_documents(patient_id(0)))
    target = setting.workshop.load(
        stage.tls, {"ask": Aim(stage.server, query, 1, marker="ResponseStatusType:Success")}, 1
    )
    asked = target["ask"]
    asked.run(1.0)  # connections to the peers are open
    added = []
    for _ in range(_SLICES):
        said = asked.run(1.5)
        if said["wrong"]:
            raise BenchError(f"fan-out of {count}: {said['first_wrong']}")
        added.append(said["p50"] - DELAY * 1000)
    setting.workshop.end(lines.process)
    stage.stop()
    return figure(f"fan-out of {count}, 20 KB each", "ms added to 100 ms", added, goal)


def fanout(setting: Setting) -> list[Row]:
    """Two and ten peers."""
    return [
        _measured(setting, 2, Goal(lower_is_better=True)),
        _measured(setting, 10, Goal(gate=6, aim=4, moonshot=3, lower_is_better=True)),
    ]
