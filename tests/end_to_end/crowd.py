"""One real node and nine simulated communities, for tests of what bad lines, pauses, floods and late answers cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scripts.simulated.population import Member, connect, give, members
from tests.end_to_end.line import Line, Mode
from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.end_to_end.wire import Client
from tests.simulator.community import running

PATIENT = f"FAULTS1^^^&{AUTHORITY}&ISO"
BAD = {
    Mode.HOLE: "timeout",
    Mode.ONE_WAY: "timeout",
    Mode.LATE: "timeout",
    Mode.THIN: "timeout",
    Mode.RESET: "unreachable",
    Mode.CUT: "unreachable",
    Mode.LOSSY: "found",
}
HEALTHY = 2
World = tuple[Node, list[Member], list[Line]]


@contextmanager
def crowd(folder: Path) -> Iterator[World]:
    """Each community has a document; a line of its own leads to the first seven."""
    node = Node(folder / "node", free_base(4), "Asking").init(folder / "ca")
    node.know(PATIENT)
    config = node.folder / "node.toml"
    text = config.read_text().replace("# deadline = 8.0", "deadline = 1.2")
    config.write_text(text.replace("# copy_hours = 0", "copy_hours = 24"))
    count = len(BAD) + HEALTHY
    population = members(folder / "simulated", folder / "ca", node.base + 10, [("truthful", 0.0)] * count)
    give(population, PATIENT, count, 1)
    connect(node.folder, population)
    lines = []
    for member in population[: len(BAD)]:
        lines.append(Line(member.community.port, member.community.port + count))
        member.community.port += count
    with running(*(member.community for member in population)):
        for line in lines:
            line.start()
        try:
            yield node.start(), population, lines
        finally:
            for line in lines:
                line.stop()
            node.stop()


def told(node: Node) -> dict:
    """What `find` says."""
    return json.loads(node.run("find", "--patient", PATIENT, "--json", check=False).stdout)


def words(found: dict) -> dict[str, str]:
    return {one["home_community_id"]: one["outcome"] for one in found["outcomes"]}


def as_peer(node: Node, member: Member) -> Client:
    """A client with the certificate of a community."""
    keys = member.community.keys
    return replace(node.client(), cert=str(keys.certificate), key=str(keys.key))
