"""Three real nodes as each other's witnesses: cosigned logs, a restored copy that is refused, a fork that all learn of.

The tests of this module go through the life of one federation, in their order.
"""

from __future__ import annotations

import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.end_to_end.nodes import Node, connect, free_base
from trust.ledger import hdn_verify
from trust.ledger.checkpoint import Checkpoint, NoteSigner, parse_checkpoint, parse_note
from trust.ledger.keys import read_key
from trust.ledger.witness import AddCheckpoint, write_request

PATIENT = "W-1"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("witnesses")
    base = free_base(3)
    found = [Node(folder / f"node{k + 1}", base + 10 * k, f"Institution {k + 1}") for k in range(3)]
    for node in found:
        node.init(folder / "ca")
        config = node.folder / "node.toml"
        config.write_text(config.read_text().replace("# cosign_seconds = 60.0", "cosign_seconds = 1.0"))
    connect(found)
    for node in found:
        node.start()
    try:
        yield found
    finally:
        for node in found:
            node.stop()


def until(holds: Callable[[], object], seconds: float = 60) -> object:
    """Wait for what other processes do; what it gave."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)
    return found


def shard(node: Node) -> Path:
    (found,) = [path for path in (node.folder / "audit").iterdir() if path.name[:2] == "20"]
    return found


def cosigned(node: Node) -> Checkpoint | None:
    path = sorted((node.folder / "audit").glob("20*/cosigned"))
    return parse_checkpoint(parse_note(path[-1].read_bytes()).text) if path else None


def ask(node: Node, method: str, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
    """Plain HTTP with the development client's certificate, which also stands for a test community."""
    tls = node.described["tls"]
    context = ssl.create_default_context(cafile=tls["ca"])
    context.load_cert_chain(tls["client_cert"], tls["client_key"])
    request = urllib.request.Request(f"https://localhost:{node.base + 1}{path}", body, method=method)
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers.get("Content-Type", ""), refused.read()


def origin_of(node: Node) -> str:
    return (shard(node) / "checkpoint").read_text().partition("\n")[0]


def remembered(witness: Node, origin: str) -> Checkpoint:
    digest = sha256(origin.encode()).hexdigest()
    status, _, body = ask(witness, "GET", f"/audit/witness/{digest}/checkpoint")
    assert status == 200
    return parse_checkpoint(parse_note(body).text)


def test_every_log_is_cosigned_by_both_others(nodes: list[Node]) -> None:
    for node in nodes:
        until(lambda node=node: cosigned(node))
        done = node.run("audit", "verify")
        assert "entries are cosigned, last at" in done.stdout
        assert done.stdout.count("    by ") == 2
        findings = {one["subject"]: one for one in json.loads(node.run("check", "--json").stdout)["findings"]}
        assert findings["witnesses"]["level"] == "OK"
        assert "2 of 2 must sign, 0 of them may be dishonest" in findings["witnesses"]["what"]
        listed = json.loads(node.run("peer", "list", "--json").stdout)["peers"]
        assert all(one["witness"] and not one["audit_fork"] for one in listed)


def test_the_public_layer_over_http(nodes: list[Node], tmp_path: Path) -> None:
    """An auditor verifies with nothing but what the node gives out."""
    one, two, _ = nodes
    year = shard(one).name
    status, _, verifier = ask(two, "GET", "/audit/hdn_verify.py")
    assert (status, verifier) == (200, Path(hdn_verify.__file__).read_bytes())
    copy = tmp_path / year
    note = ask(one, "GET", f"/audit/{year}/cosigned")[2]
    size = parse_checkpoint(parse_note(note).text).size
    assert size < 256
    copy.mkdir()
    for name in ("vkey", "policy"):
        (copy / name).write_bytes(ask(one, "GET", f"/audit/{year}/{name}")[2])
    (copy / "checkpoint").write_bytes(note)
    for tile in (f"0/000.p/{size}", f"entries/000.p/{size}"):
        status, kind, data = ask(one, "GET", f"/audit/{year}/tile/{tile}")
        assert (status, kind) == (200, "application/octet-stream")
        path = copy / "tile" / tile
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    assert hdn_verify.main(["verify", str(copy)]) == 0
    assert ask(one, "GET", f"/audit/{year}/tile/0/999")[0] == 404


def test_the_witness_over_http(nodes: list[Node]) -> None:
    """The statuses of tlog-witness, from a witness that remembers this log."""
    one, two, _ = nodes
    origin = origin_of(one)
    until(lambda: cosigned(one))
    note = (shard(one) / "checkpoint").read_bytes()
    size = remembered(two, origin).size
    status, kind, body = ask(two, "POST", "/audit/witness/add-checkpoint", write_request(AddCheckpoint(0, (), note)))
    assert (status, kind) == (409, "text/x.tlog.size")
    assert int(body) >= size
    other = NoteSigner("nobody.example/audit/2026", bytes(32)).sign("nobody.example/audit/2026\n1\n" + "A" * 43 + "=\n")
    assert ask(two, "POST", "/audit/witness/add-checkpoint", write_request(AddCheckpoint(0, (), other)))[0] == 404
    forged = NoteSigner(origin, bytes(32)).sign(Checkpoint(origin, 10_000, bytes(32)).text())
    assert ask(two, "POST", "/audit/witness/add-checkpoint", write_request(AddCheckpoint(0, (), forged)))[0] == 403
    assert ask(two, "POST", "/audit/witness/add-checkpoint", b"nonsense")[0] == 400
    assert ask(two, "GET", f"/audit/witness/{'0' * 64}/checkpoint")[0] == 404
    own = NoteSigner(origin, read_key(one.folder / "keys" / "ledger.key"))
    assert ask(one, "POST", "/audit/witness/add-checkpoint", write_request(AddCheckpoint(0, (), own.sign(f"{origin}\n1\n{'A' * 43}=\n"))))[0] == 404  # fmt: skip


def test_a7_a_restored_copy_is_refused_until_the_ceremony(nodes: list[Node]) -> None:
    """The whole folder is copied, head file and keys with it; the node runs on; the copy is put in its place."""
    one, _, three = nodes
    until(lambda: cosigned(three))
    three.stop()
    copy = three.folder.with_name("copy")
    shutil.copytree(three.folder, copy, symlinks=True)
    entries = parse_checkpoint(parse_note((shard(three) / "checkpoint").read_bytes()).text).size
    three.start()
    until(lambda: remembered(one, origin_of(three)).size > entries)
    three.stop()
    shutil.rmtree(three.folder)
    copy.rename(three.folder)

    three.launch()
    with pytest.raises(AssertionError, match="put back to an older state"):
        three.wait_ready()
    assert three.stop() == 1
    # No command signs anything either.
    done = three.run("patient", "add", PATIENT, check=False)
    assert done.returncode == 1
    assert "older state" in done.stderr

    before = (three.folder / "data" / "node.db").read_bytes()
    dry = three.run("audit", "recover", "--dry-run")
    assert f"this node has {entries} entries" in dry.stdout
    assert "Institution 1 remembers" in dry.stdout
    assert (three.folder / "data" / "node.db").read_bytes() == before
    done = three.run("audit", "recover", check=False)
    assert done.returncode == 2
    done = three.run("audit", "recover", "--reason", "the disk failed, this is last week's copy")
    assert f"{shard(one).name}b; start the node" in done.stdout

    three.start()
    until((three.folder / "audit" / f"{shard(one).name}b" / "cosigned").exists)
    assert three.run("audit", "verify").returncode == 0
    records = [json.loads(line) for line in three.run("audit", "list", "--json", "--kind", "10").stdout.splitlines()]
    (note,) = [one["event"]["note"] for one in records]
    assert note["kept"] == str(entries)
    assert int(note["remembered"]) > entries
    assert note["reason"] == "the disk failed, this is last week's copy"
    done = three.run("audit", "recover", "--reason", "again", check=False)
    assert done.returncode != 0  # the node runs, and nothing is lost now


def forks_at(node: Node, of: str) -> str:
    listed = json.loads(node.run("peer", "list", "--json").stdout)["peers"]
    return next(one["audit_fork"] for one in listed if one["name"] == of)


def find(node: Node) -> tuple[int, str]:
    done = node.run("find", "--patient", PATIENT, "--json", check=False)
    return done.returncode, done.stdout + done.stderr


def test_a4_a_fork_is_proved_and_everybody_learns_of_it(nodes: list[Node]) -> None:
    """The institution of node 1 signs a second history and shows it to one witness."""
    one, two, three = nodes
    origin = origin_of(one)
    for node in nodes:
        node.know(PATIENT)
    signer = NoteSigner(origin, read_key(one.folder / "keys" / "ledger.key"))

    def show() -> bool:
        seen = remembered(two, origin)
        forged = signer.sign(Checkpoint(origin, seen.size, sha256(b"another history").digest()).text())
        body = write_request(AddCheckpoint(seen.size, (), forged))
        return ask(two, "POST", "/audit/witness/add-checkpoint", body)[0] == 422

    until(show)
    for node in (two, three):
        until(lambda node=node: forks_at(node, one.name))
        done = node.run("check", check=False)
        assert "exchanges still go on" in done.stdout
    until(lambda: "two histories" in one.run("check", check=False).stdout)  # node 1 is told as well
    seen = remembered(two, origin)

    # Care goes on, every record about that institution says what is known of its log.
    code, _ = find(two)
    assert code == 0
    lines = two.run("audit", "list", "--json").stdout.splitlines()
    about = [record for record in map(json.loads, lines) if record["peer"] == one.home and record["kind"] in (1, 4)]
    assert about[-1]["event"]["note"]["warning"].startswith(f"FORKED: {origin}")
    assert remembered(two, origin).size == seen.size  # and nothing of it is cosigned any more

    done = two.run("peer", "decide", one.name, "stop", "--reason", "two copies were in use")
    assert "stop: two copies were in use" in done.stdout
    code, said = find(two)
    assert code == 4
    assert "FORKED" in said
    two.run("peer", "decide", one.name, "continue", "--reason", "seen on site")
    assert find(two)[0] == 0
    commands = [json.loads(line) for line in two.run("audit", "list", "--json", "--kind", "7").stdout.splitlines()]
    assert any("continue, seen on site" in record["event"].get("outcome_text", "") for record in commands)
