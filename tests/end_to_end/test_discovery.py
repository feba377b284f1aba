"""Institutions whose identifiers differ: a patient of one is found in the others by demographics (ITI-55, ITI-18)."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import etree

from node.discovery.duty import Duty
from registry.patients.demographics import BirthDate, Demographics, Identifier, Name, Telecom
from registry.patients.location import words_of
from tests.end_to_end import audit_table
from tests.end_to_end.nodes import Node, federation
from tests.end_to_end.patients_v3 import said, vector
from tests.end_to_end.test_federation import put
from tests.end_to_end.wire import NS, SUCCESS, Answer, Document, envelope, find_documents, retrieve
from tests.node.hl7v3.schemas import schema
from tests.shared import needs_shared

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Three connected nodes, each with an assigning authority of its own."""
    with federation(Path(tmp_path_factory.mktemp("apart")), apart=True) as started:
        yield started


def person(number: int, **changes: str) -> list[str]:
    """One person, as `patient add` is told; every number is somebody else."""
    said = {
        "family": ["Halvorsen", "Okonkwo", "Brandstätter", "Delacroix", "Yamamoto", "Petrov"][number % 6]
        + "bcdfg"[number % 5] * 2,
        "given": ["Nora", "Chidi", "Leopold", "Amélie", "Haruka", "Sergej"][number % 6],
        "birth-date": f"19{40 + number % 50}-0{1 + number % 9}-1{number % 9}",
        "sex": "F",
        "street": f"{number} Quay Road",
        "city": "Norwick",
        "phone": f"+47 55 55 {1000 + number}",
        **changes,
    }
    return [word for name, value in said.items() for word in (f"--{name}", value)]


def cx(node: Node, identifier: str) -> str:
    return f"{identifier}^^^&{node.authority}&ISO"


def asked(node: Node) -> list[str]:
    """Transactions of the requests that a node has sent, in their order."""
    return [row["event"]["note"]["transaction"] for row in asked_by(node)]


def known_at(nodes: list[Node], number: int) -> list[str]:
    """One person made known at each of these nodes, each time under another identifier, with one document each."""
    identifiers = [cx(node, f"{'ABC'[place]}-{number}") for place, node in enumerate(nodes)]
    for node, identifier in zip(nodes, identifiers, strict=True):
        node.run("patient", "add", identifier, *person(number))
    return identifiers


def test_documents_are_found_under_the_identifier_of_each_institution(apart: list[Node]) -> None:
    identifiers = known_at(apart, next(_numbers))
    documents = [Document(f"of {identifier}".encode()) for identifier in identifiers]
    for node, identifier, document in zip(apart, identifiers, documents, strict=True):
        put(node, identifier, document)
    before = len(asked(apart[0]))
    answer = apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert answer.status == SUCCESS, answer.errors
    assert sorted(answer.unique_ids()) == sorted(one.unique_id for one in documents)
    assert asked(apart[0])[before:].count("ITI-55") == 2
    place = answer.unique_ids().index(documents[1].unique_id)
    home = answer.entries()[place].get("home")
    fetched = apart[0].client().send("iti-43", retrieve((home, apart[1].repository, documents[1].unique_id)))
    assert fetched.documents()[documents[1].unique_id][1] == documents[1].content
    before = len(asked(apart[0]))
    again = apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert sorted(again.unique_ids()) == sorted(answer.unique_ids())
    assert asked(apart[0])[before:] == ["ITI-38", "ITI-38"]


def test_who_does_not_know_the_patient_is_not_asked_for_documents(apart: list[Node]) -> None:
    number = next(_numbers)
    identifiers = known_at(apart[:2], number)
    before = len(asked(apart[0]))
    for _ in range(2):
        answer = apart[0].client().send("iti-18", find_documents(identifiers[0]))
        assert answer.status == SUCCESS, answer.errors
    assert sorted(asked(apart[0])[before:]) == ["ITI-38", "ITI-38", "ITI-55", "ITI-55"]


def test_somebody_with_the_same_name_is_somebody_else(apart: list[Node]) -> None:
    number = next(_numbers)
    apart[0].run("patient", "add", cx(apart[0], f"A-{number}"), *person(number))
    apart[1].run("patient", "add", cx(apart[1], f"B-{number}"), *person(number, **{"birth-date": "2001-12-24"}))
    put(apart[1], cx(apart[1], f"B-{number}"), Document(b"of another person"))
    answer = apart[0].client().send("iti-18", find_documents(cx(apart[0], f"A-{number}")))
    assert answer.status == SUCCESS
    assert answer.unique_ids() == []


def test_a_change_of_the_demographics_is_asked_anew(apart: list[Node]) -> None:
    number = next(_numbers)
    identifiers = known_at(apart[:2], number)
    apart[0].client().send("iti-18", find_documents(identifiers[0]))
    apart[0].run("patient", "add", identifiers[0], *person(number, mother="Ngata"))
    before = len(asked(apart[0]))
    apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert asked(apart[0])[before:].count("ITI-55") == 2


def test_a_patient_whose_policy_denies_is_not_known(apart: list[Node]) -> None:
    number = next(_numbers)
    identifiers = known_at(apart[:2], number)
    put(apart[1], identifiers[1], Document(b"kept from others"))
    apart[1].run("consent", "add", "--patient", identifiers[1], "--deny", "--community", apart[0].home)
    before = len(asked(apart[0]))
    answer = apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert answer.status == SUCCESS
    assert answer.unique_ids() == []
    assert "ITI-38" not in asked(apart[0])[before:]


def test_who_knows_a_patient_can_be_looked_up_and_forgotten(apart: list[Node]) -> None:
    identifiers = known_at(apart[:2], next(_numbers))
    apart[0].client().send("iti-18", find_documents(identifiers[0]))
    found = json.loads(apart[0].run("patient", "locate", identifiers[0], "--json").stdout)["locations"]
    known = {one["home_community_id"]: one["patient"] for one in found}
    assert known == {apart[1].home: identifiers[1], apart[2].home: ""}
    assert json.loads(apart[0].run("patient", "locate", identifiers[0], "--refresh", "--json").stdout)["forgotten"] == 2
    before = len(asked(apart[0]))
    apart[0].client().send("iti-18", find_documents(identifiers[0]))
    assert asked(apart[0])[before:].count("ITI-55") == 2


def test_one_authority_may_have_given_a_person_two_identifiers(nodes: list[Node]) -> None:
    number = next(_numbers)
    here, there = (f"{letter}-TWICE-{number}^^^&{nodes[0].authority}&ISO" for letter in "AB")
    nodes[0].run("patient", "add", here, *person(number))
    nodes[1].run("patient", "add", there, *person(number))
    document = Document(b"under the other identifier")
    put(nodes[1], there, document)
    answer = nodes[0].client().send("iti-18", find_documents(here))
    assert answer.status == SUCCESS, answer.errors
    assert answer.unique_ids() == [document.unique_id]


def tokens(nodes: list[Node]) -> dict[bytes, dict[str, dict[str, str]]]:
    """What all nodes know as locators: token, the locator that has it, who knows the patient, who may learn it."""
    found: dict[bytes, dict[str, dict[str, str]]] = {}
    for node in nodes:
        connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
        with contextlib.closing(connection):
            for token, home, only in connection.execute("SELECT token, home, only FROM location_token"):
                found.setdefault(token, {}).setdefault(node.home, {})[home] = only
    return found


def told(nodes: list[Node], holds: Callable[[dict[bytes, dict[str, dict[str, str]]]], bool]) -> None:
    """Wait until the locators know something: holders tell them once a second."""
    until = time.monotonic() + 20
    while not holds(tokens(nodes)):
        assert time.monotonic() < until, tokens(nodes)
        time.sleep(0.05)


def duty_of(nodes: list[Node]) -> Duty:
    return Duty("", tuple(sorted(node.home for node in nodes)))


def words(number: int, identifier: str, **changes: str) -> tuple[str, ...]:
    said = dict(zip((word[2:] for word in person(number)[::2]), person(number)[1::2], strict=True)) | changes
    return words_of(
        Demographics(
            identifiers=(Identifier.of(identifier),),
            names=(Name(family=said["family"], given=(said["given"],)),),
            birth_date=BirthDate(value=said["birth-date"].replace("-", "")),
            telecoms=(Telecom(value=f"tel:{said['phone']}"),),
        )
    )


def looked_up(node: Node, root: str, token: bytes) -> Answer:
    body = (
        '<x:PatientLocationQueryRequest xmlns:x="urn:ihe:iti:xcpd:2009">'
        f'<x:RequestedPatientId root="{root}" extension="{token.hex()}"/></x:PatientLocationQueryRequest>'
    )
    answer = node.client().send("iti-56", body)
    if answer.body.tag.startswith("{urn:ihe:iti:xcpd:2009}") and len(answer.body):  # the schema knows no empty answer
        schema("XCPD_PLQ").assertValid(etree.fromstring(etree.tostring(answer.body)))
    return answer


def homes_in(answer: Answer) -> set[str]:
    return {one.text for one in answer.body.iter("{urn:ihe:iti:xcpd:2009}HomeCommunityId")}


def test_c14_locators_are_told_in_tokens_each_its_share(apart: list[Node]) -> None:
    """One patient known to all, one whose policy keeps a community out, one who is described anew."""
    duty, numbers = duty_of(apart), [next(_numbers) for _ in range(3)]
    known = known_at(apart, numbers[0])
    kept, changed = (known_at(apart[:1], number)[0] for number in numbers[1:])
    apart[0].run("consent", "add", "--patient", kept, "--deny", "--community", apart[1].home)
    everybody = {duty.token(word) for word in words(numbers[0], known[0])} & {
        duty.token(word) for word in words(numbers[0], known[1])
    }
    assert len(everybody) == 3
    secret = {duty.token(word) for word in words(numbers[1], kept)}
    before = {duty.token(word) for word in words(numbers[2], changed)}
    homes = {node.home for node in apart}

    def holds(found: dict[bytes, dict[str, dict[str, str]]]) -> bool:
        all_told = all(found.get(one) == {duty.locator(one): dict.fromkeys(homes, "")} for one in everybody)
        some = all(found.get(one) == {duty.locator(one): {apart[0].home: apart[2].home}} for one in secret)
        return all_told and some and before <= found.keys()

    told(apart, holds)
    apart[0].run("patient", "add", changed, *person(numbers[2], family="Changed", phone="+1 222 333 4444"))
    own = {duty.token(f"id {apart[0].authority} {changed.partition('^')[0]}")}
    told(apart, lambda found: not (before - own) & found.keys())
    apart[0].run("consent", "add", "--patient", changed, "--deny", "--community", apart[2].home)
    (only,) = own
    told(apart, lambda found: found[only] == {duty.locator(only): {apart[0].home: apart[1].home}})
    shares = [sum(node.home in one for one in tokens(apart).values()) for node in apart]
    assert sum(shares) == len(tokens(apart))
    assert all(shares)
    names = b"Halvorsen|Nora|Changed".split(b"|")
    stored = b"".join(b"|".join([token, str(rest).encode()]) for token, rest in tokens(apart).items())
    assert not any(name in stored for name in names)


@needs_shared
def test_a_locator_answers_for_its_tokens_alone(apart: list[Node]) -> None:
    duty, number = duty_of(apart), next(_numbers)
    known = known_at(apart, number)
    token = duty.token(next(word for word in words(number, known[0]) if word.startswith("date ")))
    told(apart, lambda found: len(found.get(token, {}).get(duty.locator(token), ())) == 3)
    locator = next(node for node in apart if node.home == duty.locator(token))
    other = next(node for node in apart if node is not locator)
    answer = looked_up(locator, duty.root, token)
    assert homes_in(answer) == {node.home for node in apart}
    cid = answer.root.findtext("s:Header/wsa:RelatesTo", "", NS)
    received = locator.records(cid)
    rule = audit_table.transaction("ITI-56", 1)
    assert received.keys() == {2, 3}
    event = received[3]["event"]
    assert (event["id"][0], event["action"], event["outcome"]) == (rule.event, rule.actions[""], 0)
    assert event["type"] == ["ITI-56", "IHE Transactions", rule.name]
    assert [one["role"] for one in event["objects"]] == ["1", "24"], "Patient; Query (body element)"
    assert [one["id"] for one in received[3]["event"]["objects"]] == [
        f"{token.hex()}^^^&{duty.root}&ISO",
        f"{token.hex()}@{duty.root}",
    ]
    assert homes_in(looked_up(locator, locator.authority, token)) == set(), "an identifier is no token"
    for refused in (looked_up(other, duty.root, token), looked_up(locator, Duty("", duty.homes[:2]).root, token)):
        assert refused.body.tag == f"{{{NS['s']}}}Fault"


@contextlib.contextmanager
def answering(nodes: list[Node], how: str) -> Iterator[None]:
    """The first node knows of the second that it answers on connections of its own."""
    export = nodes[1].folder / "export.json"
    again = ("peer", "add", str(export), "--fingerprint", json.loads(export.read_text())["fingerprint"], "--replace")
    nodes[0].run(*again, "--quirk", f"exchange={how}")
    try:
        yield
    finally:
        nodes[0].run(*again, "--quirk", "exchange=")


def exchanges(node: Node, peer: Node, since: int) -> tuple[list[dict], int]:
    """Records of exchanges with one other, those of the asking or of the answering side, and where the log ends."""
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        rows = connection.execute(
            "SELECT seq, kind, body FROM audit_record WHERE seq > ? ORDER BY seq", (since,)
        ).fetchall()
    found = [{**json.loads(body), "kind": kind} for _, kind, body in rows if kind in (1, 2, 3, 4, 6)]
    return [one for one in found if one["peer"] == peer.home], rows[-1][0] if rows else since


@pytest.mark.parametrize("how", ["asynchronous", "deferred"])
def test_answers_come_on_a_connection_of_their_own(apart: list[Node], how: str) -> None:
    """ITI-55, ITI-38 and ITI-39: taken, answered at the asker's endpoint, on record at both ends as any exchange."""
    asking, answering_ = apart[:2]
    identifiers = known_at(apart[:2], next(_numbers))
    document = Document(b"later" * 50_000)
    put(answering_, identifiers[1], document)
    (_, here), (_, there) = exchanges(asking, answering_, 0), exchanges(answering_, asking, 0)
    with answering(apart, how):
        answer = asking.client().send("iti-18", find_documents(identifiers[0]))
        assert answer.status == SUCCESS, answer.errors
        assert answer.unique_ids() == [document.unique_id]
        fetched = asking.client().send("iti-43", retrieve((answering_.home, answering_.repository, document.unique_id)))
        assert fetched.documents()[document.unique_id][1] == document.content
    sent, _ = exchanges(asking, answering_, here)
    given, _ = exchanges(answering_, asking, there)
    assert [one["kind"] for one in sent] == [1, 4] * 3
    assert [one["kind"] for one in given] == [2, 3] * 3
    assert [one["payload"] for one in sent] == [one["payload"] for one in given], "both sides have seen the same bytes"
    places = [f"https://localhost:{asking.base + 1}/{name}" for name in ("iti-55", "iti-38", "iti-39")]
    for records in (sent[1::2], given[1::2]):
        for one, place in zip(records, places, strict=True):
            assert place in json.dumps(one["event"]["participants"]), "the asker's UserID is its wsa:ReplyTo"
    assert not [one for one in sent + given if "receipt" in one["event"].get("note", {})], "every receipt is good"


@needs_shared
def test_every_answer_to_a_discovery_of_another_stack_is_valid(apart: list[Node]) -> None:
    """The cases of the profile, on the wire: one match, none, more attributes wanted, failure (ITI TF-2: 3.55.4.2)."""
    client, known = apart[1].client(), cx(apart[1], "B-VECTOR")
    address = ("--street", "7 Quay Road", "--city", "Norwick")
    apart[1].run("patient", "add", known, "--family", "Vektor-Halvorsen", "--given", "Nora", "--birth-date", "1972-04-15",
                 "--sex", "F", *address)  # fmt: skip
    one = said(client, "iti55/query")
    assert (one.acknowledged, one.code, one.ids) == ("AA", "OK", [(apart[1].authority, "B-VECTOR")])
    assert one.answer.root.findtext("s:Header/{urn:ihe:iti:xcpd:2009}CorrelationTimeToLive", "", NS)
    (custodian,) = one.body.iterfind(".//{*}custodian/{*}assignedEntity")
    assert custodian.find("{*}id").get("root") == apart[1].home.removeprefix("urn:oid:")
    assert custodian.find("{*}code").get("code") == "NotHealthDataLocator"
    none = said(client, "iti55/query", ("<h:given>Nora", "<h:given>Olaf"))
    assert (none.acknowledged, none.code, none.ids) == ("AA", "NF", [])
    place = re.search(r"<h:patientAddress>.*</h:patientAddress>", vector("iti55/query"), re.DOTALL)
    assert place
    more = said(client, "iti55/query", (place[0], ""))
    assert (more.acknowledged, more.code, more.ids) == ("AA", "OK", [])
    assert "PatientAddressRequested" in {
        one.get("code") for one in more.body.iterfind(".//{*}actOrderRequired/{*}code")
    }
    failed = said(
        client, "iti55/query", ("<h:livingSubjectName><h:value>", '<h:livingSubjectName><h:value use="SRCH">')
    )
    assert (failed.acknowledged, failed.code) == ("AE", "QE")
    (cause,) = failed.body.iterfind(".//{*}detectedIssueManagement/{*}code")
    assert cause.get("code") == "AnswerNotAvailable"


def theirs(node: Node, patient: str) -> dict[str, str]:
    """Under which identifiers others know a patient, as a node has kept it."""
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        return dict(
            connection.execute("SELECT home, theirs FROM patient_correlation WHERE patient = ?", (patient,)).fetchall()
        )


def revoked(node: Node, identifier: str) -> str:
    """The acknowledgement of a revocation by the test community of a development node."""
    client = node.client()
    text = vector("iti55/revocation", ('extension="A-4711"', f'extension="{identifier.partition("^")[0]}"'))
    text = text.replace('root="2.999.1.1"', f'root="{Identifier.of(identifier).authority}"')
    action = "urn:hl7-org:v3:PRPA_IN201303UV02:CrossGatewayPatientDiscovery"
    url = client.endpoints["iti-55"]
    answer = client.post(url, "application/soap+xml; charset=UTF-8", envelope(action, text, to=url))
    return answer.body.find("{*}acknowledgement/{*}typeCode").get("code")


def test_what_was_said_is_taken_back_when_patients_are_merged(apart: list[Node]) -> None:
    numbers = [next(_numbers) for _ in range(2)]
    here, there = known_at(apart[:2], numbers[0])
    _, survivor = known_at(apart[:2], numbers[1])
    apart[0].client().send("iti-18", find_documents(here))
    assert theirs(apart[0], here)[apart[1].home] == there
    assert revoked(apart[0], there) == "CA"
    assert theirs(apart[0], here)[apart[1].home] == there, "a community takes back nothing but its own"
    apart[1].run("patient", "merge", survivor, there)
    until = time.monotonic() + 120
    sent: dict[int, dict] = {}
    while not sent:
        assert time.monotonic() < until
        time.sleep(0.05)
        asked = [one["cid"] for one in asked_by(apart[1]) if one["event"]["note"]["transaction"] == "ITI-55"]
        answered = (records for records in map(apart[1].records, asked) if 4 in records)
        sent = next((records for records in answered if records[4]["event"].get("action") == "D"), {})
    assert apart[1].home not in theirs(apart[0], here)
    received = apart[0].records(sent[4]["cid"])
    assert (sent.keys(), received.keys()) == ({1, 4}, {2, 3})
    for record, patient in ((sent[4], there), (received[3], here)):
        assert [record["event"][name] for name in ("action", "outcome", "patient")] == ["D", 0, patient]
        assert record["event"]["id"][0] == "110110"


def asked_by(node: Node) -> list[dict]:
    """Every request that a node has sent (kind 1), in their order."""
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        rows = [json.loads(body) for (body,) in connection.execute("SELECT body FROM audit_record ORDER BY rowid")]
    return [row for row in rows if row["kind"] == 1]
