"""Another key for the audit log: both parts verify, a crash in between is finished, a wrong key is refused (2.5)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node.configuration.config import load
from node.witness.findings import witnesses
from tests.commands import command
from trust.ledger.keys import create_key


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "node"
    assert command("init", "--name", "Klinik", "--dev", "--dir", str(folder)).returncode == 0
    assert command("patient", "add", "4711", "--dir", str(folder)).returncode == 0
    return folder


def run(folder: Path, *words: str, status: int = 0) -> str:
    done = command(*words, "--dir", str(folder))
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def shards(folder: Path) -> dict[str, str]:
    return {path.parent.name: path.read_text().strip() for path in sorted((folder / "audit").glob("*/vkey"))}


def test_the_log_goes_on_under_a_new_name_and_both_parts_verify(node: Path) -> None:
    before = shards(node)
    (year,) = before
    old = (node / "keys" / "ledger.key").read_bytes()
    closed = node / "audit" / year / "checkpoint"
    assert "nothing was changed" in run(node, "audit", "rotate-key", "--dry-run")
    assert shards(node) == before
    run(node, "audit", "rotate-key", "--reason", "yearly change")
    signed = closed.read_bytes()
    run(node, "patient", "add", "0815")
    after = shards(node)
    assert list(after) == [year, f"{year}b"]
    assert after[year] == before[year]
    assert after[year].rpartition("+")[2] != after[f"{year}b"].rpartition("+")[2]
    assert (node / "keys" / "ledger.key").read_bytes() != old
    assert not (node / "keys" / "ledger-next.key").exists()
    assert closed.read_bytes() == signed
    assert run(node, "audit", "verify").count(": good") == 2
    log = run(node, "audit", "list", "--json")
    changes = [one for one in map(json.loads, filter(None, log.split("\n"))) if "key-change" in json.dumps(one)]
    assert len(changes) == 2  # the last under the old key, and the one that begins the new log


def test_a_report_spans_the_change(node: Path, tmp_path: Path) -> None:
    run(node, "audit", "rotate-key", "--reason", "yearly change")
    run(node, "patient", "show", "4711")
    (year,) = (name for name in shards(node) if len(name) == 4)
    found = json.loads(run(node, "audit", "search", "--patient", "4711", "--transaction", "patient show", "--json"))
    assert found["entries"][0]["entry"].startswith(f"{year}b/")
    assert "it fits" in run(node, "audit", "explain", found["entries"][0]["entry"])
    bundle = tmp_path / "report.zip"
    run(node, "audit", "report", "--patient", "4711", "--output", str(bundle))
    assert "complete: nothing about this patient is left out" in run(node, "audit", "report", str(bundle))
    policy = tmp_path / "policy"
    policy.write_text("".join(f"log {key}\n" for key in shards(node).values()) + "quorum none\n")
    run(node, "audit", "report", str(bundle), "--policy", str(policy))


def test_what_others_get_names_the_new_key(node: Path) -> None:
    def exported() -> str:
        return json.loads(command("endpoints", "--export", "--dir", str(node)).stdout)["audit"]["key"]

    before = exported()
    run(node, "audit", "rotate-key", "--reason", "stolen", "--compromised")
    assert exported() != before
    assert "compromised" in run(node, "audit", "list", "--json")


@pytest.mark.parametrize("stolen", [True, False])
def test_others_have_to_be_told_of_a_stolen_key(node: Path, tmp_path: Path, stolen: bool) -> None:
    """Until they have the new description they believe what the thief signs; only telling them helps."""
    other = tmp_path / "other"
    run(other, "init", "--name", "Clinic South", "--dev", "--port-base", "8010")
    export = json.loads(run(other, "endpoints", "--export"))
    (tmp_path / "there.json").write_text(json.dumps(export))
    run(node, "peer", "add", str(tmp_path / "there.json"), "--fingerprint", export["fingerprint"])
    run(node, "audit", "rotate-key", "--reason", "laptop gone", *(["--compromised"] if stolen else []))
    said = run(node, "check", status=0)
    assert ("may be in other hands since" in said) is stolen
    config = load(node)
    month = [one.what for one in witnesses(config, datetime.now(UTC) + timedelta(days=31))]
    assert not any("other hands" in one for one in month)


def test_a_crash_before_the_files_were_exchanged_is_finished(node: Path, tmp_path: Path) -> None:
    keys = node / "keys"
    shutil.copy(keys / "ledger.key", tmp_path / "old")
    run(node, "audit", "rotate-key", "--reason", "yearly change")
    (keys / "ledger.key").rename(keys / "ledger-next.key")
    shutil.copy(tmp_path / "old", keys / "ledger.key")
    (keys / "ledger.key").chmod(0o400)
    run(node, "patient", "add", "0815")
    assert not (keys / "ledger-next.key").exists()
    assert run(node, "audit", "verify").count(": good") == 2


def test_a_crash_before_the_new_log_began_leaves_the_old_one(node: Path) -> None:
    create_key(node / "keys" / "ledger-next.key")
    run(node, "patient", "add", "0815")
    assert len(shards(node)) == 1
    run(node, "audit", "rotate-key", "--reason", "again")
    assert run(node, "audit", "verify").count(": good") == 2


def test_another_key_than_the_logs_is_refused(node: Path) -> None:
    (node / "keys" / "ledger.key").unlink()
    create_key(node / "keys" / "ledger.key")
    said = run(node, "patient", "add", "0815", status=1)
    assert "is signed with the key" in said
    assert len(shards(node)) == 1


def test_a_change_needs_its_reason(node: Path) -> None:
    assert "audit.rotate" in run(node, "audit", "rotate-key", status=2)
