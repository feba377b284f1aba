"""Attacks on the audit log itself: rows A1, A2, A3, A8, A9, A13, A14 and I7 of the catalogue."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from lxml import etree

from tests.trust.ledger.ledgers import KEYS, NODE, SOURCE, Place, local, query_event
from trust.audit.dicom import render, representable
from trust.audit.event import Participant
from trust.errors import LedgerBroken
from trust.ledger import hdn_verify
from trust.ledger.checkpoint import open_checkpoint
from trust.ledger.head import HeadFile
from trust.ledger.keys import CheckpointSigner
from trust.ledger.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    subtree_of,
    verify_consistency,
    verify_inclusion,
)
from trust.ledger.publisher import Publisher
from trust.ledger.sequencer import AuditProof
from trust.ledger.shard_files import ShardFiles
from trust.ledger.store import Head
from trust.ledger.tiles import read_bundle

ORIGIN = f"{NODE}/audit/2026"
KEY = CheckpointSigner(ORIGIN, KEYS.seed).key
VKEY = hdn_verify.read_key(KEY.render())


@cache
def _signature_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of verifications: signatures by the library, whose agreement with the verifier's own has its test."""
    monkeypatch.setattr(hdn_verify, "ed25519_verifies", _signature_verifies)


def build(root: Path, entries: int) -> Place:
    async def fill() -> Place:
        place = Place(root)
        async with place.running() as ledger:
            await ledger.record([local(f"A-{number % 5}") for number in range(entries - 1)])
        return place

    return asyncio.run(fill())


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Place]:
    """Logs of 4, 12 and 300 entries."""
    return {size: build(tmp_path_factory.mktemp(f"log{size}"), size) for size in (4, 12, 300)}


@pytest.fixture
def place(logs: dict[int, Place], tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """A copy of the log of the size that the test names, with files that can be changed."""
    shutil.copytree(logs[request.param].root, tmp_path / "node")
    for path in (tmp_path / "node").rglob("*"):
        path.chmod(0o700)
    return Place(tmp_path / "node")


four = pytest.mark.parametrize("place", [4], indirect=True)
twelve = pytest.mark.parametrize("place", [12], indirect=True)
three_hundred = pytest.mark.parametrize("place", [300], indirect=True)


def verdict(place: Place, *options: str, capture: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit status and message of the verifier over the published files."""
    status = hdn_verify.main(["verify", str(place.shard()), "--vkey", KEY.render(), *options])
    return status, capture.readouterr().err


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    with path.open("r+b", buffering=0) as file:
        byte = os.pread(file.fileno(), 1, bit // 8)[0]
        os.pwrite(file.fileno(), bytes([byte ^ 1 << bit % 8]), bit // 8)
        try:
            yield
        finally:
            os.pwrite(file.fileno(), bytes([byte]), bit // 8)


def damaged_index(place: Place, path: Path, byte: int) -> int | None:
    """The index that the verifier must name for a damaged byte of a tile or bundle; None for other files."""
    match = re.search(r"tile/(\w+)/(\d+)", path.relative_to(place.shard()).as_posix())
    if match is None:
        return None
    first = int(match[2]) * 256
    if match[1] == "entries":
        return first + byte // 100
    return (first + byte // 32) * 256 ** int(match[1])


def evidence(place: Place) -> list[Path]:
    """The published files that are evidence; key and policy are what the auditor brings along."""
    return sorted(path for path in place.shard().rglob("*") if path.is_file() and path.name not in ("vkey", "policy"))


@four
@pytest.mark.usefixtures("quick")
def test_a1_every_single_bit_of_the_files(place: Place) -> None:
    missed = []
    for path in evidence(place):
        step = 7 if path.name == "genesis.json" else 1  # text: one bit of each byte
        for bit in range(0, path.stat().st_size * 8, step):
            index = damaged_index(place, path, bit // 8)
            with flipped(path, bit):
                try:
                    hdn_verify.Shard(place.shard(), hdn_verify.Policy([VKEY]), own_key=False).verify()
                except hdn_verify.Invalid as invalid:
                    if index is None or f"index {index}:" in str(invalid):
                        continue
            missed.append((path.name, bit))
    assert missed == []


@three_hundred
@pytest.mark.usefixtures("quick")
def test_a1_a_log_of_300_entries(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(1)
    for path in evidence(place):
        for bit in rng.sample(range(path.stat().st_size * 8), 150):
            with flipped(path, bit):
                status, message = verdict(place, capture=capsys)
            index = damaged_index(place, path, bit // 8)
            assert status == hdn_verify.INVALID, (path.name, bit)
            assert index is None or f"index {index}:" in message


@pytest.mark.usefixtures("quick")
@twelve
@pytest.mark.parametrize(
    ("table", "column"),
    [
        pytest.param("audit_record", "body", id="A1 record"),
        pytest.param("audit_record", "salt", id="A1 salt"),
        pytest.param("audit_leaf", "entry", id="A1 leaf"),
    ],
)
def test_a1_every_byte_of_the_database(
    place: Place, capsys: pytest.CaptureFixture[str], table: str, column: str
) -> None:
    rng = random.Random(2)
    connection = sqlite3.connect(place.database, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    for seq, value in connection.execute(f"SELECT seq, {column} FROM {table}").fetchall():
        for byte in range(0, len(value), 1 if len(value) < 100 else 37):
            changed = bytearray(value)
            changed[byte] ^= 1 << rng.randrange(8)
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE seq = ?", (bytes(changed), seq))
            status, message = verdict(place, "--db", str(place.database), capture=capsys)
            assert (status, f"index {seq - 1}:" in message) == (hdn_verify.INVALID, True), (seq, byte, message)
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE seq = ?", (value, seq))
    connection.close()
    assert verdict(place, "--db", str(place.database), capture=capsys)[0] == hdn_verify.GOOD


@pytest.mark.usefixtures("quick")
@twelve
@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("UPDATE audit_head SET root = zeroblob(32)", id="A1 head"),
        pytest.param("UPDATE audit_head SET size = size - 1", id="A1 head: size"),
        pytest.param("UPDATE audit_record SET time = '2020' WHERE seq = 5", id="A1 time"),
        pytest.param("UPDATE audit_record SET kind = 7 WHERE seq = 5", id="A1 kind"),
        pytest.param("UPDATE audit_subject SET subject = 'x' WHERE seq = 5", id="A1 subject"),
        pytest.param("UPDATE audit_subject SET ctr = 9 WHERE seq = 5", id="A1 counter"),
        pytest.param("DELETE FROM audit_subject WHERE seq = 5", id="A2 patient taken out of the listing"),
        pytest.param("DELETE FROM audit_record WHERE seq = 5", id="A2 record deleted"),
        pytest.param("DELETE FROM audit_leaf WHERE seq = 5", id="A2 leaf deleted"),
        pytest.param("DELETE FROM audit_leaf WHERE seq = 12", id="A2 last leaf deleted"),
        pytest.param(
            "UPDATE audit_leaf SET entry = (SELECT entry FROM audit_leaf WHERE seq = 6) WHERE seq = 5",
            id="A2 leaf twice",
        ),
        pytest.param(
            "UPDATE audit_record SET body = (SELECT body FROM audit_record WHERE seq = 6) WHERE seq = 5",
            id="A2 record twice",
        ),
    ],
)
def test_a1_a2_in_the_database(place: Place, capsys: pytest.CaptureFixture[str], sql: str) -> None:
    connection = sqlite3.connect(place.database)
    connection.execute(sql)
    connection.commit()
    connection.close()
    status, message = verdict(place, "--db", str(place.database), capture=capsys)
    assert status == hdn_verify.INVALID
    assert re.search(r"index \d+:", message)


def _swap(entries: list[bytes]) -> None:
    entries[3], entries[4] = entries[4], entries[3]


@pytest.mark.usefixtures("quick")
@three_hundred
@pytest.mark.parametrize("thorough", [False, True], ids=["entries only", "tiles made to fit"])
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(lambda entries: entries.pop(7), id="A2 delete"),
        pytest.param(lambda entries: entries.pop(), id="A2 delete the last"),
        pytest.param(_swap, id="A2 reorder"),
        pytest.param(lambda entries: entries.insert(9, entries[2]), id="A2 insert"),
        pytest.param(lambda entries: entries.__setitem__(0, entries[1]), id="A2 replace the first"),
    ],
)
def test_a2_delete_reorder_insert(place: Place, capsys: pytest.CaptureFixture[str], attack, thorough: bool) -> None:
    """Also by somebody who makes every tile fit: without the key he cannot sign the root."""
    database = sqlite3.connect(place.database)
    entries = [entry for (entry,) in database.execute("SELECT entry FROM audit_leaf ORDER BY seq")]
    database.close()
    attack(entries)
    checkpoint = (place.shard() / "checkpoint").read_bytes()
    if thorough:
        republish(place, entries)
        (place.shard() / "checkpoint").unlink()
        (place.shard() / "checkpoint").write_bytes(checkpoint)
    else:
        data = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
        (place.shard() / "tile/entries/000").write_bytes(data[:25600])
        (place.shard() / "tile/entries/001.p/44").write_bytes(data[25600:])
    status, _ = verdict(place, capture=capsys)
    assert status == hdn_verify.INVALID or (len(entries) < 300 and status == hdn_verify.INCOMPLETE)


@three_hundred
def test_a2_entries_after_the_checkpoint_are_no_part_of_it(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = place.shard() / "tile/entries/001.p/44"
    bundle.write_bytes(bundle.read_bytes() + bundle.read_bytes()[:100])
    assert verdict(place, capture=capsys) == (hdn_verify.INVALID, f"verify: index 300: {TOO_MANY}\n")


TOO_MANY = "more entries than the checkpoint states"


def republish(place: Place, entries: list[bytes]) -> None:
    """The files of a log of these entries, signed with the log's own key: what the institution itself can do."""
    shutil.rmtree(place.shard())
    forged = Place(place.root / "forged")
    forged.root.mkdir()
    connection = forged.connect()
    connection.executemany("INSERT INTO audit_leaf VALUES (?, ?)", list(enumerate(entries, 1)))
    head = head_of(entries)
    Publisher(place.shard(), connection, KEY).publish(
        head, CheckpointSigner(ORIGIN, KEYS.seed).sign(head.size, head.root)
    )
    connection.close()
    shutil.rmtree(forged.root)


def head_of(entries: list[bytes]) -> Head:
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf_hash(entry))
    return Head(2026, ORIGIN, 1, frontier.size, frontier.root(), frontier.to_bytes())


@pytest.mark.usefixtures("quick")
@three_hundred
@pytest.mark.parametrize(
    ("attack", "status"),
    [
        pytest.param(lambda entries: entries[:250], hdn_verify.INVALID, id="A3 tail cut off and signed again"),
        pytest.param(
            lambda entries: entries[:250] + entries[1:100],
            hdn_verify.INVALID,
            id="A3 cut off, grown again, signed again",
        ),
        pytest.param(
            lambda entries: [*entries[:-1], entries[0]], hdn_verify.FORK, id="A3 same length, signed again: a fork"
        ),
        pytest.param(lambda entries: entries + entries[:5], hdn_verify.GOOD, id="A3 control: only appended"),
    ],
)
def test_a3_whoever_kept_a_checkpoint_finds_it(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], attack, status: int
) -> None:
    old = tmp_path / "kept"
    shutil.copy(place.shard() / "checkpoint", old)
    database = sqlite3.connect(place.database)
    entries = [entry for (entry,) in database.execute("SELECT entry FROM audit_leaf ORDER BY seq")]
    database.close()
    republish(place, attack(entries))
    (place.shard() / "genesis.json").unlink(missing_ok=True)
    assert verdict(place, capture=capsys)[0] == hdn_verify.GOOD, "alone it looks perfect"
    assert hdn_verify.main(["since", str(old), str(place.shard()), "--vkey", KEY.render()]) == status


# ---------------------------------------------------------------- A8


def signed(place: Place) -> tuple[int, bytes]:
    memory = HeadFile(place.head)
    try:
        head = memory.all()[ORIGIN]
    finally:
        memory.close()
    return head.size, head.root


async def test_a8_two_sequencers_on_one_database(tmp_path: Path) -> None:
    place, second = Place(tmp_path), Place(tmp_path)
    async with place.running() as one:
        await one.record([local("a")])
        async with second.running() as two:
            await one.record([local("b")])
            before = signed(place)
            with pytest.raises(LedgerBroken):
                await two.record([local("c")])
            assert signed(place) == before, "it died before it signed"
            assert len(second.fatal) == 1
            with pytest.raises(LedgerBroken):
                await two.record([local("d")])
        proof = await one.record([local("e")])
        assert open_checkpoint(proof.checkpoint, KEY).size == 4
    assert place.fatal == []
    assert hdn_verify.main(["verify", str(place.audit), "--db", str(place.database)]) == hdn_verify.GOOD


async def test_a8_two_sequencers_on_copies_with_one_head(tmp_path: Path) -> None:
    """A copied node whose head file lies where it should, in one place: only one of the two signs."""
    place, other = Place(tmp_path / "one"), Place(tmp_path / "two")
    place.root.mkdir()
    async with place.running() as one:
        await one.record([local("a")])
    shutil.copytree(place.root, other.root)
    (other.root / "head.db").unlink()
    (other.root / "head.db").symlink_to(place.head)
    async with place.running() as one, other.running() as two:
        await one.record([local("b")])
        checkpoint = two.checkpoint
        with pytest.raises(LedgerBroken, match="another process signs"):
            await two.record([local("c")])
        assert two.checkpoint == checkpoint
        assert len(other.fatal) == 1
        assert open_checkpoint((await one.record([local("d")])).checkpoint, KEY).size == 4


async def test_a8_a_head_that_somebody_else_moved(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.running() as ledger:
        other = sqlite3.connect(place.database)
        other.execute("UPDATE audit_head SET root = zeroblob(32)")
        other.commit()
        other.close()
        before = signed(place)
        with pytest.raises(LedgerBroken, match="another process has written"):
            await ledger.record([local("a")])
        assert signed(place) == before


# ---------------------------------------------------------------- A9


class Held(sqlite3.Connection):
    """A connection whose COMMIT waits until it is let go: a slow disk."""

    gate: threading.Event | None = None

    def execute(self, sql: str, *rest):  # type: ignore[override]
        if sql == "COMMIT" and self.gate is not None:
            assert self.gate.wait(30)
        return super().execute(sql, *rest)


async def test_a9_no_proof_before_the_commit(tmp_path: Path) -> None:
    """Fails when the wait for the durable, signed batch is left out anywhere on the way."""
    place = Place(tmp_path)
    async with place.running(Held) as ledger:
        before = signed(place)
        gate = ledger._connection.gate = threading.Event()
        task = asyncio.ensure_future(ledger.record([local("a")]))
        done, _ = await asyncio.wait([task], timeout=0.2)
        assert not done, "nothing is durable, so there is no proof"
        assert signed(place) == before
        gate.set()
        proof = await task
        size, root = signed(place)
        statement = open_checkpoint(proof.checkpoint, KEY)
        assert (statement.size, statement.root) == (size, root) == (2, root)


async def test_a9_no_proof_once_the_ledger_is_broken(tmp_path: Path) -> None:
    """What is found elsewhere, a tile that was changed for example, also withholds the batch under way."""
    place = Place(tmp_path)
    async with place.running(Held) as ledger:
        gate = ledger._connection.gate = threading.Event()
        task = asyncio.ensure_future(ledger.record([local("a")]))
        await asyncio.wait([task], timeout=0.1)
        ledger._fatal(LedgerBroken("a tile was changed"))
        gate.set()
        with pytest.raises(LedgerBroken, match="a tile was changed"):
            await task
        assert len(place.fatal) == 1


async def test_a9_a_proof_holds_when_it_is_given(tmp_path: Path) -> None:
    """At the moment a request gets its proof, an outsider finds everything that it claims on disk."""
    place = Place(tmp_path)
    async with place.running() as ledger:

        async def check(name: str) -> None:
            proof = await ledger.record([local(name)])
            reader = sqlite3.connect(f"{place.database.as_uri()}?mode=ro", uri=True)
            entries = [entry for (entry,) in reader.execute("SELECT entry FROM audit_leaf ORDER BY seq")]
            reader.close()
            statement = open_checkpoint(proof.checkpoint, KEY)
            leaves = [leaf_hash(entry) for entry in entries][: statement.size]
            path = inclusion_proof(proof.index, statement.size, subtree_of(leaves))
            assert verify_inclusion(proof.index, statement.size, leaf_hash(proof.entry), path, statement.root)
            assert signed(place)[0] >= statement.size

        await asyncio.gather(*(check(f"p{number}") for number in range(5)))


def test_a9_a_proof_cannot_be_made_or_changed(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="only the sequencer"):
        AuditProof(object(), 0, [bytes(98)], b"", None)

    async def get() -> AuditProof:
        async with Place(tmp_path).running() as ledger:
            return await ledger.record([local("a")])

    proof = asyncio.run(get())
    with pytest.raises(AttributeError):
        proof.checkpoint = b""  # type: ignore[misc]
    with pytest.raises(AttributeError):
        proof.other = 1  # type: ignore[attr-defined]


# ---------------------------------------------------------------- A13, A14


@pytest.mark.parametrize("hash_leaf", [leaf_hash, hdn_verify.leaf_hash], ids=["A13 node", "A13 verifier"])
def test_a13_a_leaf_never_passes_for_a_node(hash_leaf) -> None:
    left, right = hash_leaf(b"a"), hash_leaf(b"b")
    forged = left + right  # 64 bytes that look like the inside of a node
    assert hash_leaf(forged) != node_hash(left, right)
    root = root_of([left, right])
    assert root_of([hash_leaf(forged)]) != root
    assert not verify_inclusion(0, 1, hash_leaf(forged), [], root)


LEAVES = [leaf_hash(bytes([number])) for number in range(20)]
ROOT = root_of(LEAVES)
PROOF = inclusion_proof(6, 20, subtree_of(LEAVES))
LINK = consistency_proof(6, 20, subtree_of(LEAVES))
OLD_ROOT = root_of(LEAVES[:6])


@pytest.mark.parametrize(
    ("index", "size", "proof"),
    [
        pytest.param(6, 20, PROOF[:-1], id="A14 a hash too few"),
        pytest.param(6, 20, [*PROOF, ROOT], id="A14 a hash too many"),
        pytest.param(6, 20, [ROOT, *PROOF], id="A14 a hash before"),
        pytest.param(6, 20, PROOF[::-1], id="A14 reversed"),
        pytest.param(6, 20, [*PROOF[:-1], PROOF[-1][:31]], id="A14 a short hash"),
        pytest.param(6, 20, [], id="A14 no hash"),
        pytest.param(7, 20, PROOF, id="A14 another index"),
        pytest.param(6, 6, PROOF, id="A14 index = size"),
        pytest.param(20, 20, PROOF, id="A14 index beyond"),
        pytest.param(-1, 20, PROOF, id="A14 negative index"),
        pytest.param(0, 0, [], id="A14 size 0"),
        pytest.param(6, 2**63, PROOF, id="A14 size 2^63"),
        pytest.param(2**63, 2**63 + 1, PROOF, id="A14 index 2^63"),
    ],
)
def test_a14_inclusion(index: int, size: int, proof: list[bytes]) -> None:
    assert not verify_inclusion(index, size, LEAVES[6], proof, ROOT)


@pytest.mark.parametrize(
    ("old", "new", "old_root", "proof"),
    [
        pytest.param(6, 20, OLD_ROOT, LINK[:-1], id="A14 consistency: a hash too few"),
        pytest.param(6, 20, OLD_ROOT, [*LINK, ROOT], id="A14 consistency: a hash too many"),
        pytest.param(6, 20, OLD_ROOT, [], id="A14 consistency: no hash"),
        pytest.param(6, 20, ROOT, LINK, id="A14 consistency: another old root"),
        pytest.param(5, 20, OLD_ROOT, LINK, id="A14 consistency: another old size"),
        pytest.param(21, 20, OLD_ROOT, LINK, id="A14 consistency: old > new"),
        pytest.param(20, 20, OLD_ROOT, [], id="A14 consistency: same size, other root"),
        pytest.param(20, 20, ROOT, LINK, id="A14 consistency: same size with a proof"),
        pytest.param(0, 20, ROOT, [], id="A14 consistency: size 0 with a root"),
        pytest.param(0, 20, root_of([]), LINK, id="A14 consistency: size 0 with a proof"),
        pytest.param(-1, 20, OLD_ROOT, LINK, id="A14 consistency: negative"),
        pytest.param(6, 2**63, OLD_ROOT, LINK, id="A14 consistency: size 2^63"),
    ],
)
def test_a14_consistency(old: int, new: int, old_root: bytes, proof: list[bytes]) -> None:
    assert verify_consistency(6, 20, OLD_ROOT, ROOT, LINK)
    assert not verify_consistency(old, new, old_root, ROOT, proof)


# ---------------------------------------------------------------- I7


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('"/><Forged x="', id="I7 end of the attribute"),
        pytest.param("]]><Forged/>", id="I7 end of CDATA"),
        pytest.param("--><Forged/><!--", id="I7 end of a comment"),
        pytest.param("&forged;&#60;Forged/&#62;", id="I7 entities"),
        pytest.param("\r\n\t tabs and lines \u2028", id="I7 white space"),
        pytest.param("\x00\x01\x1b[2J\ufffe\udc80", id="I7 characters that XML has not"),
        pytest.param("</ActiveParticipant></AuditMessage>", id="I7 end of the message"),
    ],
)
def test_i7_nothing_forged_in_an_audit_message(text: str) -> None:
    event = query_event(
        text, outcome_text=text, participants=(Participant(user_id=text, user_name=text, requestor=True, address=text),)
    )
    found = etree.fromstring(render(event, SOURCE).encode())
    assert [element.tag for element in found] == [
        "EventIdentification",
        "ActiveParticipant",
        "AuditSourceIdentification",
        "ParticipantObjectIdentification",
        "ParticipantObjectIdentification",
    ]
    assert not list(found.iter("Forged"))
    assert found.find("ActiveParticipant").get("UserID") == representable(text)
    assert found.findtext("EventIdentification/EventOutcomeDescription") == representable(text)
    assert found.findall("ParticipantObjectIdentification")[0].get("ParticipantObjectID") == (
        representable(text) + "^^^&2.999.10.100&ISO"
    )


def test_a16_leaves_of_equal_events_have_nothing_in_common(tmp_path: Path) -> None:
    """Who knows all that an event can be still cannot find it among the leaves: salt and random tags hide it."""

    async def fill() -> Place:
        place = Place(tmp_path)
        async with place.running() as ledger:
            await ledger.record([local("A-1")] * 200)
            await ledger.record([replace(local("A-1"), subject="")] * 200)
        return place

    entries = [entry for _, data in ShardFiles(asyncio.run(fill()).shard()).bundles() for entry in read_bundle(data)][
        1:
    ]
    parts = {entry[at : at + 32] for entry in entries for at in (2, 34, 66)}
    assert len(parts) == 3 * len(entries) == 1200  # exchange tag, subject tag, commitment: no value twice
    ones = sum(int.from_bytes(part, "big").bit_count() for part in parts)
    assert abs(ones / (len(parts) * 256) - 0.5) < 0.01  # ten standard deviations
