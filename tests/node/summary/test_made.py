"""The patient's summary as an on-demand document of a real node: offered, made for whoever asks, on record, kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
from lxml import etree

from node.configuration.settings import SummarySection
from node.summary.withdrawing import withdraw
from node.transactions import ITI_18, ITI_39, ITI_43
from registry.ebrim.messages import adhoc_query_request
from registry.metadata.objects import APPROVED, IS_SNAPSHOT_OF, ON_DEMAND_DOCUMENT, STABLE_DOCUMENT, XFRM
from registry.store.on_demand import OnDemandDocuments
from repository.messages import DocumentRequest, retrieve_request
from tests.attacks.test_consent_attacks import clinician, consent, deny, peer
from tests.node import policy_bench
from tests.node.policy_bench import ANNA, BEN, DOCUMENTS, NOW, Bench
from tests.registry.registry_bench import code, entry, on_demand, stored_query, submission, submission_set, uuid
from trust.consent.policy import CONFIDENTIALITY, Default
from trust.identity.caller import Caller, Role

XDS = "{urn:ihe:iti:xds-b:2007}"
WARD = Caller(role=Role.APPLICATION, name="ward", fingerprint="f", address="")
EVERYTHING = 100
CDA, HTML = "text/xml", "text/html"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    config = policy_bench.config(tmp_path_factory.mktemp("summary"))
    config = replace(config, summary=SummarySection(offered=True, documents=EVERYTHING))
    for bench in policy_bench.bench(config):
        offer(bench)
        yield bench


@pytest.fixture
def bench(made: Bench) -> Iterator[Bench]:
    made.consents([])
    actors = made.services.actors
    policy = actors.policy
    actors.policy = replace(policy, jurisdiction=replace(policy.jurisdiction, default=Default.OPT_OUT))
    yield made
    actors.policy, actors.summaries.snapshots, actors.summaries.documents = policy, False, EVERYTHING


def offer(bench: Bench) -> None:
    """What the node does after a start, and after submissions."""
    actors = bench.services.actors
    for patient in OnDemandDocuments(actors.reader).lacking(0, 1000)[0]:
        actors.summaries.note(patient)
    bench.loop.run_until_complete(actors.summaries.settle(actors))


def entries(bench: Bench, patient: str, *types: str, caller: Caller = WARD) -> list[etree._Element]:
    given = {"XDSDocumentEntryType": types} if types else {}
    query = stored_query(
        "FindDocuments", XDSDocumentEntryPatientId=patient, XDSDocumentEntryStatus=(APPROVED,), **given
    )
    answer = etree.fromstring(bench.asked(ITI_18, adhoc_query_request(query), caller, NOW).envelope)
    return list(answer.iter("{*}ExtrinsicObject"))


def summary_id(bench: Bench, patient: str = ANNA, form: str = CDA) -> str:
    (found,) = [one for one in entries(bench, patient, ON_DEMAND_DOCUMENT) if one.get("mimeType") == form]
    return next(one.get("value") for one in found.iter("{*}ExternalIdentifier") if "&" not in one.get("value"))


def fetched(bench: Bench, unique_id: str, caller: Caller = WARD) -> SimpleNamespace:
    """The answer of ITI-43 or ITI-39: what it says of the document, its content, its errors."""
    own = bench.services.actors.own
    request = DocumentRequest(
        home_community_id=own.home if caller.role is Role.PEER else None,
        repository_unique_id=own.repository_unique_id,
        document_unique_id=unique_id,
    )
    row = ITI_39 if caller.role is Role.PEER else ITI_43
    answer = bench.asked(row, retrieve_request([request]), caller, NOW)
    root = etree.fromstring(answer.envelope)
    content = b"".join(b"".join(one.frames) for one in answer.documents)
    said = {etree.QName(child).localname: child.text for one in root.iter(XDS + "DocumentResponse") for child in one}
    return SimpleNamespace(
        new=said.get("NewDocumentUniqueId"),
        place=said.get("NewRepositoryUniqueId"),
        mime=said.get("mimeType"),
        content=content,
        sources={one.unique_id for one in DOCUMENTS if f"<td>{one.unique_id}</td>".encode() in content},
        errors=[one.get("errorCode") for one in root.iter("{*}RegistryError")],
    )


def records(bench: Bench, most: int) -> list[dict]:
    rows = bench.services.reader.execute("SELECT body FROM audit_record ORDER BY seq DESC LIMIT ?", (most,))
    return [json.loads(body)["event"] for (body,) in rows]


def test_every_patient_with_documents_has_one_in_two_forms(bench: Bench) -> None:
    for patient in (ANNA, BEN):
        found = entries(bench, patient, ON_DEMAND_DOCUMENT)
        assert sorted(one.get("mimeType") for one in found) == [HTML, CDA]
        assert {one.get("mimeType") for one in entries(bench, patient)} == {"text/plain"}, "not unless asked for"
    original, page = (summary_id(bench, form=form) for form in (CDA, HTML))
    query = stored_query(
        "GetRelatedDocuments",
        XDSDocumentEntryUniqueId=page,
        AssociationTypes=(XFRM,),
        XDSDocumentEntryType=(ON_DEMAND_DOCUMENT,),
    )
    assert original in bench.asked(ITI_18, adhoc_query_request(query), WARD, NOW).envelope.decode()
    before = len(entries(bench, ANNA, ON_DEMAND_DOCUMENT))
    bench.services.actors.summaries.note(ANNA)
    offer(bench)
    assert len(entries(bench, ANNA, ON_DEMAND_DOCUMENT)) == before, "once"


@pytest.mark.parametrize("form", [CDA, HTML])
def test_it_is_made_of_what_the_caller_may_see_and_says_so_on_record(bench: Bench, form: str) -> None:
    bench.consents([consent(deny(documents=frozenset({"2.999.4.1.1"})))])
    for caller in (WARD, peer(), peer(clearance="R"), peer(clearance="V"), clinician("nurse", "TREAT")):
        id_, found = summary_id(bench, form=form), bench.found(caller, ANNA, NOW)
        got = fetched(bench, id_, caller)
        assert got.mime == form
        assert got.sources == found
        assert got.sources
        assert {one["id"] for one in records(bench, 1)[0]["objects"]} == got.sources | {ANNA, id_}


def test_nobody_denied_gets_one(bench: Bench) -> None:
    bench.consents([consent(deny())])
    got = fetched(bench, summary_id(bench), peer())
    assert (got.errors, got.content) == (["XDSDocumentUniqueIdError"], b"")


def test_c6_an_emergency_is_noticed_and_reviewed(bench: Bench) -> None:
    bench.consents([consent(deny())])
    bench.services.alarms.clear()
    caller = clinician("physician", "ETREAT", reason="unconscious")
    got = fetched(bench, summary_id(bench), caller)
    assert got.sources == bench.found(caller, ANNA, NOW)
    assert "emergency-access" in bench.services.alarms
    cases = [one for one in bench.order("policy review list")["cases"] if one["reason"] == "unconscious"]
    assert max(one["documents"] for one in cases) >= len(got.sources)


def test_the_same_content_has_the_same_id_and_another_content_another(bench: Bench) -> None:
    id_ = summary_id(bench)
    first, again, less = fetched(bench, id_), fetched(bench, id_), fetched(bench, id_, peer())
    assert (first.new, first.content) == (again.new, again.content)
    assert len({id_, first.new, less.new, fetched(bench, summary_id(bench, form=HTML)).new}) == 4
    assert first.place is None
    assert fetched(bench, first.new).errors == ["XDSDocumentUniqueIdError"], "nothing was kept"
    number = next(bench.numbers)
    own = bench.services.actors.own.repository_unique_id
    new = entry(uuid(number), patient=ANNA, unique_id=f"2.999.4.8.{number}", repository_unique_id=(own,), hash=(), size=())  # fmt: skip
    bench.submit(new, b"something new")
    changed = fetched(bench, id_)
    assert changed.new != first.new
    assert b"something new" in changed.content
    assert b"something new" not in first.content


def test_the_newest_documents_are_as_many_as_configured(bench: Bench) -> None:
    bench.services.actors.summaries.documents = 3
    got = fetched(bench, summary_id(bench, BEN))
    assert got.sources == {"2.999.4.3.10", "2.999.4.3.11", "2.999.4.3.12"}


def test_a_deprecated_one_and_one_in_quarantine_are_errors(bench: Bench) -> None:
    id_ = summary_id(bench, BEN, HTML)
    bench.order("document quarantine", unique_id=id_)
    assert fetched(bench, id_).errors == ["XDSDocumentUniqueIdError"]
    bench.order("document quarantine", unique_id=id_, off=True)
    assert fetched(bench, id_).sources
    bench.order("document deprecate", unique_id=id_)
    assert fetched(bench, id_).errors == ["XDSDocumentUniqueIdError"]


def test_a_snapshot_is_kept_once_and_given_to_who_may_see_all_of_it(bench: Bench) -> None:
    own = bench.services.actors.own.repository_unique_id
    bench.services.actors.summaries.snapshots = True
    id_ = summary_id(bench)
    got = fetched(bench, id_, peer(clearance="V"))
    assert got.place == own
    assert fetched(bench, id_, peer(clearance="V")).new == got.new
    kept = [one for one in entries(bench, ANNA, STABLE_DOCUMENT) if one.get("mimeType") == CDA]
    assert len(kept) == 1
    query = stored_query(
        "GetRelatedDocuments",
        XDSDocumentEntryUniqueId=got.new,
        AssociationTypes=(IS_SNAPSHOT_OF,),
        XDSDocumentEntryType=(ON_DEMAND_DOCUMENT,),
    )
    assert id_ in bench.asked(ITI_18, adhoc_query_request(query), WARD, NOW).envelope.decode()
    codes = [one for one in kept[0].iter("{*}Classification") if one.get("nodeRepresentation") in "LNRVU"]
    assert [one.get("nodeRepresentation") for one in codes if one.get("nodeRepresentation")] == ["V"]
    assert any("ITI-42" in json.dumps(one) for one in records(bench, 12))
    again = fetched(bench, got.new, peer(clearance="V"))
    assert (again.content, again.new, again.errors) == (got.content, None, [])
    assert fetched(bench, got.new, WARD).content == got.content
    assert fetched(bench, got.new, peer()).errors == ["XDSDocumentUniqueIdError"]
    bench.consents([consent(deny(documents=frozenset({next(iter(sorted(got.sources)))})))])
    assert fetched(bench, got.new, peer(clearance="V")).errors == ["XDSDocumentUniqueIdError"]
    bench.consents([])
    assert fetched(bench, got.new, WARD).content == got.content
    repository, gone = bench.services.actors.repository, next(iter(sorted(got.sources)))
    stored = repository.locate(gone)
    bench.write(lambda connection: connection.execute("DELETE FROM stored_document WHERE unique_id = ?", (gone,)))
    assert fetched(bench, got.new, WARD).errors == ["XDSDocumentUniqueIdError"], "its bytes were removed (ITI-86)"
    row = (stored.unique_id, stored.mime_type, stored.size, stored.sha1, stored.sha256, bytes.fromhex(stored.blob))
    bench.write(lambda connection: connection.execute("INSERT INTO stored_document VALUES (?, ?, ?, ?, ?, ?)", row))
    bench.services.actors.summaries.snapshots = False
    assert fetched(bench, id_, WARD).content.count(b"Patient summary</td>") == 0, "no snapshot is a source"


@pytest.mark.parametrize("removal", ["retention", "ITI-62", "ITI-86"])
def test_a_snapshot_is_removed_with_a_document_that_it_was_made_of(bench: Bench, removal: str) -> None:
    """Its bytes, its metadata, and a record that says why; a hold keeps it, and one with all its sources stays."""
    actors, number = bench.services.actors, next(bench.numbers)
    patient, source = f"SNAP{number}^^^&{policy_bench.AUTHORITY}&ISO", f"2.999.4.8.{number}"
    bench.order("patient add", patient=patient)
    document = entry(uuid(number), patient=patient, unique_id=source, hash=(), size=(), repository_unique_id=())
    bench.submit(document, b"a note")
    offer(bench)
    actors.summaries.snapshots = True
    kept = fetched(bench, summary_id(bench, patient)).new
    other = fetched(bench, summary_id(bench)).new

    def there(unique_id: str) -> tuple[bool, bool]:
        return bool(actors.registry.documents([unique_id])), actors.repository.locate(unique_id) is not None

    def withdrawn() -> None:
        bench.loop.run_until_complete(withdraw(actors, bench.services.config.folder.database))

    withdrawn()
    assert there(kept) == there(other) == (True, True)
    if removal != "ITI-86":
        bench.write(lambda one: actors.registry_on(one).remove_all(actors.registry_on(one).with_dependents(source)))
    if removal != "ITI-62":
        bench.write(lambda one: actors.repository.remove(one, source))
    assert fetched(bench, kept).errors == ["XDSDocumentUniqueIdError"]
    bench.order("hold set", document=kept, reason="court order")
    withdrawn()
    assert there(kept) == (True, True)
    bench.order("hold clear", document=kept)
    withdrawn()
    assert there(kept) == (False, False)
    assert there(other) == (True, True)
    (found,) = [one for one in records(bench, 5) if "snapshot" in one.get("note", {})]
    assert (found["patient"], found["action"]) == (patient, "D")
    assert (kept in json.dumps(found["objects"]), "mimeType" in json.dumps(found["objects"])) == (True, True)
    assert OnDemandDocuments(actors.reader).sources(kept) == []


def test_documents_without_text_and_of_other_repositories_are_named(bench: Bench) -> None:
    own = bench.services.actors.own.repository_unique_id
    patient = f"CARL^^^&{policy_bench.AUTHORITY}&ISO"
    bench.order("patient add", patient=patient)
    numbers = [next(bench.numbers) for _ in range(3)]
    common = {"patient": patient, "confidentiality_codes": (code("N", CONFIDENTIALITY),)}
    info = ("PID-5|Doe&van^Carl", "PID-7|19700131101500", "PID-8|M")
    here = [
        entry(uuid(n), unique_id=f"2.999.4.7.{n}", mime_type=mime, repository_unique_id=(own,), hash=(), size=(), source_patient_info=info, **common)
        for n, mime in zip(numbers, ("application/pdf", "text/plain"), strict=False)
    ]  # fmt: skip
    bench.submit(here[0], b"%PDF-1.4")
    bench.submit(here[1], b"\xff")
    bench.submit(entry(uuid(numbers[2]), unique_id=f"2.999.4.7.{numbers[2]}", repository_unique_id=("2.999.3.9",), **common), None)  # fmt: skip
    bench.loop.run_until_complete(bench.services.actors.summaries.settle(bench.services.actors))
    content = fetched(bench, summary_id(bench, patient)).content.decode()
    assert content.count("<externalDocument>") == 3
    for remark in ("not text; see the document", "nothing of it is excerpted; see the document", "held by another repository; not read"):  # fmt: skip
        assert f"<td>{remark}</td>" in content
    assert "<given>Carl</given><family>Doe</family>" in content
    assert '<birthTime value="19700131"/>' in content


def test_who_was_missed_is_found_after_a_start_and_who_is_new_at_once(bench: Bench) -> None:
    actors = bench.services.actors
    dora, emil = (f"{name}^^^&{policy_bench.AUTHORITY}&ISO" for name in ("DORA", "EMIL"))
    bench.order("patient add", patient=dora)
    bench.order("patient add", patient=emil)

    def document(patient: str):
        number = next(bench.numbers)
        return entry(uuid(number), patient=patient, unique_id=f"2.999.4.6.{number}", hash=(), size=())

    async def has(patient: str) -> None:
        while not OnDemandDocuments(actors.reader).any(patient):
            await asyncio.sleep(0)

    bench.submit(document(dora), b"a note")
    actors.summaries._due.clear()  # the node stopped before it did anything about it
    running = bench.loop.create_task(actors.summaries.run(actors))
    try:
        bench.loop.run_until_complete(asyncio.wait_for(has(dora), 20))
        bench.submit(document(emil), b"another")
        bench.loop.run_until_complete(asyncio.wait_for(has(emil), 20))
    finally:
        running.cancel()


def test_another_entry_under_its_id_changes_nothing(bench: Bench) -> None:
    """An application registers an on-demand entry of somebody else with the uniqueId of a summary."""
    id_ = summary_id(bench)
    before = fetched(bench, id_)
    number, own = next(bench.numbers), bench.services.actors.own.repository_unique_id
    other = on_demand(uuid(number), patient=BEN, unique_id=id_, repository_unique_id=(own,))
    own_set = submission_set(uuid(next(bench.numbers)), patient=BEN, unique_id=f"2.999.5.{number}")
    bench.write(
        lambda connection: bench.services.actors.registry_on(connection).register(
            submission(other, set_=own_set), (), transaction="ITI-61", now="20260101000000", new_uuid=lambda: ""
        )
    )
    assert (fetched(bench, id_).new, fetched(bench, id_).content) == (before.new, before.content)
    bench.consents([consent(deny(), patient=BEN)])
    assert fetched(bench, id_, peer()).errors == ["XDSDocumentUniqueIdError"], (
        "every entry must be one that may be seen"
    )


def test_a_node_that_does_not_offer_them_makes_none(bench: Bench) -> None:
    bench.services.actors.summaries.offered = False
    try:
        assert fetched(bench, summary_id(bench)).errors == ["XDSDocumentUniqueIdError"]
    finally:
        bench.services.actors.summaries.offered = True
