"""The actor: limits, what it remembers, what it shares between connections, what its SQL costs."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace

import pytest

from registry.document_registry import DocumentRegistry
from registry.ebrim.messages import AdhocQuery
from registry.errors import XdsErrors
from registry.metadata.affinity_domain import ANY
from registry.metadata.objects import APND, RPLC, SIGNS, Slot
from registry.metadata.submission import Submission
from registry.metadata.values import Cx
from registry.queries.catalogue import STORED_QUERIES
from registry.store import dictionaries
from registry.store.keys import MOST_OBJECTS
from tests.registry.registry_bench import (
    BOTH_STATUSES,
    HOME,
    LATER,
    NOW,
    P1,
    P2,
    QUERY_ID,
    Bench,
    author,
    code,
    coded,
    entry,
    filed,
    folder,
    kinds,
    member,
    relation,
    stored_query,
    submission,
    submission_set,
    uuid,
)


def _many(bench: Bench, count: int, patient: str = P1, first: int = 1) -> list[str]:
    documents = [
        entry(uuid(number), patient=patient, unique_id=f"2.999.4.1.{number}") for number in range(first, first + count)
    ]
    own = submission_set(uuid(first + 5000), patient=patient, unique_id=f"2.999.4.2.{first}")
    bench.register(submission(*documents, set_=own))
    return [document.entry_uuid for document in documents]


@pytest.fixture
def small(tmp_path):
    made = Bench(tmp_path / "small.db", max_results=5)
    yield made
    made.close()


@pytest.mark.parametrize("returns", ["LeafClass", "ObjectRef"])
def test_m27_as_many_as_configured_and_not_one_more(small: Bench, returns):
    _many(small, 5)
    asked = {"XDSDocumentEntryPatientId": P1, "XDSDocumentEntryStatus": BOTH_STATUSES, "returns": returns}
    assert len(small.find("FindDocuments", **asked).objects) == 5
    _many(small, 1, first=6)
    with pytest.raises(XdsErrors, match="XDSTooManyResults"):
        small.find("FindDocuments", **asked)


def test_m27_the_limit_is_over_all_kinds_of_objects(small: Bench):
    _many(small, 2)  # two documents, their set, two memberships
    asked = dict.fromkeys(("XDSDocumentEntryStatus", "XDSSubmissionSetStatus", "XDSFolderStatus"), BOTH_STATUSES)
    assert len(small.find("GetAll", patientId=P1, **asked).objects) == 5
    _many(small, 1, first=3)
    with pytest.raises(XdsErrors, match="XDSTooManyResults"):
        small.find("GetAll", patientId=P1, **asked)


def test_m27_the_limit_holds_over_merged_patients(small: Bench):
    _many(small, 3)
    _many(small, 3, P2, first=4)
    assert len(small.find_documents(P1)) == 3
    small.patients.merge(P1, P2, NOW)
    with pytest.raises(XdsErrors, match="XDSTooManyResults"):
        small.find_documents(P1)


def test_more_ids_than_sql_takes_parameters(bench: Bench):
    here = _many(bench, 3)
    for name in ("XDSDocumentEntryEntryUUID", "XDSDocumentEntryUniqueId"):
        wanted = here if name.endswith("UUID") else ["2.999.4.1.1", "2.999.4.1.2", "2.999.4.1.3"]
        found = bench.find("GetDocuments", **{name: (*wanted, *(uuid(n) for n in range(100_000, 140_000)))})
        assert kinds(found) == {"document": here}


def test_more_codes_than_sql_takes_parameters(bench: Bench):
    codes = [code(f"E{number}", "2.999.8.9") for number in range(40)]
    bench.register(submission(entry(uuid(1), event_codes=tuple(codes), class_codes=(codes[7],))))
    asked = tuple(f"E{number}^^2.999.8.9" for number in range(40_000))
    for name in ("XDSDocumentEntryEventCodeList", "XDSDocumentEntryClassCode"):
        assert bench.find_documents(**{name: asked}) == [uuid(1)]
        assert bench.find_documents(**{name: tuple(asked[50:])}) == []


def test_more_repetitions_than_anyone_means(bench: Bench):
    with pytest.raises(XdsErrors, match="XDSStoredQueryParamNumber"):
        bench.find_documents(XDSDocumentEntryEventCodeList=[(f"E{number}^^2.999",) for number in range(2000)])


def test_sql_in_values_is_text(bench: Bench):
    hostile = "x') OR 1=1 --"
    bench.register(submission(entry(uuid(1), class_codes=(code(hostile),))))
    assert bench.find_documents(XDSDocumentEntryClassCode=(f"{hostile}^^2.999.8.1",)) == [uuid(1)]
    assert bench.find_documents(XDSDocumentEntryClassCode=("y') OR 1=1 --^^2.999.8.1",)) == []
    assert bench.find_documents("x' OR '1'='1") == []


def test_a_code_that_is_part_of_another_code_is_another(bench: Bench):
    """Codes are numbers packed as text: 1 must not be found in 11, nor a code's scheme be passed over."""
    for number in range(1, 23):
        own = submission_set(uuid(5000 + number), unique_id=f"2.999.4.2.{number}")
        given = {"event_codes": (code(f"E{number}", "2.999.8.9"),), "unique_id": f"2.999.4.1.{number}"}
        bench.register(submission(entry(uuid(number), **given), set_=own))
    for number in (1, 2, 11, 22):
        assert bench.find_documents(XDSDocumentEntryEventCodeList=(f"E{number}^^2.999.8.9",)) == [uuid(number)]
    assert bench.find_documents(XDSDocumentEntryEventCodeList=("E1^^2.999.8.8",)) == []


def test_a_code_of_a_submission_that_was_undone_is_not_remembered(bench: Bench):
    other = bench.registry.on(bench.connection)
    bench.connection.execute("BEGIN IMMEDIATE")
    first = submission(entry(uuid(1), class_codes=(code("FIRST"),)))
    other.register(first, (), transaction="ITI-42", now=NOW, new_uuid=bench.new_uuid)
    assert len(other.find(stored_query("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(1),))).objects) == 1
    bench.connection.execute("ROLLBACK")
    bench.register(submission(entry(uuid(1), class_codes=(code("SECOND"),), event_codes=(code("THIRD"),))))
    assert bench.find_documents(XDSDocumentEntryClassCode=("FIRST^^2.999.8.1",)) == []
    assert bench.find_documents(XDSDocumentEntryClassCode=("SECOND^^2.999.8.1",)) == [uuid(1)]
    bench.register(
        submission(
            entry(uuid(2), class_codes=(code("FIRST"),), unique_id="2.999.4.1.2"),
            set_=submission_set(unique_id="2.999.4.2.2"),
        )
    )
    assert bench.find_documents(XDSDocumentEntryClassCode=("FIRST^^2.999.8.1",)) == [uuid(2)]


def test_a_registry_learns_a_dictionary_and_reads_what_it_stored_before(bench: Bench, monkeypatch):
    def register(number: int) -> None:
        own = submission_set(uuid(5000 + number), unique_id=f"2.999.4.2.{number}")
        bench.register(submission(entry(uuid(number), unique_id=f"2.999.4.1.{number}"), set_=own))

    def stored(number: int) -> bytes:
        (template,) = bench.connection.execute(
            "SELECT template FROM document_entry WHERE entry_uuid = ?", (uuid(number),)
        ).fetchone()
        return template

    monkeypatch.setattr(dictionaries, "_WORTH_IT", (60, 10_000))
    for number in range(1, 60):
        register(number)
    assert bench.registry.trained() is None
    register(60)
    content = bench.registry.trained()
    assert content is not None
    bench.connection.execute("BEGIN IMMEDIATE")
    bench.registry.keep_dictionary(content, NOW)
    bench.connection.execute("COMMIT")
    bench.registry.use_dictionary(content)
    assert bench.registry.trained() is None
    register(61)
    assert len(stored(61)) < len(stored(1))
    asked = stored_query("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(1), uuid(61)))
    shown = [item.leaf() for item in bench.registry.find(asked).objects]
    assert len(shown) == 2
    # Another process learns of it from the database.
    again = DocumentRegistry(bench.connection, ANY, bench.settings)
    assert [item.leaf() for item in again.find(asked).objects] == shown


def test_a_reader_sees_what_is_committed(tmp_path):
    bench = Bench(tmp_path / "node.db")
    bench.connection.execute("PRAGMA journal_mode = WAL")
    reader = sqlite3.connect(f"file:{tmp_path / 'node.db'}?mode=ro", uri=True, isolation_level=None)
    reader.execute("PRAGMA query_only = ON")
    registry = DocumentRegistry(reader, ANY, bench.settings)
    writing = registry.on(bench.connection)
    asked = stored_query(
        "FindDocuments",
        XDSDocumentEntryPatientId=P1,
        XDSDocumentEntryStatus=BOTH_STATUSES,
        XDSDocumentEntryClassCode=("NOTE^^2.999.8.1",),
    )
    assert registry.find(asked).objects == []
    bench.connection.execute("BEGIN IMMEDIATE")
    writing.register(submission(entry(uuid(1))), (), transaction="ITI-42", now=NOW, new_uuid=bench.new_uuid)
    assert registry.find(asked).objects == []
    assert len(writing.find(asked).objects) == 1
    bench.connection.execute("COMMIT")
    assert [item.entry_uuid for item in registry.find(asked).objects] == [uuid(1)]
    assert not reader.in_transaction
    reader.close()
    bench.close()


def test_what_is_found(bench: Bench):
    both = (code("N", "2.16.840.1.113883.5.25"), code("PSY", "2.16.840.1.113883.1.11.20428"))
    bench.register(submission(entry(uuid(1), confidentiality_codes=both)))
    query = stored_query("GetDocuments", XDSDocumentEntryUniqueId=("2.999.4.1.1",))
    found = bench.registry.find(query)
    (item,) = found.objects
    assert (found.query, found.return_type, found.patient_id) == (query, "LeafClass", "")
    assert (item.kind, item.unique_id, item.repository_unique_id) == ("document", "2.999.4.1.1", "2.999.3.1")
    assert item.confidentiality == tuple((one.code, one.scheme) for one in both)
    assert (item.home, item.patient_id) == (HOME, P1)
    assert item.leaf().startswith(b"<rim:ExtrinsicObject ")
    assert item.reference() == f'<rim:ObjectRef id="{uuid(1)}" home="{HOME}"/>'.encode()


def test_a_reference_has_no_leaf(bench: Bench):
    bench.register(submission(entry(uuid(1))))
    (item,) = bench.find("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(1),), returns="ObjectRef").objects
    assert item.reference()
    with pytest.raises(XdsErrors):
        item.leaf()


def test_home_of_a_query_filters_nothing(bench: Bench):
    bench.register(submission(entry(uuid(1))))
    assert bench.find("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(1),), home="urn:oid:2.999.404").objects


def test_the_case_of_a_uuid_does_not_matter(bench: Bench):
    lower = "urn:uuid:0e8a3c53-6a37-4c8e-8f0b-2f9f5a1c7d10"
    upper = "urn:uuid:" + lower[9:].upper()
    bench.register(submission(entry(upper)))
    (item,) = bench.find("GetDocuments", XDSDocumentEntryEntryUUID=(lower,)).objects
    assert item.entry_uuid == upper  # as it was submitted
    bench.register(
        submission(
            entry(unique_id="2.999.4.1.2"),
            set_=submission_set(unique_id="2.999.4.2.2"),
            also=[relation(APND, "Document01", lower)],
        )
    )
    found = bench.find("GetRelatedDocuments", XDSDocumentEntryEntryUUID=upper, AssociationTypes=(APND,))
    assert len(kinds(found)["document"]) == 2
    (link,) = (item for item in found.objects if item.kind == "association")
    assert link.target == upper  # spelled as the document itself is
    assert upper.encode() in link.leaf()


def test_a_hundred_faults_are_enough(bench: Bench):
    documents = [entry(f"Document{n}", unique_id=f"2.999.4.1.{n}") for n in range(150)]
    links = [relation(SIGNS, document.entry_uuid, uuid(9000 + n)) for n, document in enumerate(documents)]
    refused = bench.refusal(submission(*documents, also=links))
    assert len(refused) == 100
    assert {error for error, _ in refused} == {"UnresolvedReferenceException"}


def test_v68_a_patient_has_no_more_objects_than_can_be_numbered(bench: Bench):
    bench.connection.execute("UPDATE patient SET objects = ? WHERE cx = ?", (MOST_OBJECTS - 3, P1))
    assert bench.refusal(submission(entry(), folders=[folder()])) == [("XDSRegistryOutOfResources", "")]
    bench.register(submission(entry()))
    assert len(bench.find_documents()) == 1


def test_documents_of_classes_that_share_a_cluster(bench: Bench):
    """Clusters are fewer than codes: what lies together need not be what was asked for."""
    bench.connection.execute(
        "INSERT INTO code (no, code, scheme) VALUES (2000, 'X', '2.999.8.1'), (976, 'Y', '2.999.8.1')"
    )
    for number, value in enumerate(("X", "Y"), start=1):
        own = submission_set(uuid(20 + number), unique_id=f"2.999.4.2.{number}")
        given = {"class_codes": (code(value),), "unique_id": f"2.999.4.1.{number}"}
        bench.register(submission(entry(uuid(number), **given), set_=own))
    assert bench.find_documents(XDSDocumentEntryClassCode=("X^^2.999.8.1",)) == [uuid(1)]
    assert bench.find_documents(XDSDocumentEntryClassCode=("X^^2.999.8.1", "Y^^2.999.8.1")) == [uuid(1), uuid(2)]


def test_a_size_that_no_document_has_is_refused(bench: Bench):
    made = submission(entry(uuid(1), size=("9999999999999999999",)))
    assert bench.refusal(made) == [("XDSRegistryMetadataError", uuid(1))]


@pytest.mark.parametrize("text", ["", "Document01", "urn:uuid:", "urn:uuid:zz", uuid(1)[9:], "urn:oid:1.2", "\x00"])
def test_ids_that_are_none_find_nothing(bench: Bench, text):
    bench.register(submission(entry(uuid(1))))
    asked = AdhocQuery(
        QUERY_ID["GetAssociations"], "ObjectRef", None, (Slot(name="$uuid", values=(coded((text, uuid(99))),)),)
    )
    if text:
        assert bench.registry.find(asked).objects == []
    else:
        with pytest.raises(XdsErrors, match="XDSRegistryError"):
            bench.registry.find(asked)


def test_every_author_is_searched(bench: Bench):
    authors = (author("1^Welby^Marcus"), author("2^O'Hara^Ann"), replace(author(), persons=()))
    bench.register(submission(entry(uuid(1), authors=authors)))
    for pattern, found in (("%O'Hara%", True), ("2^O'Hara^Ann", True), ("%Marcus2%", False), ("%Welby%Ann", False)):
        assert bench.find_documents(XDSDocumentEntryAuthorPerson=(pattern,)) == ([uuid(1)] if found else [])


def test_titles_survive(bench: Bench):
    title = 'Entlassbrief <Müller> & "Söhne" 出院小结 🩺'
    made = replace(entry(uuid(1)), title=(replace(entry().title[0], value=title),))
    bench.register(submission(made))
    (item,) = bench.find("GetDocuments", XDSDocumentEntryEntryUUID=(uuid(1),)).objects
    assert "Müller&gt; &amp; &quot;Söhne&quot; 出院小结 🩺" in item.leaf().decode()
    assert bench.registry.documents(["2.999.4.1.1"])["2.999.4.1.1"][0].title == title


@pytest.fixture
def furnished(bench: Bench) -> Bench:
    bench.register(
        submission(entry(uuid(1)), folders=[folder(uuid(11))], set_=submission_set(uuid(21)), also=filed(uuid(11), uuid(1), uuid(21), uuid(31)))
    )  # fmt: skip
    return bench


def test_no_statement_reads_a_whole_table(furnished: Bench):
    """Whatever is asked, every table is entered by an index, also in its WITHOUT ROWID and row-number forms."""
    seen: set[str] = set()
    furnished.connection.set_trace_callback(seen.add)
    asked = {
        "XDSDocumentEntryStatus": BOTH_STATUSES[:1],
        "XDSSubmissionSetStatus": BOTH_STATUSES,
        "XDSFolderStatus": BOTH_STATUSES,
        "uuid": (uuid(1), uuid(11)),
        "XDSDocumentEntryReferenceIdList": ("%",),
        "AssociationTypes": (APND, RPLC),
    }
    for query in STORED_QUERIES.values():
        for by_class in (False, True):
            for chosen in query.either or ("",):
                given = {"MetadataLevel": 2}
                for parameter in query.parameters:
                    name = parameter.name[1:]
                    if parameter.name == chosen or (parameter.required and name not in asked):
                        value = {"EntryUUID": uuid(1 if "Document" in name else 11 if "Folder" in name else 21)}.get(
                            "EntryUUID" if name.endswith("EntryUUID") else "", "2.999.4.1.1"
                        )
                        given[name] = P1 if name.lower().endswith("patientid") else value
                    elif name in asked and parameter.required:
                        given[name] = asked[name]
                    elif by_class and name == "XDSDocumentEntryClassCode":
                        given[name] = ("NOTE^^2.999.8.1",)
                furnished.registry.find(stored_query(query.id, **given))
                furnished.registry.find(stored_query(query.id, **given), lambda codes: not codes)
    furnished.registry.documents(["2.999.4.1.1"])
    furnished.register(
        submission(
            entry(uuid(2), unique_id="2.999.4.1.2"),
            set_=submission_set(uuid(22), unique_id="2.999.4.2.2"),
            references=[uuid(1)],
            also=[relation(RPLC, uuid(2), uuid(1))],
        ),
        now=LATER,
    )
    furnished.quarantine("2.999.4.1.1")
    furnished.connection.set_trace_callback(None)
    statements = [text for text in seen if re.match(r"\s*(SELECT|WITH|UPDATE)", text) and "sqlite_" not in text]
    assert len(statements) > 20
    for text in statements:
        plan = [row[3] for row in furnished.connection.execute("EXPLAIN QUERY PLAN " + text)]
        scans = [
            step for step in plan if step.startswith("SCAN") and not re.match(r"SCAN (chain|json_each|\d+ CON)", step)
        ]
        assert not scans, (text, plan)


def test_c8_no_query_by_patient_walks_to_another(bench: Bench):
    """A submission set of one patient refers to a document of another (mother and child): it is not found by that."""
    _many(bench, 1, P2)
    own = submission_set(uuid(21), unique_id="2.999.4.2.21")
    bench.register(submission(entry(uuid(2), unique_id="2.999.4.1.2"), set_=own, references=[uuid(1)]))
    asked = dict.fromkeys(("XDSDocumentEntryStatus", "XDSSubmissionSetStatus", "XDSFolderStatus"), BOTH_STATUSES)
    for patient, found in ((P1, [uuid(2)]), (P2, [uuid(1)])):
        objects = bench.find("GetAll", patientId=patient, **asked).objects
        assert [item.entry_uuid for item in objects if item.kind == "document"] == found
        assert {item.patient_id for item in objects if item.kind != "association"} == {patient}


def test_identifiers_are_compared_as_a_whole(bench: Bench):
    assert Cx.parse(P1) is not None
    _many(bench, 1)
    assert bench.find_documents(P1.replace("ISO", "iso")) == []
    assert bench.find_documents(" " + P1) == []


def test_an_inherited_association_has_a_number_of_the_patient_that_gave_it(bench: Bench):
    """A folder's next version takes over members that were another patient's before a merge."""
    papers = _many(bench, 10, P2)[:5]
    shelf = folder(uuid(100), unique_id="2.999.4.3")
    bench.register(submission(folders=[shelf], set_=submission_set(uuid(101), unique_id="2.999.4.4")))
    bench.patients.merge(P1, P2, NOW)
    links = [link for paper in papers for link in filed(shelf.entry_uuid, paper, uuid(102), id_=f"in {paper}")]
    bench.register(submission(also=links, set_=submission_set(uuid(102), unique_id="2.999.4.5")))
    own = submission_set(uuid(103), unique_id="2.999.4.6")
    brings = replace(
        member(own.entry_uuid, uuid(104), None, uuid(105)), extra=(Slot(name="PreviousVersion", values=("1",)),)
    )
    new = replace(shelf, entry_uuid=uuid(104), logical_id=shelf.entry_uuid)
    bench.update(Submission(submission_sets=(own,), folders=(new,), associations=(brings,)))
    found = bench.find("GetFolderAndContents", XDSFolderEntryUUID=uuid(104))
    assert kinds(found)["document"] == sorted(papers)
