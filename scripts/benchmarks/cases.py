"""What is measured: each case sets up its targets, runs the rounds and gives its rows (performance 4.3, 5)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from scripts.benchmarks import machine, requests
from scripts.benchmarks.controls import FILE_TO_NGINX
from scripts.benchmarks.correctness import check_queries
from scripts.benchmarks.raw_inserts import prepare
from scripts.benchmarks.report import Goal, Row, control_row, figure, ratio
from scripts.benchmarks.setting import SMALL_REQUEST, SOAP, Setting
from scripts.benchmarks.stage import filled, staged
from scripts.benchmarks.workshop import Aim, Lines, Loaded, measure

CONNECTIONS: Final = 32
LARGE_CONNECTIONS: Final = 4
SUCCESS: Final = "ResponseStatusType:Success"
UNAUDITED: Final = (sys.executable, "-P", "-m", "scripts.benchmarks.unaudited")


class RawInserts:
    """The control of ITI-42 as a target."""

    def __init__(self, lines: Lines) -> None:
        """`lines` is the process of raw_inserts."""
        self._lines = lines

    def run(self, seconds: float) -> dict[str, Any]:
        """Insert for a while; it counts its own CPU time."""
        return self._lines.order(seconds=seconds)


def _loaded(setting: Setting, aims: Mapping[str, Aim]) -> dict[str, Loaded]:
    setting.stage.settle()
    return setting.workshop.load(setting.stage.tls, aims, setting.patients)


def iti18(setting: Setting) -> list[Row]:
    """FindDocuments with 14 LeafClass, everything on; the same without audit, without a node; the control itself."""
    stage, query = setting.stage, setting.query()
    unaudited = staged(setting.workshop, setting.source(), "unaudited").start(UNAUDITED)
    bare = setting.bare()
    echo = requests.http("/echo", SOAP, b"q" * SMALL_REQUEST)
    targets = _loaded(
        setting,
        {
            "echo": Aim(setting.controls, echo, CONNECTIONS),
            "node": Aim(stage.server, query, CONNECTIONS, same=True, marker=SUCCESS),
            "bare": Aim(bare, query.replace(stage.path("iti-18").encode(), b"/bare", 1), CONNECTIONS, marker=SUCCESS),
            "unaudited": Aim(unaudited.server, query, CONNECTIONS, same=True, marker=SUCCESS),
        },
    )
    check_queries(targets["node"], stage)
    measured = measure(
        targets,
        control="echo",
        seconds=setting.seconds,
        least_share=0.9 if machine.cores() else 0.0,
        report=setting.report,
    )
    check_queries(targets["node"], stage)
    unaudited.stop()
    setting.workshop.end(bare.process)
    return [
        control_row("echo", measured),
        ratio("parse, query, expand; no node", "bare echo", measured, "bare", Goal()),
        ratio("ITI-18, 14 LeafClass, all on", "bare echo", measured, "node", Goal(gate=0.30, aim=0.35, moonshot=0.50)),
        ratio(
            "throughput with audit",
            "without",
            measured,
            "node",
            Goal(gate=0.80, aim=0.90, moonshot=0.97),
            control="unaudited",
        ),
    ]


def iti42(setting: Setting) -> list[Row]:
    """Register one document, everything on, against raw inserts in batches of 32."""
    database = setting.workshop.folder / "nodes" / f"raw-{setting.documents}.db"
    database.parent.mkdir(parents=True, exist_ok=True)
    prepare(database, setting.documents)
    raw = setting.workshop.module("raw_inserts", str(database), str(setting.documents), reads=True)
    register = requests.register(setting.stage.path("iti-42"), "2.999.3.77")
    node = _loaded(setting, {"node": Aim(setting.stage.server, register, CONNECTIONS, marker=SUCCESS)})["node"]
    measured = measure(
        {"raw": RawInserts(raw), "node": node}, control="raw", seconds=setting.seconds, report=setting.report
    )
    setting.workshop.end(raw.process)
    return [
        ratio(
            "ITI-42, 1 document, all on",
            "raw inserts, 32 a commit",
            measured,
            "node",
            Goal(gate=0.20, aim=0.30, moonshot=0.55),
        )
    ]


def iti43(setting: Setting) -> list[Row]:
    """Retrieve 10 MB, decrypted and audited, against a bare stream of a file, and both of them against nginx."""
    unique_id = "2.25.777000777"
    setting.submit(setting.ten_megabytes(), unique_id)
    stage = setting.stage
    retrieve = requests.retrieve(stage.path("iti-43"), stage.described["repository_unique_id"], unique_id)
    aims = {
        "stream": Aim(setting.controls, requests.download("/file"), LARGE_CONNECTIONS, same=True),
        "node": Aim(stage.server, retrieve, LARGE_CONNECTIONS),
    }
    nginx = setting.nginx()
    if nginx is not None:
        aims["nginx"] = Aim(nginx, requests.download("/" + setting.ten_megabytes().name), LARGE_CONNECTIONS, same=True)
    control = "stream" if nginx is None else "nginx"
    measured = measure(_loaded(setting, aims), control=control, seconds=setting.seconds, report=setting.report)
    name, goals = "ITI-43, 10 MB, decrypted and audited", (0.80, 1.0, 1.15)
    # The goals are of a machine where the stream did so much more than nginx: what they mean against the stream itself.
    gate, aim, moonshot = (round(goal / FILE_TO_NGINX, 2) for goal in goals)
    translated, note = Goal(gate=gate, aim=aim, moonshot=moonshot), f"goals divided by {FILE_TO_NGINX}"
    to_stream = ratio(name, "256 KB stream", measured, "node", translated, control="stream", note=note)
    if nginx is None:
        return [to_stream]
    setting.workshop.end(nginx.process)
    return [
        ratio("10 MB of a plain file; no node", "nginx", measured, "stream", Goal()),
        ratio(name, "nginx", measured, "node", Goal(gate=goals[0], aim=goals[1], moonshot=goals[2])),
        to_stream,
    ]


def iti41(setting: Setting) -> list[Row]:
    """Provide 10 MB, encrypted, hashed and on disk, against receiving and discarding the same bytes."""
    content = setting.ten_megabytes().read_bytes()
    provide = requests.provide(setting.stage.path("iti-41"), content)
    discard = requests.http("/discard", "application/octet-stream", requests.NUMBER + content)
    targets = _loaded(
        setting,
        {
            "discard": Aim(setting.controls, discard, LARGE_CONNECTIONS),
            "node": Aim(setting.stage.server, provide, LARGE_CONNECTIONS, marker=SUCCESS),
        },
    )
    measured = measure(targets, control="discard", seconds=setting.seconds, report=setting.report)
    return [
        ratio(
            "ITI-41, 10 MB, all on",
            "receive and discard",
            measured,
            "node",
            Goal(gate=0.22, aim=0.30, moonshot=0.40),
        )
    ]


def growth(setting: Setting) -> list[Row]:
    """p99 of ITI-18 with many documents against ten thousand, everything warm."""
    small = staged(setting.workshop, filled(setting.workshop, 10_000), "small").start()
    query = setting.query()
    eight = 8
    targets = {
        **setting.workshop.load(small.tls, {"small": Aim(small.server, query, eight, same=True)}, 10_000 // 20),
        **_loaded(setting, {"large": Aim(setting.stage.server, query, eight, same=True)}),
    }
    # A control that differs from itself by its own noise decides here too, so the A/A rule applies to the small node.
    measured = measure(targets, control="small", seconds=setting.seconds, report=setting.report)
    small.stop()
    ratios = [
        max(part.p99 for part in one.of("large")) / max(part.p99 for part in one.of("small")) for one in measured.rounds
    ]
    goal = Goal(gate=1.5, aim=1.35, moonshot=1.2, lower_is_better=True)
    if not ratios:
        return [control_row("ITI-18 p99 growth", measured)]
    return [figure(f"ITI-18 p99 at {setting.documents:,}", "p99 at 10,000", ratios, goal)]


Case = Callable[[Setting], list[Row]]
