"""A patient out of one node and into another: every document, its metadata, its status, its consents; and what is refused."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from node import database
from node.administration import packages
from node.cli import main
from node.commands import execution, export, import_
from node.configuration.config import Config
from node.faults import Faults
from node.packages import layout
from registry.metadata.objects import APND, RPLC, Association, LocalizedString
from registry.store.patients import PatientDirectory
from tests.node import policy_bench
from tests.node.policy_bench import ANNA, BEN, BOTH_STATUSES, Bench
from tests.node.test_consent_documents import DENY_BETA, MEANINGS, bppc, document
from tests.registry.registry_bench import entry, relation, stored_query, uuid

RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
HOSTILE = "Ärztin & 'Sohn' <信> \u202e%_\\"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    for bench in policy_bench.reopened(policy_bench.config(tmp_path_factory.mktemp("source"))):
        for patient in ("ANNA", "ANNA0", "BEN"):
            bench.order("patient add", patient=patient)
        first = submitted(bench, "ANNA0", "first")
        bench.order("patient merge", survivor="ANNA", subsumed="ANNA0")
        submitted(bench, "ANNA", HOSTILE, relations=[(APND, first)])
        submitted(bench, "ANNA", "third", relations=[(RPLC, first)])
        gone = submitted(bench, "ANNA", "given up")
        bench.order("document deprecate", unique_id=bench.unique_ids[gone])
        submitted(bench, "ANNA", "elsewhere", content=None)
        hidden = submitted(bench, "ANNA", "in quarantine")
        bench.order("document quarantine", unique_id=bench.unique_ids[hidden])
        submitted(bench, "BEN", "of Ben")
        bench.order("consent add", patient="ANNA0", effect="deny", documents=["2.999.1"])
        bench.order("consent add", patient="ANNA", effect="permit", categories=["hiv"])
        yield bench


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Bench]:
    yield from policy_bench.reopened(policy_bench.config(tmp_path))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A node that nothing comes into."""
    for bench in policy_bench.reopened(policy_bench.config(tmp_path_factory.mktemp("clean"))):
        bench.order("patient add", patient="ANNA")
        yield bench


def submitted(bench: Bench, patient: str, title: str, *, relations=(), content: bytes | None = b"") -> str:
    """entryUUID of a document that was submitted; `relations` are (type, of which)."""
    number = next(bench.numbers)
    values = {} if content is None else {"hash": (), "size": (), "repository_unique_id": ()}
    document = entry(
        uuid(number), patient=f"{patient}^^^&{policy_bench.AUTHORITY}&ISO", unique_id=f"2.999.7.{number}",
        title=(LocalizedString(value=title),), comments=(LocalizedString(value=HOSTILE, lang="zh-CN"),), **values,
    )  # fmt: skip
    also: list[Association] = [
        relation(type_, document.entry_uuid, of, uuid(next(bench.numbers))) for type_, of in relations
    ]
    bench.submit(document, None if content is None else f"content of {title}".encode(), *also)
    bench.unique_ids = {**getattr(bench, "unique_ids", {}), document.entry_uuid: document.unique_id}
    return document.entry_uuid


def run(bench: Bench, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """A command, carried out by the services that are open already."""

    lock = threading.Lock()

    def order(command, arguments):
        with lock:
            return bench.order(command, **json.loads(json.dumps(arguments)))

    for module in (export, import_):
        monkeypatch.setattr(module, "many", lambda _config: contextlib.nullcontext(order))
    return main([*words, "--dir", str(bench.services.config.root)])


def known(bench: Bench, patient: str) -> dict[str, tuple]:
    """What a query says of each document of a patient, without what each registry gives by itself; and its content."""
    query = stored_query("FindDocuments", XDSDocumentEntryPatientId=patient, XDSDocumentEntryStatus=BOTH_STATUSES)
    own, found = bench.services.actors.own, {}
    for one in bench.services.registry.find(query).objects:
        text = one.leaf().decode().replace(own.home, "HOME").replace(own.repository_unique_id, "OURS")
        stored = bench.services.repository.locate(one.unique_id)
        content = b"".join(bench.services.repository.open(stored).frames()) if stored else None
        found[one.unique_id] = (text, content)
    return found


def exported(source: Bench, monkeypatch, folder: Path, *whom: str) -> Path:
    assert run(source, monkeypatch, "export", *(whom or ("--patient", "ANNA")), "--output", str(folder)) == 0
    return folder


def test_a_patient_arrives_as_they_left(source: Bench, target: Bench, tmp_path: Path, monkeypatch) -> None:
    folder = exported(source, monkeypatch, tmp_path / "anna")
    assert run(target, monkeypatch, "import", str(folder)) == 0
    assert known(target, ANNA) == known(source, ANNA)
    assert len(known(target, ANNA)) == 5
    kept = [bench.order("consent list", patient="ANNA")["consents"] for bench in (source, target)]
    assert [one["id"] for one in kept[0]] == [one["id"] for one in kept[1]]
    assert [one["provisions"] for one in kept[0]] == [one["provisions"] for one in kept[1]]
    before = target.services.reader.execute("SELECT count(*) FROM document_entry").fetchone()
    assert run(target, monkeypatch, "import", str(folder)) == 0  # once more changes nothing
    assert target.services.reader.execute("SELECT count(*) FROM document_entry").fetchone() == before
    assert known(target, ANNA) == known(source, ANNA)
    events = [json.loads(body) for (body,) in target.services.reader.execute("SELECT body FROM audit_record")]
    assert sum("imported" in json.dumps(one["event"]) for one in events) == 5


def test_the_folder_is_an_open_form(source: Bench, tmp_path: Path, monkeypatch) -> None:
    folder = exported(source, monkeypatch, tmp_path / "anna")
    names = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}
    assert {"INDEX.HTM", "README.TXT", "PATIENT.TXT", "CONSENTS.TXT", "MANIFEST.TXT"} <= names
    parts = [part for name in names for part in name.split("/")]
    assert all(len(part.partition(".")[0]) <= 8 and len(part.partition(".")[2]) <= 3 for part in parts)
    checked = subprocess.run(["sha256sum", "--quiet", "-c", "MANIFEST.TXT"], cwd=folder, check=False)
    assert checked.returncode == 0
    listed = layout.read_manifest((folder / "MANIFEST.TXT").read_text())
    assert names - {*listed} == {name for name in names if name.endswith("MANIFEST.TXT")}
    etree.parse(folder / "INDEX.HTM", etree.XMLParser(load_dtd=False, no_network=True))
    for path in sorted(folder.rglob("METADATA.XML")):
        for item in etree.parse(path).iter(f"{RIM}ExtrinsicObject"):
            facts = {slot.get("name"): slot.findtext(f".//{RIM}Value") for slot in item.iterchildren(f"{RIM}Slot")}
            if "URI" in facts:
                content = (path.parent / facts["URI"]).read_bytes()
                digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
                assert (digest, str(len(content))) == (facts["hash"], facts["size"])
    assert "in quarantine" not in "".join(path.read_text() for path in folder.rglob("METADATA.XML"))


def test_a_run_that_was_stopped_goes_on(source: Bench, target: Bench, tmp_path: Path, monkeypatch) -> None:
    whole = exported(source, monkeypatch, tmp_path / "whole")
    folder, calls = tmp_path / "anna", []

    def stopping(command, arguments):
        calls.append(command)
        if command == "export set" and calls.count(command) == 3:
            raise KeyboardInterrupt
        return source.order(command, **arguments)

    monkeypatch.setattr(export, "many", lambda _config: contextlib.nullcontext(stopping))
    words = ["export", "--patient", "ANNA", "--output", str(folder), "--dir", str(source.services.config.root)]
    assert main(words) == 130
    assert not (folder / "MANIFEST.TXT").exists()
    (folder / layout.XDM / "SUBSET03.TMP").mkdir()  # as a kill leaves it
    assert main(words) == 0
    assert calls.count("export set") == 3 + 4  # six there are
    assert content_of(folder) == content_of(whole)
    assert main(words) == 0
    assert calls.count("export set") == 3 + 4, "a folder that is whole is not written again"
    # The other way: what is registered already stays, the rest comes.
    rest = folder / layout.XDM / "SUBSET03"
    rest.rename(tmp_path / "away")
    assert run(target, monkeypatch, "import", str(folder)) == 0
    (tmp_path / "away").rename(rest)
    assert run(target, monkeypatch, "import", str(folder)) == 0
    assert known(target, ANNA) == known(source, ANNA)


def test_a_folder_is_whole_only_as_long_as_the_patient_is_the_same(source: Bench, tmp_path: Path, monkeypatch) -> None:
    """A denial that came since, and a submission set that was removed while others were added, are not passed over."""
    source.order("patient add", patient="DORA")
    first, second = (submitted(source, "DORA", title) for title in ("first", "second"))
    folder, words = tmp_path / "dora", ("--patient", "DORA")
    exported(source, monkeypatch, folder, *words)
    assert (folder / "CONSENTS.TXT").read_text() == ""
    source.order("consent add", patient="DORA", effect="deny")
    exported(source, monkeypatch, folder, *words)
    assert len((folder / "CONSENTS.TXT").read_text().splitlines()) == 1
    for gone, titles in ((first, {"second", "third"}), (second, {"third"})):
        remove(source, gone)
        if gone is first:
            submitted(source, "DORA", "third")
        exported(source, monkeypatch, folder, *words)
        texts = "".join(path.read_text() for path in folder.rglob("METADATA.XML"))
        assert {one for one in ("first", "second", "third") if f'"{one}"' in texts} == titles
        listed = layout.read_manifest((folder / "MANIFEST.TXT").read_text())
        assert {str(one.relative_to(folder)) for one in folder.rglob("DOC*")} <= {*listed}


def remove(bench: Bench, document: str) -> None:
    """A document for good, with the submission set that it came with."""

    def work(connection) -> None:
        registry = bench.services.registry.on(connection)
        registry.remove_all(registry.with_dependents(bench.unique_ids[document]))

    bench.write(work)


@pytest.mark.parametrize("name", [layout.PATIENT, f"{layout.XDM}/SUBSET02.JSN", layout.MANIFEST])
def test_a_disk_that_is_full_leaves_nothing_in_halves(source: Bench, tmp_path: Path, monkeypatch, name: str) -> None:
    folder, really = tmp_path / "anna", Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name.startswith(Path(name).name):
            really(path, content[:7])
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(path, content)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", full)
        assert run(source, broken, "export", "--patient", "ANNA", "--output", str(folder)) != 0
    assert exported(source, monkeypatch, folder)
    assert content_of(folder) == content_of(exported(source, monkeypatch, tmp_path / "whole"))


def content_of(folder: Path) -> dict[Path, bytes]:
    return {one.relative_to(folder): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_a_whole_node(source: Bench, target: Bench, tmp_path: Path, monkeypatch) -> None:
    folder = exported(source, monkeypatch, tmp_path / "all", "--node")
    assert run(target, monkeypatch, "import", str(folder)) == 0
    for patient in (ANNA, BEN):
        assert known(target, patient) == known(source, patient)


@pytest.mark.parametrize("without", [(), (layout.CONSENTS, layout.MANIFEST)], ids=["our own", "of another system"])
def test_a_consent_among_the_documents_is_followed_once(
    source: Bench, target: Bench, tmp_path: Path, monkeypatch, without: tuple[str, ...]
) -> None:
    """Whether the package brings it along as a consent, or only as the document."""
    for bench in (source, target):
        bench.services.actors.policy = replace(bench.services.actors.policy, meanings=MEANINGS)
    if not without:
        source.order("patient add", patient="CARA")
        content = bppc(patient='<id root="2.999.1" extension="CARA"/>')
        cara = f"CARA^^^&{policy_bench.AUTHORITY}&ISO"
        source.submit(document("bppc", patient=cara, policies=(DENY_BETA,), source_patient_id=(cara,)), content)
    folder = exported(source, monkeypatch, tmp_path / "cara", "--patient", "CARA")
    for name in without:
        (folder / name).unlink()
    for _ in range(2):
        assert run(target, monkeypatch, "import", str(folder)) == 0
        found = target.order("consent list", patient="CARA")["consents"]
        assert [(one["status"], one["document"]) for one in found] == [
            (one["status"], one["document"]) for one in source.order("consent list", patient="CARA")["consents"]
        ]
        assert [one["status"] for one in found] == ["active"]


def test_under_another_identifier(source: Bench, target: Bench, tmp_path: Path, monkeypatch) -> None:
    folder = exported(source, monkeypatch, tmp_path / "anna")
    assert run(target, monkeypatch, "import", str(folder), "--as", "X-9") == 0
    assert {*known(target, f"X-9^^^&{policy_bench.AUTHORITY}&ISO")} == {*known(source, ANNA)}
    assert target.order("consent list", patient="X-9")["consents"]
    with pytest.raises(Faults) as raised:
        target.order("import patient", patient="1^^^&2.999.404&ISO")
    assert raised.value.faults[0].code == "package.patient"
    for rows in (["x"], [[]], [{"id": "x"}], [None]):
        with pytest.raises(Faults) as raised:
            target.order("import patient", patient="X-9", consents=rows)
        assert raised.value.faults[0].code == "package.consents"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda one: next(one.glob("DOC*")).write_bytes(b"changed"), "package.changed"),
        (lambda one: next(one.glob("DOC*")).unlink(), "package.file"),
        (lambda one: (one / "METADATA.XML").write_text("<a"), "package.unreadable"),
        (lambda one: (one / "MANIFEST.TXT").write_text("0" * 64 + "  ../../x\n"), "package.unreadable"),
        (lambda one: outside(one, "../../../secret"), "package.file"),
        (lambda one: outside(one, "/etc/hostname"), "package.file"),
        (lambda one: linked(one), "package.file"),  # noqa: PLW0108  it stands below
    ],
    ids=["changed", "missing", "no XML", "no manifest", "outside", "absolute", "a link"],
)
def test_what_is_not_as_it_was_is_not_taken_in(source, clean, tmp_path, monkeypatch, spoil, code) -> None:
    folder = exported(source, monkeypatch, tmp_path / "anna")
    (tmp_path / "secret").write_text("secret")
    place = folder / layout.XDM / "SUBSET01"
    spoil(place)
    with pytest.raises(Faults) as raised:
        clean.order("import set", patient="ANNA", folder=str(place), root=str(folder))
    assert raised.value.faults[0].code == code
    for table in ("document_entry", "submission_set", "stored_document"):
        assert clean.services.reader.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def outside(folder: Path, name: str) -> None:
    path = folder / "METADATA.XML"
    path.write_text(path.read_text().replace("DOC00001.TXT", name))


def linked(folder: Path) -> None:
    document = next(folder.glob("DOC*"))
    document.unlink()
    document.symlink_to(folder.parents[2] / "secret")


def test_a_folder_of_somebody_else_is_not_written_into(source: Bench, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    assert run(source, monkeypatch, "export", "--patient", "ANNA", "--output", str(tmp_path / "full")) == 2
    folder = exported(source, monkeypatch, tmp_path / "anna")
    assert run(source, monkeypatch, "export", "--patient", "BEN", "--output", str(folder)) == 2


def test_everybody_of_a_node_that_does_not_run(made_node: Callable[..., Config], tmp_path: Path, monkeypatch) -> None:
    """More patients than a page has; each command opens the node once, and lets it go at the end."""
    north, south = made_node("north"), made_node("south", base=8010)
    people = [f"P{number}" for number in range(packages._PAGE + 7)]
    with execution.many(north) as order:
        for one in people:
            order("patient add", {"patient": one})
        order("patient merge", {"survivor": "P1", "subsumed": "P0"})
        with pytest.raises(Faults):
            order("patient add", {"patient": "1^^^&2.999.404&ISO"})
    opened = []
    monkeypatch.setattr(
        execution, "_opened", lambda config, really=execution._opened: (opened.append(config), really(config))[1]
    )
    folder = tmp_path / "all"
    assert main(["export", "--node", "--output", str(folder), "--dir", str(north.root)]) == 0
    assert main(["import", str(folder), "--dir", str(south.root)]) == 0
    assert [one.root for one in opened] == [north.root, south.root]
    with contextlib.closing(database.open_reader(south.folder.database)) as reader:
        known = {one.patient.partition("^")[0] for one in PatientDirectory(reader).list()}
    assert known == {*people} - {"P0"}
    begun = [json.loads(body)["event"]["patient"] for body in bodies(north) if b"export begun" in body]
    assert len(begun) == len(set(begun)) == len(known)


def bodies(config: Config) -> list[bytes]:
    with contextlib.closing(database.open_reader(config.folder.database)) as reader:
        return [body for (body,) in reader.execute("SELECT body FROM audit_record")]
