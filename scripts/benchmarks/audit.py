"""The audit log by itself: what verifying it costs against a bare chain of hashes, how large and quick one proof is,
and how many entries a second become durable (performance 1.7, 2.2; goal 9).

The log that is verified has entries of the right size and random content: the verifier looks at every one of them.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

from scripts.benchmarks.machine import ROOT
from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.rounds import Verdict
from scripts.benchmarks.setting import Setting
from tests.trust.ledger.ledgers import KEYS, NODE, Place, local
from trust.audit.event import Kind
from trust.ledger import receipt, store
from trust.ledger.checkpoint import NoteSigner
from trust.ledger.merkle import Frontier, leaf_hash
from trust.ledger.publisher import Publisher
from trust.ledger.shard import origin_of
from trust.ledger.shard_files import ShardFiles
from trust.ledger.store import Head
from trust.ledger.tables import create_tables

ENTRY: Final = 98
YEAR: Final = 2026
_BATCH: Final = 100_000
_PROOFS: Final = 500
_TAG: Final = bytes(32)


def _entries(number: int) -> Iterator[bytes]:
    """The first 34 bytes make each a leaf that a receipt can be about; the rest is random."""
    for _ in range(0, number, 1000):
        noise = os.urandom(1000 * (ENTRY - 34))
        for at in range(0, len(noise), ENTRY - 34):
            yield b"\x01\x01" + _TAG + noise[at : at + ENTRY - 34]


def _log(folder: Path, number: int) -> Path:
    """Publish a log of so many entries, as the node would; kept from run to run."""
    shard = folder / str(YEAR)
    if (shard / "checkpoint").exists():
        return shard
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = folder / "leaves.db"
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    create_tables(connection)
    frontier = Frontier()
    connection.execute("BEGIN")
    for seq, entry in enumerate(islice(_entries(number), number), 1):
        connection.execute("INSERT INTO audit_leaf VALUES (?, ?)", (seq, entry))
        frontier.append(leaf_hash(entry))
        if seq % _BATCH == 0:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
    connection.execute("COMMIT")
    connection.close()
    signer = NoteSigner(origin_of(NODE, YEAR), KEYS.seed)
    head = Head(YEAR, signer.key.name, 1, frontier.size, frontier.root(), frontier.to_bytes())
    reader = store.open_reader(database)
    os.fsync = lambda _: None  # type: ignore[assignment]  # how the log is made is not measured
    note = signer.sign(f"{head.origin}\n{head.size}\n{_encoded(head.root)}\n")
    Publisher(shard, reader, signer.key).publish(head, note)
    reader.close()
    for path in folder.glob("leaves.db*"):
        path.unlink()
    return shard


def _encoded(root: bytes) -> str:
    from base64 import b64encode  # noqa: PLC0415

    return b64encode(root).decode()


def _verified(shard: Path) -> float:
    """CPU seconds of the offline verifier, as a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    verifier = ROOT / "trust" / "ledger" / "hdn_verify.py"
    done = subprocess.run(
        [sys.executable, "-I", str(verifier), "verify", str(shard)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the verifier says {done.returncode}: {done.stderr}{done.stdout}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _chained(number: int) -> float:
    """CPU seconds of the control: one hash over the one before and the entry."""
    entries = list(_entries(100_000))
    head, began = bytes(32), time.process_time()
    for at in range(number):
        head = sha256(head + entries[at % 100_000]).digest()
    return time.process_time() - began


def _verification(setting: Setting, number: int) -> list[Row]:
    setting.report(f"  a log of {number:,} entries")
    shard = _log(setting.workshop.folder / "logs" / f"{number}", number)
    ratios = []
    for _ in range(3):
        before, spent, after = _chained(number), _verified(shard), _chained(number)
        ratios.append(spent / ((before + after) / 2))
        setting.report(f"  verified in {spent:.2f} CPU s, {ratios[-1]:.1f} times the chain")
    files = ShardFiles(shard)
    key = NoteSigner(files.checkpoint.origin, KEYS.seed).key
    places = [at * 7919 % number for at in range(1, _PROOFS)]
    began = time.process_time()
    proofs = [receipt.render(files.entry(at), at, files.proof(at), files.note) for at in places]
    made = (time.process_time() - began) / len(places)
    now, began = datetime(YEAR, 6, 1, tzinfo=UTC), time.process_time()
    for proof in proofs:
        receipt.verify(receipt.parse(proof), lambda _: key, kind=Kind.REQUEST_SENT, tag=_TAG, now=now)
    checked = (time.process_time() - began) / len(places)
    setting.report(
        f"  a proof: {len(proofs[0])} bytes, made in {made * 1e6:.0f} us, verified in {checked * 1e6:.0f} us"
    )
    note = f"proof {len(proofs[0])} bytes, made in {made * 1e6:.0f} us, verified in {checked * 1e6:.0f} us"
    goal = Goal(gate=8, aim=5, moonshot=3, lower_is_better=True)
    return [figure(f"verify {number:,} entries", "SHA-256 chain over them", ratios, goal, note)]


async def _durable(folder: Path, waiters: int, seconds: float) -> tuple[int, float, float]:
    """Entries, CPU seconds and seconds, with so many who each wait for one entry after the other."""
    place = Place(folder)
    done = 0

    async def wait(until: float) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await sequencer.record([local(f"A-{done % 500}")])
            done += 1

    async with place.running() as sequencer:
        began, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(waiters):
                group.create_task(wait(began + seconds))
        return done, time.process_time() - cpu, time.perf_counter() - began


def _durability(setting: Setting) -> list[Row]:
    rows = []
    for waiters in (1, 16, 64):
        folder = setting.workshop.folder / "work" / f"ledger-{waiters}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done, cpu, wall = asyncio.run(_durable(folder, waiters, max(2.0, setting.seconds)))
        setting.report(
            f"  {waiters} waiting: {done / wall:,.0f} entries a second, {1e6 * cpu / done:.0f} us of CPU each"
        )
        note = f"{done / wall:,.0f} entries/s, {wall / done * waiters * 1000:.2f} ms each"
        row = figure(f"durable entries, {waiters} waiting", "us of CPU each", [1e6 * cpu / done], Goal(), note)
        rows.append(row)
        assert row.verdict is Verdict.REPORTED
    return rows


def audit(setting: Setting) -> list[Row]:
    """Durability, and verification of a log of 100 thousand entries; in a full run of 1 and 10 million."""
    numbers = [100_000] if setting.documents < 1_000_000 else [1_000_000, 10_000_000]
    return [*_durability(setting), *(row for number in numbers for row in _verification(setting, number))]
