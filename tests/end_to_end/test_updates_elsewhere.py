"""ITI-92 for a document that another community holds: an application asks its own node, which asks that community."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.end_to_end.nodes import Node
from tests.end_to_end.wire import (
    FAILURE,
    SUCCESS,
    Answer,
    Client,
    Document,
    external_id,
    find_documents,
    provide,
    set_id_of,
    update,
    urn,
)

pytestmark = pytest.mark.long

ELSEWHERE = "Another Hospital^^^^^^^^^2.999.77.1"


@dataclass(frozen=True)
class Held:
    """A document at the second node, and what the first one's ward knows of it."""

    document: Document
    lid: str
    patient: str


@pytest.fixture(scope="module")
def ward(nodes: list[Node], tmp_path_factory: pytest.TempPathFactory) -> Client:
    """An ordinary application of the first institution."""
    output = tmp_path_factory.mktemp("keys") / "ward"
    made = json.loads(nodes[0].run("client", "add", "ward", "--output", str(output), "--json").stdout)
    return Client(nodes[0].client().endpoints, made["ca"], made["client_cert"], made["client_key"])


def written_by(node: Node) -> str:
    return f"{node.name}^^^^^^^^^{node.home.removeprefix('urn:oid:')}"


def held(ward: Client, holder: Node, patient: str, author: str) -> Held:
    document = Document(b"a letter about the patient", title="Letter", author=author)
    body, parts = provide(patient, [document])
    assert holder.client().send("iti-41", body, parts).status == SUCCESS
    found = ward.send("iti-18", find_documents(patient))
    (entry,) = [one for one in found.entries() if one.get("home") == holder.home]
    return Held(replace(document, hash=True, repository=holder.repository), entry.get("id"), patient)


def corrected(item: Held, home: str, **changes: str) -> str:
    return update(item.patient, replace(item.document, title="Letter, corrected", **changes), item.lid, home=home)


def title(ward: Client, item: Held) -> str:
    """Of the newest version, as the ward sees it."""
    found = ward.send("iti-18", find_documents(item.patient))
    (entry,) = [one for one in found.entries() if item.document.unique_id in ids(one)]
    return entry.find("{*}Name/{*}LocalizedString").get("value")


def ids(entry) -> list[str]:
    return [external_id(entry, "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab")]


def records(node: Node, body: str, kinds: tuple[int, ...]) -> list[dict]:
    """Records of these kinds, in their order, of the exchanges that name the submission set of a request."""
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        rows = connection.execute("SELECT body FROM audit_record ORDER BY seq").fetchall()
    found = [(json.loads(row), row.decode()) for (row,) in rows]
    named = [record for record, text in found if set_id_of(body) in text]
    exchanges = {record["cid"] for record in named if record["cid"]}
    return [one for one, _ in found if one["kind"] in kinds and (one in named or one["cid"] in exchanges)]


def refusal(answer: Answer) -> tuple[str, str, str]:
    assert answer.status == FAILURE
    ((code, location, context),) = answer.errors
    return code, location, context


def test_the_holder_makes_the_change_and_both_ends_record_it(nodes: list[Node], ward: Client, patient: str) -> None:
    here, there = nodes[:2]
    item = held(ward, there, patient, written_by(here))
    body = corrected(item, there.home)
    answer = ward.send("iti-92", body)
    assert (answer.status, answer.errors) == (SUCCESS, [])
    assert title(ward, item) == "Letter, corrected"
    asked, came = records(here, body, (1, 4))
    received, said = records(there, body, (2, 3))
    assert asked["cid"] == came["cid"] == received["cid"] == said["cid"]
    assert asked["payload"] == received["payload"]
    assert came["payload"] == said["payload"]
    assert (came["peer"], said["peer"]) == (there.home, here.home)
    assert [one["event"]["patient"] for one in (came, said)] == [patient, patient]
    assert [one["event"]["id"][0] for one in (came, said)] == ["110106", "110107"]
    for node, told in (
        (here, f"asked {there.name} to change"),
        (here, "changed how"),
        (there, "asked this institution to"),
    ):
        assert told in node.run("audit", "search", "--patient", patient).stdout
    (local,) = records(here, body, (5,))
    assert (local["event"]["id"][0], local["event"]["outcome"], local["event"]["patient"]) == ("110107", 0, patient)


def test_what_the_holder_refuses_comes_back_as_it_said_it(nodes: list[Node], ward: Client, patient: str) -> None:
    there = nodes[1]
    item = held(ward, there, patient, "")
    body = corrected(item, there.home)
    code, location, context = refusal(ward.send("iti-92", body))
    assert (code, location) == ("LocalPolicyRestrictionError", there.home)
    assert "another institution wrote this document" in context
    assert "is not known" not in context, "it was refused: there is no doubt"
    assert title(ward, item) == "Letter"
    came = records(nodes[0], body, (4,))[0]
    assert came["event"]["outcome"] == 8


def test_a_version_that_is_not_the_newest_is_refused_there(nodes: list[Node], ward: Client, patient: str) -> None:
    here, there = nodes[:2]
    item = held(ward, there, patient, written_by(here))
    assert ward.send("iti-92", corrected(item, there.home)).status == SUCCESS
    code, location, _ = refusal(ward.send("iti-92", corrected(item, there.home)))
    assert (code, location) == ("XDSMetadataVersionError", there.home)


@pytest.mark.parametrize("author", [pytest.param(ELSEWHERE, id="C7-iti-92-elsewhere")])
def test_what_others_wrote_is_not_even_asked_for(nodes: list[Node], ward: Client, patient: str, author: str) -> None:
    there = nodes[1]
    item = held(ward, there, patient, author)
    body = corrected(item, there.home)
    code, location, context = refusal(ward.send("iti-92", body))
    assert (code, "another institution wrote" in context) == ("LocalPolicyRestrictionError", True)
    assert location != there.home
    assert records(nodes[0], body, (1, 4, 6)) == []
    assert records(there, body, (2, 3)) == []


def test_an_institution_that_is_away(nodes: list[Node], ward: Client, patient: str) -> None:
    here, there = nodes[0], nodes[2]
    item = held(ward, there, patient, written_by(here))
    there.stop()
    try:
        body = corrected(item, there.home)
        code, location, context = refusal(ward.send("iti-92", body))
    finally:
        there.start()
    assert (code, location) == ("XDSUnavailableCommunity", there.home)
    assert "cannot be reached" in context
    assert "is not known" not in context, "nothing was sent"
    failed = records(here, body, (6,))[0]
    assert failed["event"]["outcome"] == 12
    assert title(ward, item) == "Letter"


def test_a_community_that_nobody_knows(nodes: list[Node], ward: Client, patient: str) -> None:
    item = Held(Document(b"x", hash=True, repository="2.999.4", author=written_by(nodes[0])), urn(), patient)
    assert refusal(ward.send("iti-92", corrected(item, "urn:oid:2.999.404")))[0] == "XDSUnknownCommunity"


def test_an_institution_that_takes_no_updates(nodes: list[Node], ward: Client, patient: str, tmp_path: Path) -> None:
    here, there = nodes[0], nodes[2]
    item = held(ward, there, patient, written_by(here))
    whole = json.loads(there.run("endpoints", "--export").stdout)
    less = {**whole, "endpoints": {name: url for name, url in whole["endpoints"].items() if name != "iti-92-gateway"}}
    path = tmp_path / "there.json"
    for description, expected in ((less, FAILURE), (whole, SUCCESS)):
        path.write_text(json.dumps(description))
        here.run("peer", "add", str(path), "--replace", "--fingerprint", whole["fingerprint"])
        answer = ward.send("iti-92", corrected(item, there.home))
        assert answer.status == expected
        assert answer.errors == [] or refusal(answer)[:2] == ("XDSUnavailableCommunity", there.home)


def test_one_request_is_for_one_community(nodes: list[Node], ward: Client, patient: str) -> None:
    here, there, third = nodes
    item = held(ward, there, patient, written_by(here))
    for other in (third.home, here.home):
        set_home = f'<rim:RegistryPackage home="{other}" '
        body = corrected(item, there.home).replace("<rim:RegistryPackage ", set_home, 1)
        code, _, context = refusal(ward.send("iti-92", body))
        assert code == "XDSInvalidRequestException"
        assert there.home in context
        assert other in context
        assert records(here, body, (1, 4, 6)) == []
    assert title(ward, item) == "Letter"


def test_whose_home_stands_on_the_submission_set_alone(nodes: list[Node], ward: Client, patient: str) -> None:
    here, there = nodes[:2]
    item = held(ward, there, patient, written_by(here))
    body = corrected(item, "").replace("<rim:RegistryPackage ", f'<rim:RegistryPackage home="{there.home}" ', 1)
    assert ward.send("iti-92", body).status == SUCCESS
    assert title(ward, item) == "Letter, corrected"


def test_another_community_is_not_asked_on(nodes: list[Node], ward: Client, patient: str) -> None:
    """The gateway's path of the first node refuses what is for a third community (the test community of the client)."""
    here, there = nodes[:2]
    item = held(ward, there, patient, written_by(here))
    answer = here.client().send("iti-92-gateway", corrected(item, there.home))
    assert (answer.status, answer.codes) == (FAILURE, ["XDSUnknownCommunity"])
