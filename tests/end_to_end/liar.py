"""A node that lies: the real program, changed by its owner so that some exchanges are not on record, or made up.

    python liar.py FILE serve --dir DIR

FILE gets a line of JSON for each lie.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

from node import cli, pipeline
from node.federation import gateway, unfinished
from node.security_records import activity
from tests.end_to_end.nodes import Node
from trust.audit.event import Action, Coded, EventId, Kind, NewRecord
from trust.identity.caller import Role


class Liar:
    """Tells one lie in every `EVERY` exchanges of each kind."""

    EVERY = 4

    def __init__(self, lies: Path) -> None:
        self._lies = lies
        self._count = {what: itertools.count(1) for what in ("asked", "outcome", "answer", "invented")}

    def lies(self, what: str, cid: str, peer: str) -> bool:
        if next(self._count[what]) % self.EVERY:
            return False
        with self._lies.open("a") as file:
            file.write(json.dumps({"what": what, "cid": cid, "peer": peer}) + "\n")
        return True

    def sent_record(self, call: Any, exchange: Any) -> NewRecord:
        if self.lies("asked", call.message_id, call.community.home):
            return nothing(exchange)
        return truth["sent_record"](call, exchange)

    def outcome_record(self, outcome: Any, exchange: Any) -> list[NewRecord]:
        if outcome.received and self.lies("outcome", outcome.call.message_id, outcome.community.home):
            return []
        return truth["outcome_record"](outcome, exchange)

    def of_answer(self, exchange: Any, *arguments: Any, **named: Any) -> list[NewRecord]:
        records = truth["of_answer"](exchange, *arguments, **named)
        if exchange.caller.role is not Role.PEER:
            return records
        if self.lies("answer", exchange.message_id, exchange.caller.home):
            return [nothing(exchange)]
        cid = f"urn:uuid:{uuid4()}"
        if self.lies("invented", cid, exchange.caller.home):
            records = [*(replace(record, cid=cid, receipt=b"") for record in records), *records]
        return records


def nothing(exchange: Any) -> NewRecord:
    """A record that says nothing of an exchange: without one no answer leaves, also here."""
    what = Coded("110120", "DCM", "Application Start")
    kind = activity(
        exchange.now,
        node=exchange.actors.own.home,
        user="nobody",
        type_=what,
        event_id=EventId.APPLICATION_ACTIVITY,
        action=Action.EXECUTE,
        what="nothing",
    )
    return replace(kind, kind=Kind.SECURITY)


truth: dict[str, Callable[..., Any]] = {
    "sent_record": gateway.sent_record,
    "outcome_record": gateway.outcome_record,
    "of_answer": pipeline.of_answer,
}


async def _settle_nothing(_: Any) -> None:
    """What the liar leaves without an outcome stays so."""


def started_as_liar(node: Node, lies: Path) -> None:
    """Start a node with this program instead of its own."""
    lies.touch()
    with (node.folder / "serve.log").open("ab") as log:
        command = [sys.executable, "-m", "tests.end_to_end.liar", str(lies), "serve", "--dir", str(node.folder)]
        node.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).resolve().parents[2])
    node.wait_ready()


if __name__ == "__main__":
    liar = Liar(Path(sys.argv[1]))
    with (
        mock.patch.object(gateway, "sent_record", liar.sent_record),
        mock.patch.object(gateway, "outcome_record", liar.outcome_record),
        mock.patch.object(pipeline, "of_answer", liar.of_answer),
        mock.patch.object(unfinished.Unfinished, "settle", _settle_nothing),
    ):
        sys.exit(cli.main(sys.argv[2:]))
