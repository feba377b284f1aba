"""F5: the disk fills up, then space returns. New documents are refused before work; nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import control_call
from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.end_to_end.wire import SUCCESS, Document, find_documents, provide, set_id_of
from tests.faults.checker import Checker
from tests.faults.clients import GONE, Kept, Worker, fate_of
from tests.faults.feeds import Busy, Clerk, Feed
from tests.faults.history import Fate, History, Put, Submission
from tests.faults.records import Records
from trust.ledger.head import HeadFile, RememberedHead
from trust.ledger.merkle import EMPTY_ROOT

MIB = 1 << 20
RESERVE = 12 * MIB  # [repository] min_free_bytes of the node under test
PATIENT = f"DISK^^^&{AUTHORITY}&ISO"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 MiB of its own: ext4 in a file, else a tmpfs."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    place, image = tmp_path / "disk", tmp_path / "disk.img"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(96 * MIB)
    ways = [
        ["sh", "-c", f"mkfs.ext4 -q -F -m 0 {image} && mount -o loop {image} {place}"],
        ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place)],
    ]
    if not any(subprocess.run(way, capture_output=True, check=False).returncode == 0 for way in ways):
        pytest.skip("neither a loop device nor a tmpfs can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.fixture
def node(small_disk: Path, tmp_path: Path) -> Iterator[Node]:
    made = Node(small_disk / "node", free_base(), "Small disk", forked=False).init(tmp_path / "ca")
    config = made.folder / "node.toml"
    text = config.read_text(encoding="utf-8")
    changed = "\n".join(
        f"min_free_bytes = {RESERVE}" if line.lstrip("# ").startswith("min_free_bytes") else line
        for line in text.splitlines()
    )
    assert str(RESERVE) in changed
    config.write_text(changed + "\n", encoding="utf-8")
    try:
        yield made.start()
    finally:
        made.stop()


class Source:
    """Submits documents and remembers what it was told."""

    def __init__(self, node: Node, chance: random.Random) -> None:
        self.history, self.chance = History(), chance
        self.client = Kept.of(node.described)

    def submit(self, size: int = 200_000) -> tuple[Fate, list[str]]:
        document = Document(self.chance.randbytes(size), mime="application/octet-stream")
        body, parts = provide(PATIENT, [document])
        put = Put(document.unique_id, document.content)
        made = self.history.invoke(Submission(PATIENT, set_id_of(body), [put]))
        try:
            answer = self.client.send("iti-41", body, parts)
        except (*GONE, SyntaxError):
            return Fate.SENT, []
        made.fate = fate_of(answer)
        return made.fate, answer.codes


def fill(place: Path, leave: int) -> Path:
    """Use up the space of a file system but for `leave` bytes."""
    ballast = place / "ballast"
    with ballast.open("ab") as file:
        while (free := shutil.disk_usage(place).free) > leave:
            try:
                file.write(b"\0" * min(MIB, max(free - leave, 1)))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                break
    return ballast


def accepts_again(node: Node, source: Source, seconds: float = 30) -> None:
    """Full service without a person; a node whose disk failed may end, and is started again by the machine's init."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if node.process is None or node.process.poll() is not None:
            print("the node has ended and is started again", flush=True)
            node.start()
        if source.submit(1000)[0] is Fate.DONE:
            return
        time.sleep(0.5)
    said = (node.folder / "serve.log").read_text()[-4000:]
    state = "runs" if node.process is not None and node.process.poll() is None else "has ended"
    raise AssertionError(f"no document is accepted {seconds} s after space has returned; the node {state}:\n{said}")


def test_nearly_full_refuses_documents_and_still_answers(node: Node, small_disk: Path, chance: random.Random) -> None:
    node.know(PATIENT)
    source = Source(node, chance)
    assert [source.submit()[0] for _ in range(5)] == [Fate.DONE] * 5
    ballast = fill(small_disk, RESERVE // 2)
    time.sleep(2)  # free space need not be looked at for every request
    assert source.submit() == (Fate.REFUSED, ["XDSRepositoryOutOfResources"])
    found = source.client.send("iti-18", find_documents(PATIENT))
    assert (found.status, len(found.unique_ids())) == (SUCCESS, 5)
    assert not Checker(node.described, source.history).check(source.history.done())
    ballast.unlink()
    accepts_again(node, source)
    holds(node, source)


def load(node: Node, source: Source) -> list[Worker | Busy]:
    """Everybody at work."""
    workers: list[Worker | Busy] = [
        Worker(
            node.described,
            [PATIENT],
            source.history,
            random.Random(source.chance.random()),
            node.repository,
            tolerant=True,
        )
        for _ in range(3)
    ]
    workers += [
        kind(node, source.history, random.Random(source.chance.random()), tolerant=True) for kind in (Feed, Clerk)
    ]
    for worker in workers:
        worker.start()
    return workers


def holds(node: Node, source: Source) -> None:
    """Every invariant, over everything that was ever said."""
    history, checker = source.history, Checker(node.described, source.history)
    assert not checker.check(history.submissions)
    listed = control_call.call(node.folder / "run" / "control.sock", "patient list", {})
    assert not checker.people(history.people, listed["patients"])
    records = Records(node.folder / "data" / "node.db")
    assert records.refresh() == []
    assert records.unaudited(history) == []
    done = node.run("audit", "verify", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("killed", [False, True], ids=["it stays full for a while", "the node is killed meanwhile"])
def test_a_disk_that_fills_under_load_loses_nothing(
    node: Node, small_disk: Path, chance: random.Random, killed: bool
) -> None:
    node.know(PATIENT)
    source = Source(node, chance)
    workers = load(node, source)
    ballast = fill(small_disk, 0)
    before = time.monotonic()
    while time.monotonic() < before + 2 and any(worker.is_alive() for worker in workers):
        fill(small_disk, 0)  # what the node itself gave up is taken too
    if killed:
        node.stop(signal.SIGKILL)
        node.launch()
        with contextlib.suppress(
            AssertionError
        ):  # it need not start on a full disk, but it must lose nothing by trying
            node.wait_ready(5)
        node.stop(signal.SIGKILL)
    for worker in workers:
        worker.stopped.set()
    for worker in workers:
        worker.join(30)
    assert [found for worker in workers for found in worker.wrong] == []
    ballast.unlink()
    accepts_again(node, source)
    holds(node, source)


def test_completely_full_loses_nothing(node: Node, small_disk: Path, chance: random.Random) -> None:
    node.know(PATIENT)
    source = Source(node, chance)
    for _ in range(5):
        source.submit()
    ballast = fill(small_disk, 0)
    fates = [source.submit(chance.choice([100, 50_000, 2_000_000]))[0] for _ in range(10)]
    assert Fate.DONE not in fates
    ballast.unlink()
    accepts_again(node, source)
    holds(node, source)


def test_the_remembered_head_moves_on_a_disk_without_a_byte(small_disk: Path) -> None:
    """Its batch is durable when it moves, so a failure here would end the node."""
    head = HeadFile(small_disk / "head.db")
    head.begin("n/audit/2026")
    at = (0, EMPTY_ROOT)
    filling = os.open(small_disk / "filling", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(filling, bytes(4096))
    for size in range(1, 1000):
        after = RememberedHead("n/audit/2026", size, os.urandom(32), os.urandom(32 * size.bit_count()))
        head.swap(at, after)
        at = (after.size, after.root)
    os.close(filling)
    head.close()
