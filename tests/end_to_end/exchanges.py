"""A federation behind bad lines whose nodes ask each other all the time, and the comparison of its logs afterwards."""

from __future__ import annotations

import contextlib
import http.client
import io
import itertools
import json
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.line import Line, Mode
from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.end_to_end.wire import (
    ACTIONS,
    MTOM,
    Document,
    envelope,
    find_documents,
    package,
    provide,
    read_answer,
    retrieve,
)
from trust.ledger import hdn_verify

PATIENT = f"RECONCILE^^^&{AUTHORITY}&ISO"


@dataclass
class Asker:
    """One application of one node; its connection stays open as long as it can."""

    node: Node
    wanted: list[tuple[str, str, str]]  # (home, repository, uniqueId) of the documents at the other nodes
    connection: http.client.HTTPSConnection | None = None
    requests: Iterator[int] = field(default_factory=itertools.count)
    exchanges: int = 0  # what its answers needed: both other nodes each time, but for one that was paused

    def ask(self) -> None:
        """A query of all nodes, or every fourth time a retrieve from both others."""
        body = retrieve(*self.wanted) if next(self.requests) % 4 == 3 else find_documents(PATIENT)
        transaction = "iti-43" if "RetrieveDocumentSet" in body else "iti-18"
        url = self.node.described["endpoints"][transaction]
        host, _, path = url.removeprefix("https://").partition("/")
        payload, kind = envelope(ACTIONS[transaction], body, to=url), "application/soap+xml; charset=UTF-8"
        if transaction in MTOM:
            payload = package("MIMEBoundary_asker", payload, [])
            kind = (
                'multipart/related; boundary="MIMEBoundary_asker"; type="application/xop+xml"; '
                'start="<root@source>"; start-info="application/soap+xml"'
            )
        try:
            if self.connection is None:
                self.connection = http.client.HTTPSConnection(host, context=self.node.client().context(), timeout=30)
            self.connection.request("POST", "/" + path, payload, {"Content-Type": kind})
            response = self.connection.getresponse()
            answer = read_answer(response.status, response.getheader("Content-Type") or "", response.read())
        except (OSError, http.client.HTTPException):  # the node was killed
            self.close()
            return
        assert answer.http_status == 200, answer.raw[:500]
        self.exchanges += 2 - sum("was not asked" in context for _, _, context in answer.errors)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


@dataclass
class Federation:
    """Three nodes, each reached by the others over a line of its own."""

    nodes: list[Node]
    lines: list[Line]
    askers: list[Asker]

    @property
    def exchanges(self) -> int:
        """What the answers that came needed."""
        return sum(asker.exchanges for asker in self.askers)

    def ask(self, times: int, *, of: Sequence[int] = (0, 1, 2), while_asking: tuple[int, int] | None = None) -> None:
        """Every node of `of` asks the others `times` times; `while_asking` = (node, after how many) is killed meanwhile."""
        due = threading.Semaphore(0)

        def work(asker: Asker) -> None:
            for _ in range(times):
                asker.ask()
                due.release()

        threads = [threading.Thread(target=work, args=(self.askers[number],)) for number in of]
        for thread in threads:
            thread.start()
        if while_asking:
            victim, after = while_asking
            for _ in range(after):
                due.acquire()
            self.nodes[victim].stop(signal.SIGKILL)
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()

    def stop(self) -> None:
        for asker in self.askers:
            asker.close()
        for node in self.nodes:
            node.stop()


@contextlib.contextmanager
def behind_lines(folder: Path) -> Iterator[Federation]:
    """Three started nodes that know each other by their lines, with a document in each.

    The first and the third do not exchange anything without a receipt.
    """
    base = free_base(4)
    nodes = [Node(folder / f"node{k + 1}", base + 10 * k, f"Institution {k + 1}") for k in range(3)]
    lines = [Line(base + 30 + k, node.base + 1) for k, node in enumerate(nodes)]
    for node in nodes:
        node.init(folder / "ca")
        config = node.folder / "node.toml"
        config.write_text(config.read_text().replace("# deadline = 8.0", "deadline = 1.0"))
    for node, line in zip(nodes, lines, strict=True):
        export = json.loads(node.run("endpoints", "--export").stdout)
        export["endpoints"] = {
            key: url.replace(f":{node.base + 1}/", f":{line.port}/") for key, url in export["endpoints"].items()
        }
        (folder / f"{node.name}.json").write_text(json.dumps(export))
        for other in nodes:
            if other is not node:
                choice = "optional" if nodes[1] in (node, other) else "required"
                words = (str(folder / f"{node.name}.json"), "--fingerprint", export["fingerprint"])
                other.run("peer", "add", *words, "--audit-proof", choice)
    federation = Federation(nodes, lines, [])
    try:
        for line in lines:
            line.start()
        for node in nodes:
            node.know(PATIENT)
            node.launch()
        placed = []
        for node in nodes:
            node.wait_ready()
            document = Document(f"of {node.name}".encode())
            body, parts = provide(PATIENT, [document])
            assert node.client().send("iti-41", body, parts).codes == []
            placed.append((node.home, node.repository, document.unique_id))
        federation.askers = [Asker(node, [one for one in placed if one[0] != node.home]) for node in nodes]
        yield federation
    finally:
        federation.stop()
        for line in lines:
            line.stop()


def through_faults(federation: Federation, times: int) -> None:
    """Exchanges while lines are bad and nodes are killed; each part begins with connections that are good."""
    nodes, lines = federation.nodes, federation.lines
    for mode in (Mode.SWALLOW, Mode.CUT, Mode.GARBAGE, Mode.HOLE):
        federation.ask(times)
        for line in lines:
            line.mode = mode
        federation.ask(2)
        for line in lines:
            line.mode = Mode.PASS
    for victim in (2, 0):
        federation.ask(times, while_asking=(victim, times))
        nodes[victim].start()
    federation.ask(times)


def reconciled(one: Node, two: Node) -> tuple[int, dict]:
    """Exit status and result of `reconcile` over the folders of two nodes at rest."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        status = hdn_verify.main(["reconcile", str(one.folder), str(two.folder), "--json"])
    return status, json.loads(said.getvalue())


def explained(federation: Federation) -> int:
    """Number of exchanges, after every pair of logs was found to explain all of them, lost requests and answers too."""
    meanings: set[str] = set()
    total = 0
    for node in federation.nodes:
        verified = node.run("audit", "verify", check=False)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    for one, two in itertools.combinations(federation.nodes, 2):
        status, found = reconciled(one, two)
        assert (status, found["unexplained"]) == (0, 0), json.dumps(found["rows"], indent=1)
        meanings |= {row["meaning"].partition(",")[0].partition(":")[0] for row in found["rows"]}
        total += found["counts"]["complete"] + found["counts"]["explained"]
    assert meanings == {"the request did not arrive", "the answer was lost or of no use"}
    return total
