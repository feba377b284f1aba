"""The commands of a running node: share, find, fetch, take out, back up, drill, stop.

The node is a real process; so is each command once (`apart`), where its output and status are what is looked at.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import pytest

from tests.commands import command, process
from tests.end_to_end import nodes
from tests.end_to_end.nodes import free_base


class Node(nodes.Node):
    """A node whose commands say with which status they must end."""

    def __init__(self, folder: Path, base: int, *, forked: bool = True) -> None:
        super().__init__(folder, base, "Klinik", forked=forked)

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        return self._checked(command, arguments, status)

    def apart(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """The same as a process of its own."""
        return self._checked(process, arguments, status)

    def _checked(self, how, arguments: tuple[str, ...], status: int) -> subprocess.CompletedProcess[str]:
        done = how(*arguments, "--dir", str(self.folder))
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str, status: int = 0):
        return json.loads(self.run(*arguments, "--json", status=status).stdout)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("running") / "node", free_base(), forked=False)
    node.apart("init", "--name", "Klinik", "--dev", "--port-base", str(node.base), "--authority", "2.999.1")
    node.start()
    node.run("patient", "add", "1")
    yield node
    if node.process is not None:
        node.process.kill()
        node.process.wait()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "letter.txt").write_text("a letter")
    (tmp_path / "report.xml").write_text(
        '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="7"/>'
        '<code code="18842-5" codeSystem="2.16.840.1.113883.6.1" displayName="Discharge summary"/><title>Entlassung Süd</title>'
        '<effectiveTime value="20260301101500+0100"/><languageCode code="de-DE"/></ClinicalDocument>'
    )
    return [tmp_path / "letter.txt", tmp_path / "report.xml"]


def by_unique_id(node: Node, patient: str, *options: str) -> dict[str, dict]:
    return {item["unique_id"]: item for item in node.json("find", "--patient", patient, *options)["documents"]}


def test_share_find_fetch(node: Node, files: list[Path], tmp_path: Path) -> None:
    lines = node.apart("submit", "--patient", "1", *map(str, files)).stdout.splitlines()
    shared = [line.split("  ") for line in lines]
    found = by_unique_id(node, "1")
    told = node.apart("find", "--patient", "1")
    assert sorted(line.split()[3] for line in told.stdout.splitlines()) == sorted(found)
    assert "2 documents of 1^^^&2.999.1&ISO" in told.stderr
    for (unique_id, entry_uuid, name), path in zip(shared, files, strict=True):
        assert name == str(path)
        assert found[unique_id]["entry_uuid"] == entry_uuid
        assert found[unique_id]["hash"] == sha1(path.read_bytes()).hexdigest()
        assert found[unique_id]["institution"] == "Klinik"
    cda = found[shared[1][0]]
    assert (cda["title"], cda["type"], cda["creation_time"]) == (
        "Entlassung Süd",
        "Discharge summary",
        "20260301091500",
    )
    node.apart("fetch", "--patient", "1", "--output", str(tmp_path / "out"))
    fetched = {path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert {path.read_bytes() for path in files} <= fetched
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "out").iterdir()} == {0o600}
    again = node.run("fetch", "--patient", "1", "--output", str(tmp_path / "out"))
    assert again.stdout.count("(was there)") == len(list((tmp_path / "out").iterdir()))
    one = tmp_path / "one.xml"
    wanted = (
        "--home",
        cda["home_community_id"],
        "--repository",
        cda["repository_unique_id"],
        "--unique-id",
        cda["unique_id"],
    )
    node.run("fetch", *wanted, "--output", str(one))
    assert one.read_bytes() == files[1].read_bytes()
    assert "error output.exists" in node.apart("fetch", *wanted, "--output", str(one), status=2).stderr
    missing = node.run("fetch", *wanted[:-1], "2.999.404", "--output", str(tmp_path / "no"), status=1)
    assert "error XDSDocumentUniqueIdError" in missing.stderr
    assert not list(tmp_path.glob("*.part*"))
    assert not (tmp_path / "no").exists()


def test_of_a_directory_every_file_is_shared_and_an_interrupted_list_goes_on(node: Node, tmp_path: Path) -> None:
    node.run("patient", "add", "dir")
    scans = tmp_path / "scans"
    (scans / "knee").mkdir(parents=True)
    for name in ("b.txt", "a.txt", "knee/c.txt", ".hidden"):
        (scans / name).write_text(name)
    words = ("submit", "--patient", "dir", "--report", str(scans / "done.report"), str(scans))
    lines = node.run(*words).stdout.splitlines()
    names = [Path(line.split("  ")[2]).relative_to(scans) for line in lines]
    assert list(map(str, names)) == ["a.txt", "b.txt", "knee/c.txt"]
    (scans / "d.txt").write_text("d")
    again = node.json(*words)["documents"]
    assert [(Path(one["file"]).name, one["already"]) for one in again] == [
        ("a.txt", True),
        ("b.txt", True),
        ("d.txt", False),
        ("c.txt", True),
    ]
    assert len(by_unique_id(node, "dir")) == 4
    (tmp_path / "empty").mkdir()
    assert "error file.none" in node.run("submit", "--patient", "dir", str(tmp_path / "empty"), status=2).stderr


def test_the_same_document_twice_gets_two_ids_and_the_cda_id_can_be_asked_for(node: Node, files: list[Path]) -> None:
    node.run("patient", "add", "2")
    first, second = (
        node.json("submit", "--patient", "2", str(files[1]))["documents"][0]["unique_id"] for _ in range(2)
    )
    third = node.json("submit", "--patient", "2", "--unique-id-from-cda", str(files[1]))["documents"][0]["unique_id"]
    fourth = node.json("submit", "--patient", "2", "--unique-id", "2.999.7.4", str(files[0]))["documents"][0][
        "unique_id"
    ]
    assert len({first, second}) == 2
    assert (third, fourth) == ("1.2.3^7", "2.999.7.4")
    other = node.json("submit", "--patient", "2", "--unique-id", "2.999.7.4", str(files[1]), status=1)["documents"][0]
    assert (other["done"], other["faults"][0]["code"]) == (False, "XDSNonIdenticalSize")


def test_a_replacement_takes_the_place_of_the_old(node: Node, files: list[Path]) -> None:
    node.run("patient", "add", "3")
    old = node.json("submit", "--patient", "3", str(files[0]))["documents"][0]["unique_id"]
    new = node.json("submit", "--patient", "3", "--replace", old, "--title", "Neu", str(files[1]))["documents"][0]
    assert list(by_unique_id(node, "3")) == [new["unique_id"]]
    everything = by_unique_id(node, "3", "--all")
    assert everything[old]["status"] == "Deprecated"
    assert everything[new["unique_id"]]["title"] == "Neu"
    assert (
        "error replace.unknown"
        in node.run("submit", "--patient", "3", "--replace", "1.404", str(files[0]), status=1).stderr
    )


def test_a_report_continues_and_a_folder_is_made_once(node: Node, files: list[Path], tmp_path: Path) -> None:
    node.run("patient", "add", "4")
    options = ("--patient", "4", "--report", str(tmp_path / "report"), "--folder", "Knie")
    (tmp_path / "later.txt").write_text("later")
    partly = node.apart("submit", *options, str(files[0]), str(tmp_path / "missing"), status=4)
    assert "error file.unreadable" in partly.stderr
    assert "1 of 2 documents are shared" in partly.stderr
    again = node.json("submit", *options, str(files[0]), str(tmp_path / "later.txt"))["documents"]
    assert [item["already"] for item in again] == [True, False]
    assert len(by_unique_id(node, "4")) == 2


def test_an_answer_that_was_lost_is_not_sent_again(node: Node, files: list[Path], tmp_path: Path) -> None:
    node.run("patient", "add", "5")
    report = tmp_path / "report"
    node.run("submit", "--patient", "5", "--report", str(report), str(files[0]))
    report.write_text(report.read_text().splitlines()[0] + "\n")  # as if it was interrupted before the answer
    again = node.json("submit", "--patient", "5", "--report", str(report), str(files[0]))["documents"]
    assert again[0]["already"]
    assert len(by_unique_id(node, "5")) == 1


def test_an_unknown_patient_is_refused_with_the_next_step(node: Node, files: list[Path]) -> None:
    refused = node.apart("submit", "--patient", "nobody", str(files[0]), status=1)
    assert "error XDSUnknownPatientId" in refused.stderr
    assert "next:  make the patient known first: xdsnode patient add ID" in refused.stderr
    assert refused.stdout == ""


def test_quarantine_takes_a_document_out_at_once_and_back(node: Node, files: list[Path], tmp_path: Path) -> None:
    node.run("patient", "add", "6")
    unique_id = node.json("submit", "--patient", "6", str(files[0]))["documents"][0]["unique_id"]
    described = node.json("endpoints")
    wanted = (
        "--home",
        described["home_community_id"],
        "--repository",
        described["repository_unique_id"],
        "--unique-id",
        unique_id,
    )
    node.apart("document", "quarantine", unique_id)
    assert by_unique_id(node, "6", "--all") == {}
    node.run("fetch", *wanted, "--output", str(tmp_path / "x"), status=1)
    node.run("document", "quarantine", "--off", unique_id)
    assert list(by_unique_id(node, "6")) == [unique_id]
    node.run("fetch", *wanted, "--output", str(tmp_path / "x"))
    node.run("document", "deprecate", unique_id)
    assert by_unique_id(node, "6") == {}
    assert by_unique_id(node, "6", "--all")[unique_id]["status"] == "Deprecated"


def test_status_and_the_audit_of_commands(node: Node, files: list[Path]) -> None:
    before = node.json("status")["facts"]["audit entries"]
    node.apart("patient", "add", "audited")
    unique_id = node.json("submit", "--patient", "audited", str(files[0]))["documents"][0]["unique_id"]
    node.run("document", "quarantine", unique_id)
    state = json.loads(node.apart("status", "--json").stdout)
    assert state["facts"]["institution"] == "Klinik"
    assert state["facts"]["audit entries"] >= before + 3
    assert all(finding["next_step"] for finding in state["findings"])
    listed = node.apart("audit", "list").stdout
    for done in ("patient add", "document quarantine"):
        assert done in listed
    assert "110101" in node.run("audit", "list").stdout  # Audit Log Used: that somebody looked is on record
    assert node.apart("audit", "verify").returncode == 0


def test_backup_while_running_and_drill(node: Node, files: list[Path], tmp_path: Path) -> None:
    node.run("patient", "add", "7")
    node.run("submit", "--patient", "7", *map(str, files))
    (tmp_path / "secret").write_text("five words that nobody guesses\n")
    words = ("--with-keys", "--passphrase-file", str(tmp_path / "secret"))
    node.apart("backup", str(tmp_path / "set.tar"), *words)
    copy = Node(tmp_path / "copy", free_base())
    restored = copy.apart("restore", str(tmp_path / "set.tar"), "--passphrase-file", str(tmp_path / "secret"))
    assert "never start it while the node it was made from still runs" in restored.stderr
    copy.run("audit", "verify")
    config = copy.folder / "node.toml"
    config.write_text(config.read_text().replace(f"port_base = {node.base}", f"port_base = {copy.base}"))
    copy.start()
    try:
        assert len(by_unique_id(copy, "7")) == 2
        copy.run("fetch", "--patient", "7", "--output", str(tmp_path / "out"))
        assert {path.read_bytes() for path in (tmp_path / "out").iterdir()} == {path.read_bytes() for path in files}
        copy.run("audit", "verify")
    finally:
        assert copy.stop() == 0


def test_a_second_node_in_the_same_folder_is_refused(node: Node) -> None:
    second = node.apart("serve", status=1)
    assert "error node.running" in second.stderr


def test_i23_no_patient_and_no_key_in_the_log(node: Node) -> None:
    log = (node.folder / "serve.log").read_text()
    assert log
    assert all(json.loads(line)["level"] in ("INFO", "WARNING") for line in log.splitlines())
    assert "ISO" not in log
    assert "PRIVATE" not in log


def test_sigterm_stops_gracefully(node: Node) -> None:
    assert node.stop() == 0
    assert not (node.folder / "run" / "control.sock").exists()
    last = json.loads((node.folder / "serve.log").read_text().splitlines()[-1])
    assert last["message"] == "stopped"
    node.run("patient", "add", "8")
