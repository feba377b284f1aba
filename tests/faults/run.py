"""One node under load that is killed and started again, and what must hold of it afterwards."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from node import control_call
from tests.end_to_end.nodes import Node
from tests.faults.changes import Changer
from tests.faults.checker import Broken, Checker
from tests.faults.clients import Worker
from tests.faults.feeds import Busy, Clerk, Feed
from tests.faults.history import Fate, History, Put
from tests.faults.records import Records

OLD_SAMPLE = 10


class Run:
    """One node, everything that was said to it, and what must still hold."""

    def __init__(
        self,
        node: Node,
        patients: list[str],
        chance: random.Random,
        kinds: Sequence[type[Worker]] = (Worker, Worker, Changer),
    ) -> None:
        self.node, self.patients, self.chance, self.kinds = node, patients, chance, kinds
        self.history = History()
        self.records = Records(node.folder / "data" / "node.db")
        self.stated: list[Path] = []  # checkpoints that the node had published when it was killed
        for patient in patients:
            node.know(patient)

    def under_load(self, seconds: float) -> None:
        """Keep the node busy for `seconds`, then kill it in the middle of it."""
        workers: list[Worker | Busy] = [
            kind(self.node.described, self.patients, self.history, self._own(), self.node.repository)
            for kind in self.kinds
        ]
        workers += [kind(self.node, self.history, self._own()) for kind in (Feed, Clerk)]
        for worker in workers:
            worker.start()
        time.sleep(seconds)
        self.node.stop(signal.SIGKILL)
        for worker in workers:
            worker.stopped.set()
        for worker in workers:
            worker.join(30)
            assert not worker.is_alive()
        assert [found for worker in workers for found in worker.wrong] == []
        self._keep_checkpoints()

    def _own(self) -> random.Random:
        return random.Random(self.chance.random())

    def _keep_checkpoints(self) -> None:
        for path in (self.node.folder / "audit").glob("*/checkpoint"):
            kept = self.node.folder.parent / f"checkpoint-{len(self.stated)}"
            kept.write_bytes(path.read_bytes())
            self.stated.append(kept)

    def start(self, *, command: bool) -> None:
        """Start it again; sometimes recovery itself is interrupted too."""
        self.node.forked = not command
        if self.chance.random() < 0.15:
            self.node.launch()
            time.sleep(self.chance.uniform(0.0, 1.5 if command else 0.15))
            self.node.stop(signal.SIGKILL)
        self.node.start()

    def check(self, first: int, *, everything: bool = False) -> None:
        """This cycle's submissions and some of the earlier ones, all patients, all new records."""
        history, checker = self.history, Checker(self.node.described, self.history)
        old = history.submissions[:first]
        chosen = old if everything else self.chance.sample(old, min(OLD_SAMPLE, len(old)))
        listed = control_call.call(self.node.folder / "run" / "control.sock", "patient list", {})
        found: list[Broken | list[str]] = [
            checker.check(history.submissions[first:] + chosen),
            checker.people(history.people, listed["patients"]),
            self.records.refresh(),  # what was just asked is on record, too
            self.records.unaudited(history),
            self._rows_of_removed(),
        ]
        checker.client.leave()
        assert not any(found), [str(one) for one in found if one]

    def _rows_of_removed(self) -> list[str]:
        """Documents whose removal was acknowledged and of which the repository still has a row, and so the bytes."""
        with closing(sqlite3.connect(f"file:{self.node.folder}/data/node.db?mode=ro", uri=True)) as connection:
            kept = {unique_id for (unique_id,) in connection.execute("SELECT unique_id FROM stored_document")}
        return [put.unique_id for put in self._puts() if put.stripped is Fate.DONE and put.unique_id in kept]

    def never_done(self) -> list[str]:
        """The kinds of change of which none was acknowledged: the run says nothing about them yet."""
        puts = self._puts()
        done = {
            "ITI-57": any(put.amended is Fate.DONE for put in puts),
            "ITI-86": any(put.stripped is Fate.DONE for put in puts),
            "ITI-62": any(one.erased is Fate.DONE for one in self.history.submissions),
        }
        return [name for name, is_done in done.items() if not is_done]

    def _puts(self) -> list[Put]:
        return [put for one in self.history.submissions for put in one.documents]

    def verify(self) -> None:
        """The ledger as an auditor sees it: whole, and continuing every checkpoint that was seen."""
        for words in (["verify"], *(["since", str(path)] for path in self.chance.sample(self.stated, 3))):
            done = self.node.run("audit", *words, check=False)
            assert done.returncode == 0, (words, done.stdout, done.stderr)
        lost = self.records.lost()
        assert not lost, lost

    def __str__(self) -> str:
        history, puts = self.history, self._puts()
        amended, stripped = [put.amended for put in puts], [put.stripped for put in puts]
        erased = [one.erased for one in history.submissions]
        return (
            f"{len(history.done())} submissions acknowledged, {len(history.uncertain())} uncertain, "
            f"{amended.count(Fate.DONE)} amended, {stripped.count(Fate.DONE)} without their bytes, "
            f"{erased.count(Fate.DONE)} erased, {(amended + stripped + erased).count(Fate.SENT)} changes uncertain, "
            f"{len(history.read_markers)} queries, {len(history.read_documents)} retrieves, "
            f"{len(history.people)} patients, {sum(bool(one.command) for one in history.submissions)} commands, "
            f"{self.records.read} entries"
        )
