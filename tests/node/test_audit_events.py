"""ITI-81: the audit log over HTTPS, for auditors and nobody else; what its parameters mean."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from node.audit_events import BadSearch, read_search
from tests.node.test_cli_running import Node, free_base

AUTHORITY = "2.999.1"


class Auditor:
    """A client with a certificate, and what it is answered."""

    def __init__(self, node: Node, role: str) -> None:
        folder = node.folder.parent / role
        made = node.json("client", "add", f"{role} 1", "--role", role, "--output", str(folder))
        self._context = ssl.create_default_context(cafile=made["ca"])
        self._context.load_cert_chain(made["client_cert"], made["client_key"])
        self._port = node.base + 1

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPSConnection("localhost", self._port, context=self._context, timeout=30)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, json.loads(body) if body.startswith(b"{") else {}

    def search(self, *parameters: tuple[str, str]) -> list[dict[str, Any]]:
        status, bundle = self.get(f"/audit/AuditEvent?{urlencode([('date', 'ge2020'), *parameters])}")
        assert status == 200, bundle
        return [entry["resource"] for entry in bundle.get("entry", [])]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("events") / "node", free_base())
    node.run("init", "--name", "Klinik", "--dev", "--port-base", str(node.base), "--authority", AUTHORITY)
    node.start()
    (node.folder.parent / "letter.txt").write_text("a letter")
    for patient in ("4711", "0815"):
        node.run("patient", "add", patient)
        node.run("submit", "--patient", patient, str(node.folder.parent / "letter.txt"))
    node.run("fetch", "--patient", "4711", "--output", str(node.folder.parent / "out"))
    yield node
    if node.process is not None:
        node.process.kill()
        node.process.wait()


@pytest.fixture(scope="module")
def auditor(node: Node) -> Auditor:
    return Auditor(node, "auditor")


def patients(event: dict[str, Any]) -> set[str]:
    return {
        entity["what"]["identifier"]["value"] for entity in event.get("entity", ()) if entity["type"].get("code") == "1"
    }


def test_a_search_by_patient_finds_events_of_that_patient_alone(auditor: Auditor) -> None:
    found = auditor.search(("patient.identifier", f"urn:oid:{AUTHORITY}|4711"))
    assert found
    assert all(patients(event) == {"4711"} for event in found)
    assert found == sorted(found, key=lambda event: -int(event["id"].partition("-")[2]))
    # this search itself is on record by now, about the same patient
    again = auditor.search(("patient.identifier", "4711"))
    assert [event["id"] for event in again[1:]] == [event["id"] for event in found]
    assert again[0]["subtype"][0]["code"] == "ITI-81"
    assert again[0]["agent"][0]["who"]["identifier"]["value"] == "auditor 1 (auditor)"


def test_a_search_by_document_user_type_and_outcome(auditor: Auditor) -> None:
    fetched = auditor.search(("subtype", "urn:ihe:event-type-code|ITI-43"))[0]
    document = next(one["what"]["identifier"]["value"] for one in fetched["entity"] if one["type"].get("code") == "2")
    assert fetched in auditor.search(("entity", document))
    assert fetched in auditor.search(("agent", "development client"), ("type", "110106"), ("outcome", "0"))
    assert fetched in auditor.search(("address", "127.0.0.1"), ("entity.identifier", f"|{document}"))
    assert auditor.search(("outcome", "12"), ("entity", document)) == []
    assert auditor.search(("date", "lt2021")) == []
    assert auditor.search(("source", "somebody else")) == []
    assert fetched in auditor.search(("source", "Klinik"), ("subtype", "ITI-43"))


def test_pages(auditor: Auditor) -> None:
    whole = [event["id"] for event in auditor.search(("subtype", "ITI-41"))]
    assert len(whole) == 2
    status, first = auditor.get("/audit/AuditEvent?date=ge2020&subtype=ITI-41&_count=1")
    links = {link["relation"]: link["url"] for link in first["link"]}
    assert (status, first["type"], "total" in first) == (200, "searchset", False)
    assert first["entry"][0]["fullUrl"].endswith(f"/audit/AuditEvent/{whole[0]}")
    address = urlsplit(links["next"])
    status, second = auditor.get(f"{address.path}?{address.query}")
    assert (status, [entry["resource"]["id"] for entry in second["entry"]]) == (200, whole[1:])
    assert [link["relation"] for link in second["link"]] == ["self"]


def test_one_event(auditor: Auditor) -> None:
    event = auditor.search(("subtype", "ITI-43"))[0]
    assert auditor.get(f"/audit/AuditEvent/{event['id']}") == (200, event)
    status, outcome = auditor.get("/audit/AuditEvent/2026-999999")
    assert (status, outcome["resourceType"]) == (404, "OperationOutcome")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "required"),
        ("patient.identifier=4711", "required"),
        ("date=yesterday", "invalid"),
        ("date=xx2026", "invalid"),
        ("date=ge2026&outcome=3", "not-supported"),
        ("date=ge2026&colour=red", "not-supported"),
        ("date=ge2026&_count=0", "not-supported"),
        ("date=ge2026&_sort=date", "not-supported"),
        ("date=ge2026&agent=", "invalid"),
        ("date=ge2020&before=1999-1", "invalid"),
        ("date=ge2026&" + "agent=a&" * 80, "required"),
    ],
)
def test_what_cannot_be_asked_is_said_and_on_record(node: Node, auditor: Auditor, query: str, code: str) -> None:
    status, outcome = auditor.get(f"/audit/AuditEvent?{query}")
    assert (status, outcome["issue"][0]["code"]) == (400, code)
    newest = node.json("audit", "search", "--transaction", "ITI-81", "--limit", "1")["entries"][0]
    assert newest["outcome"] == "refused or failed"


def test_nobody_but_auditors_and_operators(node: Node) -> None:
    assert Auditor(node, "operator").get("/audit/AuditEvent?date=ge2020&subtype=ITI-43")[0] == 200
    assert Auditor(node, "application").get("/audit/AuditEvent?date=ge2020")[0] == 403


def test_an_auditor_reads_the_log_and_nothing_else(auditor: Auditor) -> None:
    year = auditor.search()[0]["recorded"][:4]
    assert auditor.get(f"/audit/{year}/checkpoint")[0] == 200
    assert auditor.get("/audit/hdn_verify.py")[0] == 200
    assert auditor.get("/iti-18")[0] in (403, 405)


def read(query: str) -> tuple[str, str]:
    found = read_search([("date", part) for part in query.split()], AUTHORITY, frozenset())
    return found.since[:10], found.until[:10]


@pytest.mark.parametrize(
    ("dates", "period"),
    [
        ("2026-03-01", ("2026-03-01", "2026-03-02")),
        ("ge2026-03-01 le2026-03-31", ("2026-03-01", "2026-04-01")),
        ("gt2026-03-01 lt2026-03-31", ("2026-03-02", "2026-03-31")),
        ("sa2026 eb2028", ("2027-01-01", "2028-01-01")),
        ("ge2026-01 ge2026-03 le2027 le2026-05", ("2026-03-01", "2026-06-01")),
    ],
)
def test_dates(dates: str, period: tuple[str, str]) -> None:
    """FHIR: a date names all of its day, month or year; several dates hold together."""
    assert read(dates) == period


def test_a_patient_of_another_authority() -> None:
    query = [("date", "2026"), ("patient.identifier", "urn:oid:1.2.3|A^B&C")]
    assert read_search(query, AUTHORITY, frozenset()).criteria().patient == "1.2.3|A\\S\\B\\T\\C"
    with pytest.raises(BadSearch):
        read_search([*query, ("patient.identifier", "other")], AUTHORITY, frozenset())
    for wrong in ("urn:oid:x|4711", "http://other.example|4711", "|"):
        with pytest.raises(BadSearch):  # never a search about everybody
            read_search([("date", "2026"), ("patient.identifier", wrong)], AUTHORITY, frozenset())
