"""The load generator: a process of its own, pinned to its own core, closed loop over keep-alive connections.

It reads one JSON object a line: first the targets, then what to run; and answers one JSON object a line.
"""

from __future__ import annotations

import json
import re
import selectors
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.benchmarks.requests import NUMBER, PATIENT
from scripts.benchmarks.wire import Connection, Response, Tls, WireError

_SAMPLE = 97  # every so many answers, the body is kept and looked at


class Requests:
    """Requests from one template, each with a fresh number and a patient that is as good as random."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """`spec`: `template` (a file), `first` number, how many `patients`, `same`: equal patient, equal answer."""
        text = Path(spec["template"]).read_bytes()
        self._pieces = re.split(b"(" + re.escape(NUMBER) + b"|" + re.escape(PATIENT) + b")", text)
        self._next = spec["first"]
        self._patients = spec["patients"]
        self._same = spec["same"]

    def take(self) -> tuple[int, list[bytes]]:
        """A number that two requests with equal answers share, or -1; and the pieces of the request."""
        self._next += 1
        patient = self._next * 2654435761 % (1 << 32) % self._patients
        values = {NUMBER: b"%012d" % self._next, PATIENT: b"%07d" % patient}
        return patient if self._same else -1, _joined([values.get(piece, piece) for piece in self._pieces])


def _joined(pieces: list[bytes]) -> list[bytes]:
    """Join small pieces, so that one request of ordinary size leaves as one TLS write."""
    joined: list[bytes] = []
    small: list[bytes] = []
    for piece in pieces:
        if len(piece) > 1 << 16:
            joined += [b"".join(small), piece]
            small = []
        else:
            small.append(piece)
    return [part for part in (*joined, b"".join(small)) if part]


@dataclass(slots=True)
class Tally:
    """What one run counted."""

    done: int = 0
    wrong: int = 0
    received: int = 0
    latencies: list[int] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    first_wrong: str = ""


class Target:
    """One server with its connections and its requests."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """Connect `connections` times."""
        context = Tls(spec["ca"], spec["cert"], spec["key"]).context()
        self._spec = spec
        self.connections = [Connection("localhost", spec["port"], context) for _ in range(spec["connections"])]
        self.requests = Requests(spec["requests"])
        self._lengths: dict[int, int] = {}
        self._marker = spec.get("marker", "").encode()

    def judge(self, index: int, answer: Response, tally: Tally) -> None:
        """Count an answer; the same request must bring the same number of bytes, and a sample the expected words."""
        tally.done += 1
        tally.received += answer.length
        known = self._lengths.setdefault(index, answer.length) if index >= 0 else answer.length
        fits = answer.status == 200 and known == answer.length
        if fits and answer.body is not None and self._marker:
            fits = self._marker in answer.body
        if not fits:
            tally.wrong += 1
            if not tally.first_wrong:
                text = (answer.body or b"")[:1500].decode("utf-8", "replace")
                tally.first_wrong = f"HTTP {answer.status}, {answer.length} bytes, expected {known}: {text}"

    def run(self, seconds: float) -> Tally:
        """Keep every connection busy for `seconds`, then let the last requests end."""
        tally = Tally()
        with selectors.DefaultSelector() as selector:
            until = time.perf_counter_ns() + int(seconds * 1e9)
            busy = len(self.connections)
            started: dict[Connection, tuple[int, int]] = {}
            for connection in self.connections:
                started[connection] = self._begin(connection, tally)
                selector.register(connection.sock, _mask(connection), connection)
            while busy:
                for key, _ in selector.select(30):
                    connection = key.data
                    answer = connection.advance()
                    now = time.perf_counter_ns()
                    if answer is not None:
                        index, begun = started[connection]
                        tally.latencies.append(now - begun)
                        tally.begun.append(begun)
                        self.judge(index, answer, tally)
                        if now < until:
                            started[connection] = self._begin(connection, tally)
                        else:
                            selector.unregister(connection.sock)
                            busy -= 1
                            continue
                    wanted = _mask(connection)
                    if wanted != key.events:
                        selector.modify(connection.sock, wanted, connection)
        return tally

    def _begin(self, connection: Connection, tally: Tally) -> tuple[int, int]:
        index, pieces = self.requests.take()
        keep = bool(self._marker) and len(tally.latencies) % _SAMPLE == 0
        begun = time.perf_counter_ns()
        connection.begin(pieces, keep=keep)
        return index, begun

    def once(self) -> dict[str, Any]:
        """One request alone, with its whole answer."""
        connection = self.connections[0]
        index, pieces = self.requests.take()
        connection.begin(pieces, keep=True)
        with selectors.DefaultSelector() as selector:
            selector.register(connection.sock, _mask(connection), connection)
            answer = None
            while answer is None:
                selector.modify(connection.sock, _mask(connection), connection)
                selector.select(60)
                answer = connection.advance()
        path = self._spec["answers"]
        Path(path).write_bytes(answer.body or b"")
        return {"patient": index, "status": answer.status, "length": answer.length, "body": path}


def _mask(connection: Connection) -> int:
    return selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.wants_write else 0)


def _percentile(ordered: list[int], share: float) -> float:
    """In milliseconds."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6 if ordered else 0.0


def _report(tally: Tally, seconds: float) -> dict[str, Any]:
    ordered = sorted(tally.latencies)
    return {
        "done": tally.done,
        "wrong": tally.wrong,
        "first_wrong": tally.first_wrong,
        "received": tally.received,
        "seconds": seconds,
        "p50": _percentile(ordered, 0.5),
        "p95": _percentile(ordered, 0.95),
        "p99": _percentile(ordered, 0.99),
        "p999": _percentile(ordered, 0.999),
        "lowest": ordered[0] / 1e6 if ordered else 0.0,
    }


def _answers(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    targets = {name: Target(spec) for name, spec in json.loads(next(lines)).items()}
    yield {"connected": sorted(targets)}
    for line in lines:
        order = json.loads(line)
        yield _obeyed(targets[order["target"]], order)


def _obeyed(target: Target, order: dict[str, Any]) -> dict[str, Any]:
    try:
        if order.get("once"):
            return target.once()
        started = time.perf_counter()
        tally = target.run(order["seconds"])
        each = {"each": list(zip(tally.begun, tally.latencies, strict=True))} if order.get("each") else {}
        return _report(tally, time.perf_counter() - started) | each
    except (WireError, OSError) as problem:
        return {"error": f"{order['target']}: {type(problem).__name__}: {problem}"}


def main() -> int:
    """Serve orders until the input ends."""
    try:
        for answer in _answers(iter(sys.stdin.readline, "")):
            print(json.dumps(answer), flush=True)
    except (WireError, OSError) as problem:
        print(json.dumps({"error": f"{type(problem).__name__}: {problem}"}), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
