"""kill -9 at any moment: nothing that was acknowledged is lost or doubled, and the log goes on (fault F1)."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.trust.ledger.ledgers import Place, local
from trust.ledger import hdn_verify

ROOT = Path(__file__).resolve().parents[3]
CYCLES = 15


def killed(place: Place, cycle: int, after: int) -> list[tuple[int, str]]:
    """Run the writer, kill it after so many answers; everything that it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.trust.ledger.busy_writer", str(place.root), str(cycle)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after)]
    process.kill()
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    acknowledged = [line.decode().split() for line in lines if line.endswith(b"\n")]
    assert len(acknowledged) >= after, "the writer died by itself"
    return [(int(index), name) for index, name in acknowledged]


async def test_kill_9(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.connect().close()
    rng = random.Random(20261123)
    acknowledged: list[tuple[int, str]] = []
    for cycle in range(CYCLES):
        acknowledged += killed(place, cycle, rng.randrange(1, 120))
    async with place.running() as ledger:
        await ledger.record([local("after")])
    assert place.fatal == []
    connection = sqlite3.connect(place.database)
    names = [name for (name,) in connection.execute("SELECT name FROM thing")]
    subjects = [
        json.loads(body)["subject"] for (body,) in connection.execute("SELECT body FROM audit_record ORDER BY seq")
    ]
    connection.close()
    assert len({index for index, _ in acknowledged}) == len(acknowledged), "no index twice"
    assert {name for _, name in acknowledged} <= set(names), "nothing lost"
    for index, name in acknowledged:
        assert subjects[index] == f"2.999.10.100|{name}", "each where its proof says"
    recorded = [subject.partition("|")[2] for subject in subjects[1:-1]]
    assert sorted(recorded) == sorted(names), "every effect has one record, every record its effect"
    assert hdn_verify.main(["verify", str(place.audit), "--db", str(place.database)]) == hdn_verify.GOOD
