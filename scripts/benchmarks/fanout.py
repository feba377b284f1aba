"""One question to many communities, each of which takes 100 ms: what the asking node adds to the slowest of them.

The peers share a core with the load generator and with each other, so the slowest takes somewhat more than 100 ms. What
it took by its own account, from having the whole question to having given its answer to the kernel, is subtracted,
question by question. Everything else is the asking node's: also that it asks one peer after the other.
"""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmarks import requests
from scripts.benchmarks.metadata import AUTHORITY, find_documents, patient_id
from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.setting import Setting
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workshop import Aim, BenchError, Lines, Loaded
from scripts.demonstration.federation import HTTPS
from scripts.demonstration.processes import together, xdsnode

DELAY = 0.1
COUNTS = {2: Goal(lower_is_better=True), 10: Goal(gate=6, aim=4, moonshot=3, lower_is_better=True)}
_SLICES = 5


def asking_and_peers(setting: Setting, called: str, count: int) -> tuple[Path, list[dict[str, object]]]:
    """An asking node, and others that are nodes only as far as their keys go; nobody knows anybody yet."""
    folder = setting.workshop.folder / "work" / "nodes" / called
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = ["asking", *(f"peer{k}" for k in range(count))]
    bases = [setting.workshop.ports() for _ in names]
    inits = [
        [
            *("init", "--dev", "--dir", str(folder / name), "--name", name, "--port-base", str(base)),
            *("--authority", AUTHORITY, "--ca", str(folder / "ca")),
        ]
        for name, base in zip(names, bases, strict=True)
    ]
    together(inits[:1])  # it makes the common development CA
    _batches(inits[1:])
    exports = _batches([["endpoints", "--export", "--dir", str(folder / name)] for name in names[1:]])
    peers: list[dict[str, object]] = []
    for name, base, export in zip(names[1:], bases[1:], exports, strict=True):
        path = folder / f"{name}.json"
        path.write_text(export, encoding="utf-8")
        said = json.loads(export)
        peers.append(
            {
                **{"home": said["home_community_id"], "port": base + HTTPS, "folder": str(folder / name)},
                **{"export": str(path), "fingerprint": said["fingerprint"]},
            }
        )
    return folder / "asking", peers


def _batches(commands: Sequence[Sequence[str]], size: int = 4) -> list[str]:
    """Run commands a few at a time and return what they printed."""
    return [said.out for start in range(0, len(commands), size) for said in together(commands[start : start + size])]


def _measured(setting: Setting, asked: Loaded, peers: Lines, count: int, goal: Goal) -> Row:
    added, beyond, cpu = [], [], []
    peers.order()  # what they did so far belongs to nobody
    for _ in range(_SLICES):
        said = asked.run(setting.seconds, each=True)
        if said["wrong"]:
            raise BenchError(f"fan-out of {count}: {said['first_wrong']}")
        slowest = _slowest(said["each"], peers.order()["took"], count)
        added.append(statistics.median(took - own for (_, took), own in zip(said["each"], slowest, strict=True)) / 1e6)
        beyond.append(said["p50"] - DELAY * 1000)
        cpu.append(said["cpu"] / said["done"] * 1000)
        late = statistics.median(slowest) / 1e6 - DELAY * 1000
        setting.report(
            f"  {count} peers: {added[-1]:.1f} ms beyond the slowest, which is {late:.1f} ms late; "
            f"{beyond[-1]:.1f} ms beyond {DELAY * 1000:.0f} ms; {cpu[-1]:.1f} ms of CPU"
        )
    note = (
        f"beyond {DELAY * 1000:.0f} ms: {statistics.median(beyond):.1f} ms; subtracted is what the slowest peer took "
        f"from having the question to having answered; {statistics.median(cpu):.1f} ms of CPU"
    )
    return figure(f"fan-out of {count}, 20 KB each", "ms beyond the slowest", added, goal, note)


def _slowest(asked: Sequence[tuple[int, int]], took: Sequence[tuple[int, int]], count: int) -> list[int]:
    """For every question the longest time that a peer took, by the peers' own clocks; one question at a time."""
    slowest = []
    for begun, latency in asked:
        inside = [left - arrived for arrived, left in took if begun <= arrived and left <= begun + latency]
        if len(inside) < count:
            raise BenchError(f"{len(inside)} of {count} communities answered a question")
        slowest.append(max(inside))
    return slowest


def fanout(setting: Setting) -> list[Row]:
    """Two and then ten peers of the same running node."""
    folder, peers = asking_and_peers(setting, "fanout", max(COUNTS))
    spec = {"peers": peers, "patient": patient_id(0), "seconds": DELAY}
    lines = setting.workshop.module("fanout_peers", json.dumps(spec), core=1, reads=True)
    stage = Stage(setting.workshop, folder, setting.workshop.ports()).start()
    xdsnode("patient", "add", patient_id(0), "--dir", str(folder))
    query = requests.stored_query(stage.path("iti-18"), find_documents(patient_id(0)))
    target = setting.workshop.load(
        stage.tls, {"ask": Aim(stage.server, query, 1, marker="ResponseStatusType:Success")}, 1
    )
    rows, known = [], 0
    for count, goal in COUNTS.items():
        _batches(
            [
                [
                    *("peer", "add", str(peer["export"]), "--fingerprint", str(peer["fingerprint"])),
                    *("--dir", str(folder)),
                ]
                for peer in peers[known:count]
            ]
        )
        known = count
        target["ask"].run(1.0)  # connections to the peers are open
        rows.append(_measured(setting, target["ask"], lines, count, goal))
    setting.workshop.end(lines.process)
    stage.stop()
    return rows
