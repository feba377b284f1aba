"""The user of the asking institution, in the records of both, over real nodes that require an assertion (ITI-40)."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from tests.end_to_end.nodes import AUTHORITY, Node, connect, free_base
from tests.end_to_end.wire import NS, SUCCESS, Answer, Document, find_documents, oid, provide, retrieve
from tests.shared import SHARED, needs_shared
from tests.trust.identity import wrapping
from tests.trust.identity.assertions import DOCTOR, TREAT, certificate, draft, new_key
from trust.identity.making import signed, unsigned
from trust.pki.certificates import to_pem

IDP, ONCE, EVERYWHERE = "https://idp.one.example", "https://once.one.example", "urn:xdsnode:tests:everywhere"
PERSON = ("--user", "Dr. Jane Doe", "--role", "physician", "--purpose", "TREAT")
PATIENT = f"XUA1^^^&{AUTHORITY}&ISO"
NOW = datetime.now(UTC)
CERTIFICATE = certificate(new_key("idp"), NOW - timedelta(days=1), NOW + timedelta(days=1))


def configure(node: Node, *issuers: tuple[str, bool]) -> None:
    """Required of everybody; `issuers` are local identity providers, and whether their assertions count once."""
    (node.folder / "idp.pem").write_text(to_pem([CERTIFICATE]))
    lines = [f'audiences = ["{EVERYWHERE}"]\n']
    for number, (name, once) in enumerate(issuers):
        lines.append(f'[[xua.issuers]]\nname = "idp-{number}"\nissuer = "{name}"\ncertificates = ["idp.pem"]\n')
        lines.append(f"one_time = {str(once).lower()}\n")
    path = node.folder / "node.toml"
    text = path.read_text()
    assert 'applications = "accepted"' in text
    text = text.replace('applications = "accepted"', 'applications = "required"')
    text = text.replace('\npeers = "accepted"', '\npeers = "required"')
    place = text.index("[xua]")
    start = text.index("\n", place) + 1
    end = text.index("\n[", start)
    path.write_text(text[:end] + "\n" + "".join(lines) + text[end:])


@pytest.fixture(scope="module")
def institutions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Two nodes that require assertions of applications and peers; the first has identity providers."""
    folder = tmp_path_factory.mktemp("xua")
    base = free_base(2)
    made = [Node(folder / f"node{k + 1}", base + 10 * k, f"Institution {k + 1}").init(folder / "ca") for k in range(2)]
    configure(made[0], (IDP, False), (ONCE, True))
    configure(made[1])
    try:
        for node in made:
            node.start()
        connect(made)
        for node in made:
            node.know(PATIENT)
        yield made
    finally:
        for node in made:
            node.stop()


def assertion(node: Node, issuer: str = IDP, **changes) -> str:
    now = datetime.now(UTC)
    whole = {
        "id": f"_{oid()}",
        "issuer": issuer,
        "issued": now,
        "not_before": now,
        "not_on_or_after": now + timedelta(minutes=5),
        "authenticated": now,
        "audiences": (EVERYWHERE,),
        "home": node.home,
        "roles": (DOCTOR,),
        "purposes": (TREAT,),
        **changes,
    }
    return signed(draft(**whole), new_key("idp"), CERTIFICATE).decode()


def put(node: Node, document: Document, security: str = "") -> Answer:
    body, parts = provide(PATIENT, [document])
    return node.client().send("iti-41", body, parts, security=security or assertion(node))


def records(node: Node) -> list[dict]:
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    with contextlib.closing(connection):
        return [json.loads(body) for (body,) in connection.execute("SELECT body FROM audit_record ORDER BY seq")]


def fault(answer: Answer) -> list[str]:
    """The subcodes of a fault."""
    values = answer.root.findall(".//s:Subcode/s:Value", NS)
    assert values, answer.raw
    return [value.text.rpartition(":")[2] for value in values]


def of_users(found: list[dict]) -> list[dict]:
    return [
        body
        for body in found
        if any(one["user"].startswith("<") and one["requestor"] for one in body["event"].get("participants", ()))
    ]


def test_the_user_is_in_the_records_of_both_institutions(institutions: list[Node], tmp_path: Path) -> None:
    """find and fetch for a person that the own node vouches for; the file of `peer add` was all the other one needed."""
    here, there = institutions
    (tmp_path / "letter.txt").write_text("letter")
    here.run("submit", "--patient", PATIENT, str(tmp_path / "letter.txt"), *PERSON)
    before = [len(records(node)) for node in institutions]
    found = json.loads(there.run("find", "--patient", PATIENT, "--json", *PERSON).stdout)
    assert [item["home_community_id"] for item in found["documents"]] == [here.home]
    assert found["errors"] == []
    there.run("fetch", "--patient", PATIENT, "--output", str(tmp_path / "out"), *PERSON)
    user = f"<Dr. Jane Doe@{there.home}>"
    for node, start, kind in zip(institutions, before, (3, 4), strict=True):
        crossing = [body for body in records(node)[start:] if body["kind"] == kind]
        assert len(crossing) == 3  # a query, and a query and a retrieve
        for body in crossing:
            (human,) = [one for one in body["event"]["participants"] if one["user"].startswith("<")]
            assert (human["user"], human["name"], human["requestor"]) == (user, user, True)
            assert human["role"] == ["112247003", "2.16.840.1.113883.6.96", "Medical doctor"]
            assert body["event"]["purpose"] == [["TREAT", "2.16.840.1.113883.5.8", "treatment"]]


@needs_shared
def test_the_messages_are_valid_and_name_the_purpose(institutions: list[Node]) -> None:
    schema = etree.XMLSchema(etree.parse(SHARED / "schemas/atna/audit-message-dicom.xsd"))
    there = institutions[1]
    there.run("find", "--patient", PATIENT, *PERSON)
    messages = [etree.fromstring(body["dicom"].encode()) for body in of_users(records(there)) if body["dicom"]]
    for message in messages:
        schema.assertValid(message)
    purposes = [message.find("EventIdentification/PurposeOfUse") for message in messages]
    assert [one.get("csd-code") for one in purposes if one is not None]


def test_an_assertion_of_a_local_provider_travels_unchanged(institutions: list[Node]) -> None:
    """What the application brought is what the other community verifies, and it names the same person."""
    here, there = institutions
    document = Document(b"from there")
    there.run("submit", "--patient", PATIENT, *PERSON, str(_file(there, "a.txt")))
    assert put(here, document).status == SUCCESS
    before = len(records(there))
    answer = here.client().send("iti-18", find_documents(PATIENT), security=assertion(here))
    assert answer.status == SUCCESS, answer.errors
    assert document.unique_id in answer.unique_ids()
    (said,) = [body for body in records(there)[before:] if body["kind"] == 3]
    users = [one["user"] for one in said["event"]["participants"]]
    assert f"<jdoe@alpha.example@{IDP}>" in users


def _file(node: Node, name: str) -> Path:
    path = node.folder / name
    path.write_text(name)
    return path


def test_s14_an_assertion_that_counts_once_survives_a_restart(institutions: list[Node]) -> None:
    here = institutions[0]
    once = assertion(here, ONCE)
    local = {"query": "?scope=local", "security": once}
    assert here.client().send("iti-18", find_documents(PATIENT), **local).status == SUCCESS
    assert fault(here.client().send("iti-18", find_documents(PATIENT), **local)) == ["InvalidSecurityToken"]
    here.stop()
    here.start()
    assert fault(here.client().send("iti-18", find_documents(PATIENT), **local)) == ["InvalidSecurityToken"]


@pytest.mark.parametrize(
    ("security", "code"),
    [
        pytest.param("", "InvalidSecurity", id="none"),
        pytest.param("<x/>", "UnsupportedSecurityToken", id="other-token"),
        pytest.param({"audiences": ("urn:other",)}, "InvalidSecurityToken", id="audience"),
        pytest.param({"home": "urn:oid:2.999.404"}, "InvalidSecurityToken", id="S18-home"),
        pytest.param({"issuer": "https://nobody.example"}, "FailedCheck", id="S24-unknown-issuer"),
        pytest.param({"roles": (DOCTOR, DOCTOR)}, "InvalidSecurityToken", id="S19-two-roles"),
    ],
)
def test_a_refusal_is_a_fault_and_on_record(institutions: list[Node], security: str | dict, code: str) -> None:
    """The sender learns the kind of fault and an incident; why is in the record, as a failed sign-in."""
    here = institutions[0]
    given = assertion(here, **security) if isinstance(security, dict) else security
    answer = here.client().send("iti-18", find_documents(PATIENT), security=given)
    assert answer.http_status == 400
    assert fault(answer) == [code]
    reason = answer.root.findtext(".//s:Text", namespaces=NS)
    assert reason.startswith("the assertion is not accepted (incident ")
    incident = reason.rpartition(" ")[2].rstrip(")")
    (last,) = [one for one in records(here) if one["event"].get("incident") == incident]
    assert last["event"]["id"][0] == "110114"
    assert last["event"]["outcome"] == 8


@pytest.mark.parametrize("variant", wrapping.VARIANTS)
def test_signature_wrapping(institutions: list[Node], variant: str) -> None:
    """Against the real listener: a fault, and nobody of the forged name on record."""
    here = institutions[0]
    forged = unsigned(draft(id="_evil", issuer=IDP, subject="mallory", name="Mallory"))
    wrapped = wrapping.VARIANTS[variant](assertion(here).encode(), forged).decode()
    assert fault(here.client().send("iti-18", find_documents(PATIENT), security=wrapped))
    assert "mallory" not in json.dumps([body["event"] for body in records(here)]).lower()


def test_an_assertion_for_one_patient_is_good_for_no_other(institutions: list[Node]) -> None:
    here = institutions[0]
    document = Document(b"of the first patient")
    assert put(here, document).status == SUCCESS
    for patient, status in ((PATIENT, "Success"), (f"XUA2^^^&{AUTHORITY}&ISO", "Failure")):
        asked = {"security": assertion(here, patient=patient), "query": "?scope=local"}
        answer = here.client().send("iti-18", find_documents(PATIENT), **asked)
        assert answer.status.endswith(status)
        request = retrieve((here.home, here.repository, document.unique_id))
        fetched = here.client().send("iti-43", request, security=asked["security"])
        assert fetched.status.endswith(status)
        assert bool(fetched.documents()) is (status == "Success")


VARIANTS = {
    "valid": True, "withauthzconsent": True, "expired": False, "notyetvalid": False, "unsigned": False,
    "unknownaudience": False, "invalidauthnstatement": False, "secondauthncontext": False,
    "secondpurposeofuse": False, "secondrole": False,
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("transaction", ["iti-18", "iti-38"])
def test_variants_of_the_test_command(institutions: list[Node], transaction: str, variant: str) -> None:
    """As NIST's XUA plans ask: from an application, and from the test community as a peer."""
    here = institutions[0]
    text = here.run("assertion", "--variant", variant).stdout
    answer = here.client().send(transaction, find_documents(PATIENT), query="?scope=local", security=text)
    if VARIANTS[variant]:
        assert answer.status == SUCCESS, answer.errors
    else:
        assert fault(answer)


def test_consent_documents_are_objects_of_the_record(institutions: list[Node]) -> None:
    here = institutions[0]
    text = here.run("assertion", "--variant", "withauthzconsent").stdout
    here.client().send("iti-18", find_documents(PATIENT), query="?scope=local", security=text)
    objects = {one["id"] for body in records(here) for one in body["event"].get("objects", ())}
    assert {"urn:oid:2.999.1.7.1", "urn:oid:2.999.1.7.2"} <= objects


def test_whether_a_peer_answers_can_be_tested_where_it_requires_users(institutions: list[Node]) -> None:
    here, there = institutions
    steps = json.loads(there.run("peer", "test", here.home, "--json").stdout)["steps"]
    assert all(step["good"] for step in steps), steps


def test_the_assertion_issued_is_on_record(institutions: list[Node]) -> None:
    here = institutions[0]
    here.run("find", "--patient", PATIENT, *PERSON)
    issued = [body for body in records(here) if body["event"].get("id", [""])[0] == "110114"]
    assert any(body["event"]["outcome_text"] == "assertion issued" for body in issued)


@pytest.mark.timeout(45)  # a refusal is told at once: nobody waits for outcomes, a minute long, that do not come
def test_without_a_person_the_command_says_what_is_missing(institutions: list[Node]) -> None:
    ended = institutions[0].run("find", "--patient", PATIENT, check=False)
    assert ended.returncode == 1
    assert "--user" in ended.stderr


def test_mistakes_of_the_command_line_are_explained(institutions: list[Node]) -> None:
    here = institutions[0]
    for words, cause in (
        (("--role", "physician"), "nobody is named"),
        (("--user", "X", "--role", "wizard"), "not in the value set"),
        (("--user", "X", "--purpose", "FUN"), "not in the value set"),
        (("--user", " X"), "padded"),
        (("--user", "X\u202e"), "control characters"),
        (("--user", "X", "--reason", "e\u0301"), "composed form"),
    ):
        ended = here.run("find", "--patient", PATIENT, *words, check=False)
        assert ended.returncode in (1, 2)
        assert cause in ended.stderr
    assert here.run("assertion", "--variant", "golden", check=False).returncode == 1
