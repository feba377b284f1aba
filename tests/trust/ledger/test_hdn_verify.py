"""The verifier as others use it: one file, run alone, with its exit statuses."""

from __future__ import annotations

import ast
import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.shared import SHARED, needs_shared
from tests.trust.ledger.ledgers import KEYS, NODE, TIME, Place, local
from trust.audit.event import Kind, NewRecord, Outcome, Participant
from trust.ledger import hdn_verify, receipt
from trust.ledger.checkpoint import Checkpoint, CosignatureSigner, NoteSigner, parse_note
from trust.ledger.merkle import EMPTY_ROOT, leaf_hash, root_of
from trust.ledger.policy import policy_of
from trust.ledger.record import shard_master, subject_key
from trust.ledger.sequencer import Sequencer
from trust.ledger.shard_files import ShardFiles
from trust.ledger.tiles import bundle, read_bundle
from trust.ledger.tiles import path as tile_path

FILE = Path(hdn_verify.__file__)
VECTORS = SHARED / "vectors/tlog/out" if SHARED else Path()


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """Copied out and run alone: no site packages, no project."""
    command = [sys.executable, "-I", "-S", str(FILE), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten entries: a genesis, queries of three patients, a refused one, one exchange."""
    root = tmp_path_factory.mktemp("filled")
    asyncio.run(fill(Place(root)))
    return root


async def fill(place: Place) -> None:
    async with place.running() as ledger:
        await ledger.record([local(f"A-{number % 3}") for number in range(6)])
        await ledger.record([local("A-1", outcome=Outcome.SERIOUS)])
        people = (Participant(user_id="dr.b", user_name="Berta \x1b[31m", requestor=True),)
        await ledger.record([local("B-1", participants=people)])
        await ledger.record(
            [NewRecord(kind=Kind.REQUEST_SENT, time="2026-12-01T00:00:00.000Z", cid="c", leg="q", payload=b"p" * 32)]
        )


@pytest.fixture
def place(filled: Path, tmp_path: Path) -> Place:
    """A copy that a test may change."""
    shutil.copytree(filled, tmp_path / "node")
    return Place(tmp_path / "node")


def test_only_the_standard_library() -> None:
    tree = ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 10))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)


@needs_shared
@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        pytest.param(["verify", "log300"], 0, "kind 5", id="verify"),
        pytest.param(["log", "log5"], 0, "size 5", id="log"),
        pytest.param(["since", "log5/checkpoint", "log300"], 0, "begin with the 5", id="since"),
        pytest.param(["since", "log300/checkpoint", "log5"], 1, "index 5", id="since: tail cut off"),
        pytest.param(["since", "fork/checkpoint", "log300"], 3, "proof", id="since: fork"),
        pytest.param(["open", 137, "proofs/137.record.json", "proofs/137.salt", "log300"], 0, "137", id="open"),
        pytest.param(["open", 136, "proofs/137.record.json", "proofs/137.salt", "log300"], 1, "index 136", id="other"),
        pytest.param(["open", 300, "proofs/137.record.json", "proofs/137.salt", "log300"], 2, "300", id="no such"),
        pytest.param(["fork", "log300/checkpoint", "fork/checkpoint"], 3, "PROOF OF A FORK", id="fork"),
        pytest.param(["fork", "log300/checkpoint", "log300/checkpoint"], 0, "same root", id="no fork"),
        pytest.param(["fork", "log300/checkpoint", "log5/checkpoint"], 2, "since", id="fork: other sizes"),
        pytest.param(["verify", "nowhere"], 2, "no log", id="nothing there"),
    ],
)
def test_vectors(words: list, status: int, says: str) -> None:
    paths = [VECTORS / word if isinstance(word, str) and (VECTORS / word).exists() else word for word in words[1:]]
    done = run(words[0], *paths, "--policy", VECTORS / "policy")
    assert done.returncode == status, done.stderr
    assert says in done.stdout + done.stderr


@needs_shared
def test_vectors_without_enough_witnesses(tmp_path: Path) -> None:
    shutil.copytree(VECTORS / "log300", tmp_path / "log")
    checkpoint = tmp_path / "log/checkpoint"
    lines = checkpoint.read_text().splitlines(keepends=True)
    checkpoint.write_text("".join(lines[:6]))
    done = run("verify", tmp_path / "log", "--policy", VECTORS / "policy")
    assert done.returncode == 4
    assert "1 witnesses" in done.stderr


@needs_shared
def test_vectors_subject_key() -> None:
    master = bytes.fromhex(json.loads((VECTORS / "vectors.json").read_text())["subject_master"])
    files = [VECTORS / "proofs/137.record.json", VECTORS / "proofs/137.salt", VECTORS / "log300"]
    for patient, status in (("P004", 0), ("P005", 1)):
        key = subject_key(master, f"urn:oid:1.2.3.4|{patient}").hex()
        assert run("open", 137, *files, "--policy", VECTORS / "policy", "--subject-key", key).returncode == status


async def test_files_alone_are_enough(place: Place) -> None:
    done = run("verify", place.shard())
    assert done.returncode == 0, done.stderr
    assert "size 10" in done.stdout
    assert "8  kind 5" in done.stdout
    assert "read from the folder itself" in done.stdout
    vkey = (place.shard() / "vkey").read_text().strip()
    done = run("verify", place.shard(), "--vkey", vkey)
    assert done.returncode == 0
    assert "folder itself" not in done.stdout
    assert run("verify", place.shard(), "--vkey", place.shard() / "vkey").returncode == 0
    other = NoteSigner(f"{NODE}/audit/2026", bytes(32)).key.render()
    assert run("verify", place.shard(), "--vkey", other).returncode == 1


async def test_a_missing_file_is_incomplete(place: Place) -> None:
    for name in ("tile/0/000.p/10", "tile/entries/000.p/10", "checkpoint", "vkey"):
        path = place.shard() / name
        data = path.read_bytes()
        path.unlink()
        done = run("verify", place.shard())
        assert done.returncode == 2
        assert name in done.stderr
        path.write_bytes(data)
    assert run("verify", place.shard()).returncode == 0


async def test_a_node_folder_is_verified_with_its_database(place: Place) -> None:
    (place.root / "data").mkdir()
    place.database.rename(place.root / "data/node.db")
    done = run("verify", place.root)
    assert done.returncode == 0, done.stderr
    assert "every record of the database" in done.stdout


async def test_a_log_may_grow_while_it_is_verified(place: Place) -> None:
    """An older checkpoint with newer tiles is good: a wider tile holds the narrower one."""
    old = (place.shard() / "checkpoint").read_bytes()
    async with place.running() as ledger:
        await ledger.record([local("x") for _ in range(300)])
    checkpoint = place.shard() / "checkpoint"
    checkpoint.unlink()
    checkpoint.write_bytes(old)
    done = run("verify", place.shard(), "--db", place.database)
    assert done.returncode == 0, done.stderr
    assert "size 10" in done.stdout


async def test_records_open_from_the_database(place: Place) -> None:
    key = subject_key(shard_master(KEYS.subject_master, f"{NODE}/audit/2026"), "2.999.10.100|A-1").hex()
    done = run("open", 2, place.shard(), "--db", place.database, "--subject-key", key)
    assert done.returncode == 0, done.stderr
    assert "number 0 of this subject" in done.stdout
    assert run("open", 3, place.shard(), "--db", place.database, "--subject-key", key).returncode == 1
    assert run("open", 3, place.shard()).returncode == 2


async def test_one_entry_with_its_record_proves_itself(place: Place, tmp_path: Path) -> None:
    """What the auditor's page saves of one entry: nothing of the log is needed beside it."""
    files = ShardFiles(place.shard())
    proof, record, salt = tmp_path / "entry.tlog-proof", tmp_path / "record.json", tmp_path / "salt"
    proof.write_bytes(receipt.render(files.entry(3), 3, files.proof(3), files.note))
    connection = sqlite3.connect(place.database)
    body, secret = connection.execute("SELECT body, salt FROM audit_record WHERE seq = 4").fetchone()
    connection.close()
    record.write_bytes(body)
    salt.write_bytes(secret)
    words = ("receipt", proof, "--vkey", place.shard() / "vkey", "--record", record, "--salt", salt)
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert "the record belongs to this entry" in done.stdout
    for file, data in ((record, body), (salt, secret)):
        file.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
        assert run(*words).returncode == 1
        file.write_bytes(data)


@pytest.mark.parametrize(
    ("options", "indices"),
    [
        pytest.param([], list(range(10)), id="everything"),
        pytest.param(["--patient", "A-1"], [2, 5, 7], id="patient by id"),
        pytest.param(["--patient", "2.999.10.100|A-1"], [2, 5, 7], id="patient as in the record"),
        pytest.param(["--patient", "A-1^^^&2.999.10.100&ISO"], [2, 5, 7], id="patient as CX"),
        pytest.param(["--patient", "-1"], [], id="a part of an id finds nobody"),
        pytest.param(["--patient", "%"], [], id="no wildcards"),
        pytest.param(["--user", "berta"], [8], id="user"),
        pytest.param(["--transaction", "iti-18", "--limit", "2"], [1, 2], id="transaction, limited"),
        pytest.param(["--since", "2026-12-01"], [9], id="since"),
        pytest.param(["--until", "2026-12-01", "--kind", "9"], [0], id="kind"),
    ],
)
async def test_listing(place: Place, options: list[str], indices: list[int]) -> None:
    done = run("list", place.database, "--json", *options)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["index"] for line in done.stdout.splitlines()] == indices


async def test_a_listing_for_people(place: Place) -> None:
    lines = run("list", place.database).stdout.splitlines()
    assert lines[1].split() == ["2026/1", TIME, "ITI-18", "ok", "ward-7", "(application)", "2.999.10.100|A-0"]
    assert "refused" in lines[7]
    assert not any("\x1b" in line for line in lines)


def test_fork_of_our_own(tmp_path: Path) -> None:
    signer = NoteSigner("a", bytes(32))
    for name, root in (("one", bytes(32)), ("two", b"\x01" * 32)):
        (tmp_path / name).write_bytes(signer.sign(Checkpoint("a", 3, root).text()))
    vkey = signer.key.render()
    assert run("fork", tmp_path / "one", tmp_path / "two", "--vkey", vkey).returncode == 3
    assert run("fork", tmp_path / "one", tmp_path / "one", "--vkey", vkey).returncode == 0
    assert run("fork", tmp_path / "one", tmp_path / "two").returncode == 2
    forged = (tmp_path / "two").read_text().replace("\u2014 a ", "\u2014 b ")
    (tmp_path / "two").write_text(forged)
    assert run("fork", tmp_path / "one", tmp_path / "two", "--vkey", vkey).returncode == 1


@pytest.mark.parametrize("command", ["sample"])
def test_what_comes_later_says_so(command: str) -> None:
    done = run(command, "a", "--nonce", "b")
    assert done.returncode == 2
    assert "not available in this version" in done.stderr


W = [NoteSigner(name, bytes([number]) * 32).key.render() for number, name in enumerate("abc", 1)]
WITNESSES = "".join(f"witness {name} {key}\n" for name, key in zip("ABC", W, strict=True))


@pytest.mark.parametrize(
    ("rest", "signers", "met"),
    [
        ("quorum none", "", True),
        ("quorum A", "a", True),
        ("quorum A", "b", False),
        ("group g any A B\nquorum g", "b", True),
        ("group g all A B\nquorum g", "a", False),
        ("group g 2 A B C\nquorum g", "ac", True),
        ("group g 1 A B\ngroup h all g C\nquorum h", "ab", False),
        ("group g 1 A B\ngroup h all g C\nquorum h", "bc", True),
    ],
)
def test_policies(rest: str, signers: str, met: bool) -> None:
    policy = hdn_verify.read_policy(f"# ours\n{WITNESSES}{rest}\n")
    assert policy.met(policy.quorum, frozenset(signers)) is met


@pytest.mark.parametrize("text", ["quorum X", "group g 0 A", "witness A", "quorum", "nonsense 1", "group g 2 A B"])
def test_a_policy_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(hdn_verify.Invalid):
        hdn_verify.read_policy(text)


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("", id="no quorum"),
        pytest.param("quorum A\nquorum B\n", id="two quorums"),
        pytest.param("group g 2 A A\nquorum g\n", id="a witness twice in a group"),
        pytest.param("group g 2 A B\ngroup h 2 g B\nquorum h\n", id="a witness in two groups"),
        pytest.param(f"witness D {W[0]}\ngroup g 2 A D\nquorum g\n", id="one key under two names"),
    ],
)
def test_nobody_counts_twice(rest: str) -> None:
    with pytest.raises(hdn_verify.Invalid, match="policy"):
        hdn_verify.read_policy(WITNESSES + rest)


COSIGNERS = [
    CosignatureSigner(f"node-{name}.example/witness", bytes([number]) * 32) for number, name in ((7, "x"), (8, "y"))
]


def cosign(place: Place, size: int, *, needed: int = 2, by: int = 2, entries: list[bytes] | None = None) -> None:
    """As the node does: the policy and, for an earlier size, the note with the signatures of witnesses."""
    folder = place.shard()
    hashes = [leaf_hash(entry) for entry in (entries or hdn_entries(folder))]
    signer = NoteSigner(f"{NODE}/audit/2026", KEYS.seed)
    note = signer.sign(Checkpoint(signer.key.name, size, root_of(hashes[:size])).text())
    text = parse_note(note).text
    write(folder / "cosigned", note + b"".join(one.line(text, 1_800_000_000 + size) for one in COSIGNERS[:by]))
    write(folder / "policy", policy_of([one.key for one in COSIGNERS], needed).render([signer.key]).encode())


def write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def hdn_entries(folder: Path) -> list[bytes]:
    (bundle,) = (folder / "tile/entries").rglob("000.p/10")
    return read_bundle(bundle.read_bytes())


def test_the_cosigned_part_of_a_log(place: Place) -> None:
    cosign(place, 6)
    done = run("verify", place.shard())
    assert done.returncode == 0, done.stderr
    assert "the first 6 entries are cosigned, last at 2027-01-15T08:00:06Z; 4 newer ones not yet" in done.stdout
    assert "by node-y.example/witness" in done.stdout


def test_too_few_witnesses(place: Place) -> None:
    cosign(place, 6, by=1)
    done = run("verify", place.shard())
    assert done.returncode == 4
    assert "1 witnesses" in done.stderr
    (place.shard() / "cosigned").unlink()
    assert run("verify", place.shard()).returncode == 4
    assert run("since", place.shard() / "checkpoint", place.shard()).returncode == 4


def test_a3_the_verifier_sees_that_the_tail_was_cut_off(place: Place, tmp_path: Path) -> None:
    """The institution truncates its log and signs again; the witnesses' signatures name what was there."""
    entries = hdn_entries(place.shard())
    cosign(place, 9, entries=entries)
    old = tmp_path / "old"
    shutil.copy(place.shard() / "checkpoint", old)
    truncate(place, entries[:7])
    done = run("verify", place.shard())
    assert done.returncode == 1
    assert "index 7" in done.stderr
    assert "cut off" in done.stderr
    (place.shard() / "cosigned").unlink()
    (place.shard() / "policy").unlink()
    assert run("verify", place.shard()).returncode == 0  # by itself it is a perfect log
    done = run("since", old, place.shard())
    assert done.returncode == 1
    assert "cut off" in done.stderr


def test_a4_another_history_than_the_cosigned_one(place: Place) -> None:
    entries = hdn_entries(place.shard())
    changed = [*entries[:3], entries[3][:-1] + bytes([entries[3][-1] ^ 1]), *entries[4:]]
    cosign(place, 6, entries=changed)
    done = run("verify", place.shard())
    assert done.returncode == 1
    assert "not those that witnesses have signed" in done.stderr
    cosign(place, 10, entries=changed)
    assert run("verify", place.shard()).returncode == 3


def truncate(place: Place, entries: list[bytes]) -> None:
    """Make the folder that of a shorter log, signed with the log's own key."""
    folder = place.shard()
    shutil.rmtree(folder / "tile")
    hashes = [leaf_hash(entry) for entry in entries]
    for level, data in (("entries", bundle(entries)), (0, b"".join(hashes))):
        path = folder / tile_path(level, 0, len(entries))
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    signer = NoteSigner(f"{NODE}/audit/2026", KEYS.seed)
    write(folder / "checkpoint", signer.sign(Checkpoint(signer.key.name, len(entries), root_of(hashes)).text()))


@pytest.fixture(scope="module")
def anchored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anchors at 10:00 and 12:00 witness time, entries between them; entry 5 claims a time two hours too early."""
    root = tmp_path_factory.mktemp("anchored")
    asyncio.run(fill_anchored(Place(root)))
    return root


def at(hour: int) -> str:
    return f"2026-11-23T{hour:02d}:02:17.000Z"


async def fill_anchored(place: Place) -> None:
    signer = NoteSigner(f"{NODE}/audit/2026", KEYS.seed)

    async def anchor(ledger: Sequencer, hour: int) -> None:
        text = parse_note(ledger.checkpoint).text
        time = int(datetime.fromisoformat(at(hour)).timestamp())
        note = ledger.checkpoint + b"".join(one.line(text, time) for one in COSIGNERS)
        facts = {"event": "anchor", "checkpoint": note.decode()}
        await ledger.record([NewRecord(kind=Kind.ANCHOR, time=at(hour), note=facts)])

    async with place.running() as ledger:
        await ledger.record([replace(local("A-1"), time=at(9))])  # 1
        await anchor(ledger, 10)  # 2
        await ledger.record([replace(local("A-1"), time=at(10))])  # 3
        await ledger.record([replace(local("A-1"), time=at(11))])  # 4
        await ledger.record([replace(local("A-1"), time=at(8))])  # 5, back-dated
        await ledger.record([replace(local("A-1"), time=at(15))])  # 6, post-dated
        await anchor(ledger, 12)  # 7
        await ledger.record([replace(local("A-1"), time=at(13))])  # 8
    write(place.shard() / "policy", policy_of([one.key for one in COSIGNERS], 2).render([signer.key]).encode())


@pytest.mark.parametrize(
    ("index", "status", "says"),
    [
        pytest.param(1, 0, ["no anchor below", "before 2026-11-23T10:02:17Z"], id="before the first anchor"),
        pytest.param(4, 0, ["after 2026-11-23T10:02:17Z", "before 2026-11-23T12:02:17Z"], id="between anchors"),
        pytest.param(8, 0, ["after 2026-11-23T12:02:17Z", "no witness above"], id="after the last"),
        pytest.param(5, 1, ["index 5: back-dated"], id="A6 back-dated"),
        pytest.param(6, 1, ["index 6: it claims 2026-11-23T15:02:17.000Z"], id="A6 post-dated"),
    ],
)
def test_the_bracket_of_an_entry(anchored: Path, index: int, status: int, says: list[str]) -> None:
    place = Place(anchored)
    done = run("open", index, place.shard(), "--db", place.database)
    assert done.returncode == status, done.stderr
    assert all(text in done.stdout + done.stderr for text in says)


def test_roots_of_all_sizes_from_the_levels() -> None:
    """Around every border of a tile, up to three levels."""
    hashes = [leaf_hash(number.to_bytes(3, "big")) for number in range(66_000)]
    shard = hdn_verify.Shard(Path(), hdn_verify.Policy(), own_key=False)
    shard.set_hashes(hashes)
    assert len(shard.levels) == 3
    for size in (0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 66_000):
        assert shard.root(size) == (root_of(hashes[:size]) if size else EMPTY_ROOT)


def test_a_log_that_is_being_written_drops_partial_tiles_while_they_are_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the read the full tile takes the place of the partial one."""
    shard = hdn_verify.Shard(place.shard(), hdn_verify.Policy(), own_key=False)
    partial = place.shard() / "tile/entries/000.p/10"
    data = partial.read_bytes()
    exists = Path.exists

    def meanwhile(path: Path) -> bool:
        found = exists(path)
        if path == partial and found:
            (place.shard() / "tile/entries/000").write_bytes(data + b"more")
            partial.unlink()
        return found

    monkeypatch.setattr(Path, "exists", meanwhile)
    assert shard._tile("entries", 0, 10) == data + b"more"


async def test_checking_a_database_takes_time_in_proportion_to_its_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in steps of SQLite's machine, not in seconds."""
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 1
        return 0

    def counting(path: Path) -> sqlite3.Connection:
        connection = opened(path)
        connection.set_progress_handler(tick, 100)
        return connection

    opened = hdn_verify._open_database
    monkeypatch.setattr(hdn_verify, "_open_database", counting)
    taken = []
    for number in (300, 1200):
        place = Place(tmp_path / str(number))
        place.root.mkdir()
        async with place.running() as sequencer:
            await sequencer.record([local(f"P-{at % 50}") for at in range(number)])
        steps = 0
        assert hdn_verify.main(["verify", str(place.shard()), "--db", str(place.database)]) == 0
        taken.append(steps)
    assert taken[1] < 6 * taken[0]
