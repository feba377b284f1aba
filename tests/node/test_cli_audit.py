"""The auditor's commands, as an auditor runs them: a node that works, and the machine of somebody else.

Which commands these are is read from the session in README.md, so that what it shows really runs.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.test_cli_running import Node, free_base

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    root = tmp_path_factory.mktemp("audited")
    node = Node(root / "node", free_base())
    _make(node, "Klinik Süd")
    (root / "letter.txt").write_text("a letter")
    for patient in ("4711", "0815"):
        node.run("patient", "add", patient)
        node.run("submit", "--patient", patient, str(root / "letter.txt"))
        node.run("find", "--patient", patient)
    node.run("fetch", "--patient", "4711", "--output", str(root / "out"))
    yield node
    if node.process is not None:
        node.process.kill()
        node.process.wait()


def entries(node: Node, *words: str) -> list[dict]:
    return node.json("audit", "search", *words)["entries"]


def test_a_search_by_everything(node: Node) -> None:
    everything = entries(node, "--limit", "1000")
    own = node.json("endpoints")["home_community_id"]
    fetched = next(one for one in everything if one["documents"])
    document, incident = fetched["documents"][0], fetched["record"]["event"]["incident"]
    assert {one["record"]["subject"] for one in entries(node, "--patient", "4711")} == {"2.999.1|4711"}
    assert fetched in entries(node, "--document", document)
    assert {one["record"]["event"]["incident"] for one in entries(node, "--incident", incident)} == {incident}
    assert fetched in entries(node, "--user", "DEVELOPMENT client", "--transaction", "iti-43", "--community", own)
    assert entries(node, "--user", "nobody of this name") == []
    assert entries(node, "--outcome", "failed", "--patient", "4711") == []
    day = fetched["time"][:10]
    assert fetched in entries(node, "--since", day, "--until", day, "--patient", "4711")
    assert entries(node, "--until", "2020") == []
    assert [one["index"] for one in everything] == sorted((one["index"] for one in everything), reverse=True)
    found = entries(node, "--no-index", "--patient", "4711", "--transaction", "ITI-43")
    assert found == entries(node, "--patient", "4711", "--transaction", "ITI-43")


def test_a_search_is_on_record_with_what_it_looked_for_and_showed(node: Node) -> None:
    node.run("audit", "search", "--patient", "0815", "--user", "dev", "--limit", "2")
    (used,) = entries(node, "--transaction", "audit search", "--patient", "0815", "--limit", "1")
    details = dict(used["record"]["event"]["objects"][-1]["details"])
    assert used["what"] == "read the access log"
    assert details["patient"] == "2.999.1|0815"
    assert details["users"] == "dev"
    assert re.fullmatch(r"2: \d{4}/\d+ to \d{4}/\d+", details["shown"])


def test_a_page_for_people(node: Node) -> None:
    done = node.run("audit", "search", "--patient", "4711", "--transaction", "ITI-43")
    assert "opened documents (1 documents)" in done.stdout
    assert "development client [application of this institution]" in done.stdout
    assert done.stderr.startswith("entry")
    first = node.run("audit", "search", "--limit", "2")
    before = re.search(r"--before (\S+)", first.stderr)
    assert before is not None
    assert before[1] == first.stdout.splitlines()[-1].split()[0]
    assert "nothing found" in node.run("audit", "search", "--patient", "nobody").stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["search", "--since", "yesterday"], "audit.time"),
        (["search", "--limit", "0"], "audit.limit"),
        (["search", "--patient", ""], "audit.patient"),
        (["search", "--patient", "4711^^^&no oid&ISO"], "audit.patient"),
        (["report", "--patient", "a^b", "--output", "x.zip"], "audit.patient"),
        (["search", "--before", "1999/1"], "audit.search"),
        (["explain", "2026/99999999"], "audit.entry"),
        (["report", "--patient", "4711", "--output", "report.pdf"], "audit.report"),
        (
            ["report", "--patient", "4711", "--output", "x.zip", "--since", "2026-05", "--until", "2026-03"],
            "audit.time",
        ),
    ],
)
def test_what_cannot_be_asked(node: Node, words: list[str], code: str) -> None:
    assert f"error {code}" in node.run("audit", *words, status=2).stderr


def test_one_entry_as_audit_event(node: Node) -> None:
    found = entries(node, "--patient", "4711", "--transaction", "ITI-43")[0]
    event = json.loads(node.run("audit", "explain", found["entry"], "--fhir").stdout)
    assert (event["resourceType"], event["recorded"]) == ("AuditEvent", found["time"])
    assert event["subtype"][0]["code"] == "ITI-43"
    patients = [one["what"]["identifier"] for one in event["entity"] if one["type"]["code"] == "1"]
    assert [(one["system"], one["value"]) for one in patients] == [("urn:oid:2.999.1", "4711")]
    used = entries(node, "--transaction", "audit explain", "--patient", "4711")
    assert dict(used[0]["record"]["event"]["objects"][-1]["details"])["shown"] == found["entry"]


def test_explain(node: Node) -> None:
    found = entries(node, "--patient", "4711", "--transaction", "ITI-43")[0]
    said = node.run("audit", "explain", found["entry"]).stdout
    for words in ("opened documents", "development client, application of this institution", "2.999.1|4711", "it fits"):
        assert words in said
    proof = node.json("audit", "explain", found["entry"])["proof"]
    assert proof["commitment_holds"] is True
    assert proof["size"] > found["index"]


def test_explain_says_when_a_record_was_changed(node: Node, tmp_path: Path) -> None:
    """A1: a record that was changed in the database does not fit its entry any more."""
    copy = Node(Path(shutil.copytree(node.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))), 0)
    with contextlib.closing(sqlite3.connect(copy.folder / "data/node.db")) as connection:
        changed = connection.execute(
            "UPDATE audit_record SET body = replace(body, 'patient add', 'patient abb')"
        ).rowcount
        connection.commit()
        (seq,) = connection.execute("SELECT min(seq) FROM audit_record WHERE body LIKE '%patient abb%'").fetchone()
    assert changed
    assert "DOES NOT FIT" in copy.run("audit", "explain", str(seq - 1)).stdout


def test_report_is_private_and_never_overwrites(node: Node, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    node.run("audit", "report", "--patient", "4711", "--output", str(target), "--lang", "zh")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert '<html lang="zh-Hans">' in target.read_text()
    again = node.run("audit", "report", "--patient", "4711", "--output", str(target), status=2)
    assert "error output.exists" in again.stderr


def test_a_report_is_on_record_with_its_hash(node: Node, tmp_path: Path) -> None:
    from hashlib import sha256

    target = tmp_path / "report.zip"
    node.run("audit", "report", "--patient", "0815", "--since", "2026", "--output", str(target))
    (made,) = entries(node, "--transaction", "audit report", "--patient", "0815", "--limit", "1")
    details = dict(made["record"]["event"]["objects"][-1]["details"])
    assert made["what"] == "made a report of all accesses"
    assert details["sha256"] == sha256(target.read_bytes()).hexdigest()
    assert details["since"] == "2026-01-01T00:00:00.000Z"


def test_a_merged_patient_is_reported_under_both_identities(node: Node, tmp_path: Path) -> None:
    for patient in ("m-1", "m-2", "m-3"):
        node.run("patient", "add", patient)
    node.run("patient", "merge", "m-2", "m-3")
    node.run("patient", "merge", "m-1", "m-2")
    for number, patient in enumerate(("m-1", "m-3")):
        target = tmp_path / f"{number}.zip"
        node.run("audit", "report", "--patient", patient, "--output", str(target))
        said = node.run("audit", "report", str(target)).stdout
        assert "report about 2.999.1|m-1, 2.999.1|m-2, 2.999.1|m-3" in said


def test_reindex_and_a_deleted_index(node: Node) -> None:
    before = entries(node, "--patient", "0815", "--transaction", "ITI-18")
    assert "entries indexed" in node.run("audit", "reindex").stderr
    assert entries(node, "--patient", "0815", "--transaction", "ITI-18") == before
    (node.folder / "data/audit-index.db").unlink()
    assert entries(node, "--patient", "0815", "--transaction", "ITI-18") == before


def test_an_index_that_cannot_be_written(node: Node) -> None:
    index = node.folder / "data/audit-index.db"
    index.unlink(missing_ok=True)
    index.mkdir()
    try:
        assert "--no-index" in node.run("audit", "search", "--patient", "4711", status=1).stderr
        assert entries(node, "--patient", "4711", "--no-index")
    finally:
        index.rmdir()


def test_the_running_node_fills_the_index(node: Node) -> None:
    """Nobody searches: the node itself makes it anew."""
    (node.folder / "data/audit-index.db").unlink(missing_ok=True)
    node.run("patient", "add", "for-the-index")
    until = time.monotonic() + 60
    while not (node.folder / "data/audit-index.db").exists():
        assert time.monotonic() < until
        time.sleep(0.05)


def _make(node: Node, name: str) -> None:
    ca = str(node.folder.parent / "ca")
    words = ("--port-base", str(node.base), "--authority", "2.999.1", "--ca", ca)
    node.run("init", "--name", name, "--dev", *words)
    node.start()


@pytest.fixture
def clinic(node: Node, tmp_path: Path) -> Iterator[Node]:
    """Another institution, connected with the first."""
    clinic = Node(node.folder.parent / "clinic", free_base())
    _make(clinic, "Clinic South")
    for one, other in ((node, clinic), (clinic, node)):
        export = one.run("endpoints", "--export").stdout
        (tmp_path / "export.json").write_text(export)
        other.run("peer", "add", str(tmp_path / "export.json"), "--fingerprint", json.loads(export)["fingerprint"])
    yield clinic
    node.run("peer", "remove", clinic.json("endpoints")["home_community_id"])
    clinic.stop()


def test_the_session_of_the_readme(node: Node, clinic: Node, tmp_path: Path) -> None:
    """Every command of the auditor's session runs; the bundle then verifies in a folder with nothing but Python."""
    session = re.search(r"### An auditor's session\n.*?```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert session is not None
    commands = [shlex.split(line, comments=True) for line in session[1].splitlines()]
    commands = [words for words in commands if words]
    assert [words[2] for words in commands if words[0] == "xdsnode"] == [
        "search",
        "explain",
        "verify",
        "copy",
        "reconcile",
        "report",
    ]
    found = entries(node, "--patient", "4711", "--transaction", "ITI-43")[0]["entry"]
    elsewhere = tmp_path / "elsewhere"
    assert clinic.process is not None
    for words in commands:
        if words[0] == "xdsnode":
            given = [found if re.fullmatch(r"\d{4}/\d+", word) else word for word in words[1:]]
            where = [str(tmp_path / word) if word in ("report.zip", "clinic-log") else word for word in given]
            assert node.run(*where).stdout
        elif words[0] == "unzip":
            shutil.unpack_archive(tmp_path / words[1], elsewhere)
        else:
            assert words[0] == "python3"
            command = [sys.executable, "-I", "-S", *words[1:]]
            done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert "complete: nothing about this patient is left out" in done.stdout
    assert json.loads((elsewhere / "report.json").read_text())["patients"] == ["2.999.1|4711"]


def test_what_is_erased_is_stated_and_the_log_stays_good(node: Node) -> None:
    node.run("patient", "add", "E-1")
    node.run("find", "--patient", "E-1")
    shown = entries(node, "--patient", "E-1", "--limit", "100")
    refused = node.run("audit", "erase", "--patient", "E-1", status=2)
    assert "audit.erase" in refused.stderr
    dry = node.run("audit", "erase", "--patient", "E-1", "--reason", "order 17/2026", "--dry-run")
    assert "nothing was changed" in dry.stderr
    assert len(entries(node, "--patient", "E-1", "--limit", "100")) == len(shown) + 1  # the search before
    done = node.run("audit", "erase", "--patient", "E-1", "--reason", "order 17/2026")
    assert "their places in the log stay" in done.stderr
    left = node.json("audit", "search", "--patient", "E-1")
    assert [one["record"]["event"]["type"][0] for one in left["entries"]] == []
    assert "as the log itself states" in node.run("audit", "verify").stdout
