"""Pitfalls 34 to 42 of xds-wire 10: associations and folders (ITI TF-3: 4.2.2; ITI TF-2: 3.42.4.1.3)."""

from __future__ import annotations

import pytest

from tests.end_to_end.wire import (
    APPROVED,
    DEPRECATED,
    FAILURE,
    NS,
    SUCCESS,
    Answer,
    oid,
    remove_metadata,
    slot,
    submission,
    urn,
)
from tests.pitfalls.registry import (
    APND,
    HAS_MEMBER,
    QUERIES,
    RPLC,
    SIGNS,
    XFRM,
    XFRM_RPLC,
    Registry,
    association,
    associations,
    documentation,
    entry,
    filed,
    folder,
    listed,
    new_patient,
    packages,
    patient,
    quoted,
    slot_of,
)

SCOPE = "urn:oasis:names:tc:ebxml-regrep:DeletionScopeType:"
LONG_AGO = "20200101000000"


def statuses(registry: Registry, own: str) -> dict[str, str]:
    return {one.get("id"): one.get("status") for one in registry.everything(own).entries()}


def related(own: str, type_: str, source: str, target: str, *, unique_id: str = "", inner: str = "") -> str:
    """A submission of one document in a relationship to another."""
    document = entry(source, **({"unique_id": unique_id} if unique_id else {}))
    return submission(own, [document], association(type_, source, target, inner))


def shelved(registry: Registry, own: str) -> tuple[str, str]:
    """(folder, document) of a first submission."""
    shelf, document = urn(), urn()
    made = submission(own, [entry(document)], filed(shelf, document), folder(shelf, own))
    assert registry.register(made).status == SUCCESS
    return shelf, document


def contents(registry: Registry, shelf: str) -> tuple[str, set[str], Answer]:
    """(lastUpdateTime, entryUUIDs) of a folder."""
    answer = registry.ask("GetFolderAndContents", XDSFolderEntryUUID=quoted(shelf))
    (found,) = packages(answer)
    (time,) = slot_of(found, "lastUpdateTime")
    return time, {one.get("id") for one in answer.entries()}, answer


@pytest.mark.parametrize("type_", [pytest.param(one, id=f"P34-{one.rpartition(':')[2]}-needs-no-member") for one in (RPLC, XFRM, APND, XFRM_RPLC, SIGNS)])  # fmt: skip
def test_a_relationship_is_no_member_of_the_submission_set(registry: Registry, type_: str) -> None:
    own, first, second = new_patient(), urn(), urn()
    assert registry.register(submission(own, [entry(first)])).status == SUCCESS
    assert registry.register(related(own, type_, second, first)).status == SUCCESS
    (link,) = associations(registry.everything(own), type_)
    assert (link.get("sourceObject"), link.get("targetObject"), link.get("status")) == (second, first, APPROVED)
    recorded = registry.ask("GetAssociations", uuid=listed(link.get("id")))
    assert associations(recorded) == []


@pytest.mark.parametrize("case", [pytest.param(None, id="P35-a-folder-link-alone")])
def test_a_link_between_what_is_registered_takes_no_reference(registry: Registry, case: None) -> None:
    own, document, shelf = new_patient(), urn(), urn()
    assert registry.register(submission(own, [entry(document)], packages=folder(shelf, own))).status == SUCCESS
    assert registry.register(submission(own, [], filed(shelf, document))).status == SUCCESS
    assert contents(registry, shelf)[1] == {document}


@pytest.mark.parametrize("name", ["P36-last-update-time-given"])
def test_the_registry_says_when_a_folder_was_updated(registry: Registry, name: str) -> None:
    assert registry.recorded(name).status == SUCCESS
    (shelf,) = [one for one in packages(registry.everything(patient(36))) if slot_of(one, "lastUpdateTime")]
    assert slot_of(shelf, "lastUpdateTime")[0] > LONG_AGO


@pytest.mark.parametrize("case", [pytest.param(None, id="P36-a-registered-folder-that-gains-a-document")])
def test_a_registered_folder_that_gains_a_document_is_updated(registry: Registry, case: None) -> None:
    own, shelf, second = new_patient(), urn(), urn()
    empty = folder(shelf, own).replace("<rim:Name>", slot("lastUpdateTime", LONG_AGO) + "<rim:Name>", 1)
    assert registry.register(submission(own, [entry()], packages=empty)).status == SUCCESS
    assert contents(registry, shelf)[:2] == (LONG_AGO, set())
    assert registry.register(submission(own, [entry(second)], filed(shelf, second))).status == SUCCESS
    time, documents, _ = contents(registry, shelf)
    assert time > LONG_AGO
    assert documents == {second}


@pytest.mark.parametrize("made_by", [pytest.param(one, id=f"P37-{one.rpartition(':')[2]}-goes-with-it") for one in (XFRM, APND)])  # fmt: skip
@pytest.mark.parametrize("type_", [RPLC, XFRM_RPLC])
def test_a_replacement_takes_its_place(registry: Registry, type_: str, made_by: str) -> None:
    own = new_patient()
    shelf, document = shelved(registry, own)
    child, new = urn(), urn()
    assert registry.register(related(own, made_by, child, document)).status == SUCCESS
    assert registry.register(related(own, type_, new, document)).status == SUCCESS
    assert statuses(registry, own) == {document: DEPRECATED, child: DEPRECATED, new: APPROVED}
    _, documents, answer = contents(registry, shelf)
    assert documents == {document, new}
    (link,) = [one for one in associations(answer) if one.get("targetObject") == new]
    (recorded,) = associations(registry.ask("GetAssociations", uuid=listed(link.get("id"))))
    sets = registry.ask("GetSubmissionSets", uuid=listed(new))
    assert recorded.get("sourceObject") in {one.get("id") for one in packages(sets)}
    assert recorded.get("associationType") == HAS_MEMBER


@pytest.mark.parametrize("case", [pytest.param(None, id="P38-only-the-entry-that-is-named")])
def test_only_the_entry_that_is_named_is_deprecated(registry: Registry, case: None) -> None:
    own, unique_id, first, second, new = new_patient(), oid(), urn(), urn(), urn()
    for one in (first, second):
        assert registry.register(submission(own, [entry(one, unique_id=unique_id)])).status == SUCCESS
    assert registry.register(related(own, RPLC, new, first)).status == SUCCESS
    assert statuses(registry, own) == {first: DEPRECATED, second: APPROVED, new: APPROVED}


DEPRECATED_TARGETS = {"RPLC": RPLC, "XFRM": XFRM, "APND": APND, "XFRM_RPLC": XFRM_RPLC, "signs": SIGNS}


@pytest.mark.parametrize("kind", [pytest.param(one, id=f"P39-{one}-of-a-deprecated-document") for one in (*DEPRECATED_TARGETS, "in-a-folder", "reference")])  # fmt: skip
def test_nothing_new_leads_to_a_deprecated_document(registry: Registry, kind: str) -> None:
    own, old, new, late = new_patient(), urn(), urn(), urn()
    assert registry.register(submission(own, [entry(old)])).status == SUCCESS
    assert registry.register(related(own, RPLC, new, old)).status == SUCCESS
    if kind in DEPRECATED_TARGETS:
        body = related(own, DEPRECATED_TARGETS[kind], late, old)
    elif kind == "reference":
        body = submission(own, [entry(late)], association(HAS_MEMBER, "SubmissionSet01", old, slot("SubmissionSetStatus", "Reference")))  # fmt: skip
    else:
        body = submission(own, [entry(late)], filed("F", old), folder("F", own))
    answer = registry.register(body)
    assert (answer.status, answer.codes) == (FAILURE, ["XDSRegistryDeprecatedDocumentError"])
    assert late not in statuses(registry, own)


@pytest.mark.parametrize("case", [pytest.param(None, id="P40-all-or-nothing")])
def test_a_submission_is_stored_whole_or_not_at_all(registry: Registry, case: None) -> None:
    own, shelf, good, registered = new_patient(), urn(), urn(), urn()
    assert registry.register(submission(own, [entry(registered)])).status == SUCCESS
    bad = entry(urn(), class_code="")
    relation = association(RPLC, good, registered)
    refused = registry.register(submission(own, [entry(good), bad], filed(shelf, good) + relation, folder(shelf, own)))
    assert refused.codes == ["XDSRegistryMetadataError"]
    everything = registry.everything(own)
    assert statuses(registry, own) == {registered: APPROVED}
    assert (len(packages(everything)), len(associations(everything))) == (1, 1)


@pytest.mark.parametrize("case", [pytest.param(None, id="P41-reference-to-a-document-of-somebody-else")])
def test_a_reference_may_be_to_a_document_of_somebody_else(registry: Registry, case: None) -> None:
    mother, child, document = new_patient(), new_patient(), urn()
    assert registry.register(submission(mother, [entry(document)])).status == SUCCESS
    reference = association(HAS_MEMBER, "SubmissionSet01", document, slot("SubmissionSetStatus", "Reference"))
    assert registry.register(submission(child, [entry()], reference)).status == SUCCESS
    sets = registry.ask("GetSubmissionSets", returns="ObjectRef", uuid=listed(document))
    assert len(sets.body.findall(".//rim:ObjectRef", NS)) == 4


@pytest.mark.parametrize("type_", [pytest.param(one, id=f"P42-documentation-on-{one.rpartition(':')[2]}") for one in (RPLC, XFRM, APND, XFRM_RPLC)])  # fmt: skip
def test_a_relationship_may_be_documented(registry: Registry, type_: str) -> None:
    own, first, second, link = new_patient(), urn(), urn(), urn()
    assert registry.register(submission(own, [entry(first)])).status == SUCCESS
    relation = association(type_, second, first, documentation(link), link)
    assert registry.register(submission(own, [entry(second)], relation)).status == SUCCESS
    (found,) = associations(registry.ask("GetAssociations", uuid=listed(first)), type_)
    (classified,) = found.findall("rim:Classification", NS)
    assert (classified.get("classifiedObject"), classified.get("nodeRepresentation")) == (link, "LDIP")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<lcm:RemoveObjectsRequest ", f'<lcm:RemoveObjectsRequest deletionScope="{SCOPE}DeleteRepositoryItemOnly" '), "deletionScope"),
        (("<rim:ObjectRefList>", f'<rim:AdhocQuery id="{QUERIES["FindDocuments"]}"/><rim:ObjectRefList>'), "a query"),
    ],
    ids=["another scope", "a query beside it"],
)  # fmt: skip
def test_nothing_is_removed_that_was_asked_for_otherwise(
    registry: Registry, change: tuple[str, str], words: str
) -> None:
    """ebRS 3.0 has more ways to remove than ITI-62 does; whoever uses one must not lose more than they meant."""
    own = new_patient()
    assert registry.register(submission(own, [entry()])).status == SUCCESS
    ids = [item.get("id") for item in registry.everything(own).body.find("rim:RegistryObjectList", NS)]
    body = remove_metadata(*ids)
    refused = registry.client.send("iti-62", body.replace(*change))
    assert (refused.status, refused.codes) == (FAILURE, ["XDSRegistryError"])
    assert words in refused.errors[0][2]
    assert len(registry.everything(own).body.find("rim:RegistryObjectList", NS)) == 3
    whole = body.replace("<lcm:RemoveObjectsRequest ", f'<lcm:RemoveObjectsRequest deletionScope="{SCOPE}DeleteAll" ')
    assert registry.client.send("iti-62", whole).status == SUCCESS
    assert len(registry.everything(own).body.find("rim:RegistryObjectList", NS)) == 0
