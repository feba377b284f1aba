"""ITI-44, ITI-45 and ITI-47 against a real node: every response case, every message valid, everything on record."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.end_to_end import audit_table
from tests.end_to_end.nodes import AUTHORITY, Node, free_base
from tests.end_to_end.patients_v3 import said
from tests.end_to_end.test_audit_tables import LOCAL, Recorded, details, kind_of, records, shape
from tests.end_to_end.wire import SUCCESS, Client, Document, provide
from tests.shared import needs_shared

pytestmark = needs_shared

LAB, NATIONAL = "2.999.8.8", "2.999.7.7"
LIST = "/PRPA_IN201309UV02/controlActProcess/queryByParameter/parameterList"
ALL_DOMAINS = ('<dataSource><value root="2.999.7.7"/><semanticsText>DataSource.id</semanticsText></dataSource>', "")
NEW = ('<queryId root="2.999.10.2" extension="pdq-1"/>', '<queryId root="2.999.10.2" extension="pdq-2"/>')


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that knows Nora, her record of the laboratory, and six namesakes."""
    folder = tmp_path_factory.mktemp("v3")
    made = Node(folder / "node", free_base(), "Institution").init(folder / "ca")
    toml = made.folder / "node.toml"
    toml.write_text(toml.read_text().replace("# authorities = []", f'authorities = ["{LAB}"]'))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def client(node: Node) -> Client:
    found = node.client()
    assert said(found, "iti44/added").acknowledged == "CA"
    assert (
        said(
            found, "iti44/added", (f'root="{AUTHORITY}" extension="A-4711"', f'root="{LAB}" extension="L-9"')
        ).acknowledged
        == "CA"
    )
    for number in range(6):
        other = (
            ("A-4711", f"H-{number}"),
            ("Nora", f"Ole{number}"),
            ("N-720415-55", f"N-{number}"),
            ("7 Quay", "9 Mill"),
        )
        assert (
            said(
                found, "iti44/added", *other, ("19720415", f"198{number}0101"), ("0100777", f"020{number}777")
            ).acknowledged
            == "CA"
        )
    return found


def cx(number: str, authority: str = AUTHORITY) -> str:
    return f"{number}^^^&{authority}&ISO"


def test_a_patient_of_the_feed_can_have_documents(node: Node, client: Client) -> None:
    body, parts = provide(cx("A-4711"), [Document(b"a letter")])
    assert client.send("iti-41", body, parts).status == SUCCESS


def test_identifiers_in_the_domains_that_are_asked_for(client: Client) -> None:
    reply = said(client, "iti45/query")
    assert (reply.acknowledged, reply.code, reply.ids) == ("AA", "OK", [(NATIONAL, "N-720415-55")])
    reply = said(client, "iti45/query", ALL_DOMAINS)
    assert sorted(reply.ids) == [(NATIONAL, "N-720415-55"), (LAB, "L-9")]
    reply = said(
        client, "iti45/query", ALL_DOMAINS, (f'root="{AUTHORITY}" extension="A-4711"', f'root="{LAB}" extension="L-9"')
    )
    assert sorted(reply.ids) == [(AUTHORITY, "A-4711"), (NATIONAL, "N-720415-55")]


@pytest.mark.parametrize(
    ("changes", "acknowledged", "code", "details"),
    [
        pytest.param([("2.999.7.7", LAB), ("A-4711", "H-1")], "AA", "NF", [], id="no identifier in the domain"),
        pytest.param([("A-4711", "A-404")], "AE", "AE", [("204", f"{LIST}/patientIdentifier/value")], id="unknown identifier"),
        pytest.param([("2.999.1.1", "2.999.404")], "AE", "AE", [("204", f"{LIST}/patientIdentifier/value")], id="unknown domain of the patient"),
        pytest.param([("2.999.7.7", "2.999.404")], "AE", "AE", [("204", f"{LIST}/dataSource[1]/value")], id="unknown data source"),
    ],
)  # fmt: skip
def test_response_cases_of_iti_45(client: Client, changes, acknowledged: str, code: str, details) -> None:
    reply = said(client, "iti45/query", *changes)
    assert (reply.acknowledged, reply.code, reply.ids, reply.details) == (acknowledged, code, [], details)


def test_a_query_without_what_it_needs(client: Client) -> None:
    reply = said(client, "iti45/query", ('<queryId root="2.999.10.2" extension="pix-1"/>', ""), valid=False)
    assert (reply.acknowledged, reply.code) == ("AE", "AE")
    reply = said(client, "iti44/added", ('<id root="2.999.1.1" extension="A-4711"/>', '<id root="2.999.1.1"/>'))
    assert reply.acknowledged == "CE"


def test_one_subject_for_each_person(client: Client) -> None:
    reply = said(client, "iti47/query", NEW, ("<family>Halv</family>", "<family>Halv</family><given>Nora</given>"))
    assert (reply.acknowledged, reply.code, reply.ids) == ("AA", "OK", [(AUTHORITY, "A-4711")])
    assert sorted(reply.other_ids) == ["L-9", "N-720415-55"]
    assert reply.quantities == (1, 1, 0)


PARAMETERS = {
    "name": "<livingSubjectName><value><given>Nora</given><family>Halvorsen</family></value><semanticsText>n</semanticsText></livingSubjectName>",
    "a typing error": "<livingSubjectName><value><given>Nora</given><family>Halvorson</family></value><semanticsText>n</semanticsText></livingSubjectName>",
    "the beginning of a name": "<livingSubjectName><value><given>Nor*</given><family>halvors*</family></value><semanticsText>n</semanticsText></livingSubjectName>",
    "birth date": '<livingSubjectBirthTime><value value="19720415"/><semanticsText>b</semanticsText></livingSubjectBirthTime>',
    "identifier": '<livingSubjectId><value root="2.999.8.8" extension="L-9"/><semanticsText>i</semanticsText></livingSubjectId>',
    "telephone": '<patientTelecom><value value="tel:0100777"/><semanticsText>t</semanticsText></patientTelecom>',
}  # fmt: skip
SEARCH = '<livingSubjectName><value use="SRCH"><family>Halv</family></value><semanticsText>LivingSubject.name</semanticsText></livingSubjectName>'


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_of_iti_47(client: Client, name: str) -> None:
    reply = said(client, "iti47/query", NEW, (SEARCH, PARAMETERS[name]))
    assert (reply.code, reply.ids) == ("OK", [(AUTHORITY, "A-4711")])


def test_parameters_are_all_to_agree(client: Client) -> None:
    sex = '<livingSubjectAdministrativeGender><value code="M" codeSystem="2.16.840.1.113883.5.1"/><semanticsText>s</semanticsText></livingSubjectAdministrativeGender>'
    reply = said(client, "iti47/query", NEW, (SEARCH, sex + PARAMETERS["birth date"]))
    assert (reply.acknowledged, reply.code, reply.quantities) == ("AA", "NF", (0, 0, 0))
    address = "<patientAddress><value><city>Pskov</city></value><semanticsText>a</semanticsText></patientAddress>"
    reply = said(client, "iti47/query", NEW, (SEARCH, PARAMETERS["name"] + address))
    assert reply.code == "NF"


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        ("1970", "1980", 2),  # Nora and Ole of 1980
        ("19720415", "19720416", 1),
        ("19720416", "1979", 0),
        ("1972", "", 7),
        ("", "197205", 1),
        ("198101", "198312", 3),
    ],
)
def test_an_interval_of_birth_dates(client: Client, low: str, high: str, found: int) -> None:
    ends = "".join(f'<{name} value="{text}"/>' for name, text in (("low", low), ("high", high)) if text)
    born = f"<livingSubjectBirthTime><value>{ends}</value><semanticsText>b</semanticsText></livingSubjectBirthTime>"
    reply = said(client, "iti47/query", NEW, (SEARCH, born + SEARCH))
    assert reply.quantities[0] == found


def test_domains_of_iti_47(client: Client) -> None:
    scope = (
        '<otherIDsScopingOrganization><value root="{}"/><semanticsText>o</semanticsText></otherIDsScopingOrganization>'
    )
    reply = said(client, "iti47/query", NEW, (SEARCH, PARAMETERS["name"] + scope.format(LAB)))
    assert (reply.code, reply.other_ids) == ("OK", ["L-9"])
    reply = said(client, "iti47/query", NEW, (SEARCH, PARAMETERS["name"] + scope.format("2.999.404")))
    assert (reply.acknowledged, reply.code) == ("AE", "AE")
    place = "/PRPA_IN201305UV02/controlActProcess/queryByParameter/parameterList/otherIDsScopingOrganization[1]/value"
    assert reply.details == [("204", place)]


def test_a_query_for_everybody_is_refused(client: Client) -> None:
    sex = '<livingSubjectAdministrativeGender><value code="F" codeSystem="2.16.840.1.113883.5.1"/><semanticsText>s</semanticsText></livingSubjectAdministrativeGender>'
    reply = said(client, "iti47/query", NEW, (SEARCH, sex))
    assert (reply.acknowledged, reply.code, [code for code, _ in reply.details]) == ("AE", "AE", ["INTERR"])


def test_an_answer_in_pages(client: Client) -> None:
    first = ('<responsePriorityCode code="I"/>', '<responsePriorityCode code="I"/><initialQuantity value="3"/>')
    reply = said(client, "iti47/query", first)
    shown = list(reply.ids)
    assert reply.quantities == (7, 3, 4)
    reply = said(client, "iti47/continuation")
    shown += reply.ids
    assert reply.quantities == (7, 2, 2)
    reply = said(client, "iti47/continuation", ('value="2"', 'value="50"'))
    shown += reply.ids
    assert reply.quantities == (7, 2, 0)
    assert len(set(shown)) == 7
    reply = said(client, "iti47/continuation")
    assert (reply.acknowledged, reply.code) == ("AE", "AE")


def test_an_answer_that_nobody_wants_any_more(client: Client) -> None:
    first = ('<responsePriorityCode code="I"/>', '<responsePriorityCode code="I"/><initialQuantity value="3"/>')
    assert said(client, "iti47/query", first).quantities == (7, 3, 4)
    cancel = ("waitContinuedQueryResponse", "aborted")
    assert said(client, "iti47/continuation", cancel, action="QUQI_IN000003UV01_Cancel").acknowledged == "CA"
    assert said(client, "iti47/continuation").code == "AE"


def test_a_revision_replaces_and_a_merge_joins(client: Client, node: Node) -> None:
    assert (
        said(client, "iti44/revised", ("A-4711", "A-1"), ("Nora", "Ida"), ("N-720415-55", "N-1")).acknowledged == "CA"
    )
    assert (
        said(
            client,
            "iti44/added",
            ("A-4711", "A-4999"),
            ("Nora", "Ida"),
            ("19720415", "19510203"),
            ("N-720415-55", "N-9"),
        ).acknowledged
        == "CA"
    )
    merge = ('extension="A-4711"', 'extension="A-1"')
    assert said(client, "iti44/resolved", merge).acknowledged == "CA"
    again = said(client, "iti44/resolved", merge)
    assert (again.acknowledged, [code for code, _ in again.details]) == ("CE", ["204"])
    reply = said(client, "iti45/query", ALL_DOMAINS, ("A-4711", "A-4999"))
    assert sorted(reply.ids) == [(AUTHORITY, "A-1"), (NATIONAL, "N-1")]
    node.run("patient", "unmerge", "A-4999")
    assert said(client, "iti45/query", ALL_DOMAINS, ("A-4711", "A-4999")).ids == [(NATIONAL, "N-9")]


def test_both_ends_leave_what_the_table_says(client: Client, node: Node) -> None:
    before = len(records(node))
    number = ("A-4711", "T-1"), ("Nora", "Tove"), ("N-720415-55", "N-T")
    said(client, "iti44/added", *number, ("19720415", "19610203"))
    said(client, "iti44/revised", *number, ("19720415", "19610203"))
    said(client, "iti44/added", ("A-4711", "T-2"), ("Nora", "Tove"), ("N-720415-55", "N-U"), ("19720415", "19610203"))
    said(client, "iti44/resolved", ("A-4711", "T-1"), ("A-4999", "T-2"))
    said(client, "iti44/resolved", ("A-4711", "T-1"), ("A-4999", "T-2"))
    said(client, "iti45/query", ALL_DOMAINS)
    shown, _, _ = said(client, "iti47/query", NEW).quantities
    said(client, "iti47/query", NEW, ("<family>Halv</family>", "<family>Nobody</family>"))
    found = [one for one in records(node)[before:] if one.kind == LOCAL]
    feed = [one for one in found if one.type == "ITI-44"]
    assert [(one.action, one.ids("1")[0].partition("^")[0], one.outcome) for one in feed] == [
        ("C", "T-1", "0"),
        ("U", "T-1", "0"),
        ("C", "T-2", "0"),
        ("D", "T-2", "0"),
        ("U", "T-1", "0"),
        ("D", "T-2", "8"),
        ("U", "T-1", "8"),
    ]
    assert details(feed[0].objects[0]) == {"II": "f-1@2.999.10.1"}
    for one in feed:
        as_the_row_says(one, "ITI-44", 1)
    queries = [one for one in found if one.type == "ITI-45"]
    assert [one.ids("1") for one in queries] == [[cx("A-4711")]]
    asked = [one for one in found if one.type == "ITI-47"]
    assert len(asked) == shown + 1  # one for each patient, and one for a query that found nobody
    assert asked[-1].ids("1") == []
    for one in (*queries, *asked):
        as_the_row_says(one, one.type, 1)
        (query,) = (thing for thing in one.objects if kind_of(thing) == "Query")
        assert shape(query)[:3] == ("2", one.type, "IHE Transactions")
        assert b"queryByParameter" in base64.b64decode(query.findtext("ParticipantObjectQuery"))


def as_the_row_says(one: Recorded, transaction: str, side: int) -> None:
    rows = {"ITI-44": ("110110", None), "ITI-45": ("110112", "E"), "ITI-47": ("110112", "E")}
    event, action = rows[transaction]
    page = audit_table._rows("### 5.5 Per-transaction table", 6)
    (row,) = (
        row for row in page if row[0].startswith(transaction) or (transaction == "ITI-47" and "45 / 47" in row[0])
    )
    assert event in row[2]
    assert one.event == event
    assert action is None or one.action == action
    assert {kind_of(thing) for thing in one.objects} <= {"Patient", "Query"}
