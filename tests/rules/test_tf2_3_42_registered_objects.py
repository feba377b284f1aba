"""ITI TF-2: 3.42.4.1.3 and ITI TF-3: 4.2.2: what the objects that are already registered say about a submission.

Every refusal is checked to have changed nothing.
"""

from __future__ import annotations

import pytest

from registry.errors import RegistryError, XdsErrors
from registry.metadata.objects import (
    APND,
    APPROVED,
    DEPRECATED,
    IS_SNAPSHOT_OF,
    ORIGINAL,
    RPLC,
    SIGNS,
    XFRM,
    XFRM_RPLC,
)
from tests.registry.registry_bench import (
    BOTH_STATUSES,
    BOTH_TYPES,
    FOREIGN,
    LATER,
    NOW,
    P1,
    P2,
    Bench,
    code,
    entry,
    filed,
    folder,
    kinds,
    member,
    on_demand,
    relation,
    submission,
    submission_set,
    uuid,
)

OTHER_HASH = "0" * 40
OLD, NEW, CHILD, GRANDCHILD = uuid(1), uuid(2), uuid(3), uuid(4)
SET_A, SET_B, SET_C, SET_D = uuid(11), uuid(12), uuid(13), uuid(14)
FOLDER_A, FOLDER_B = uuid(21), uuid(22)


def _set(id_: str, patient: str = P1):
    return submission_set(id_, patient=patient, unique_id=f"2.999.4.2.{int(id_[-2:], 16)}")


def _entry(id_: str, patient: str = P1, **given: object):
    return entry(id_, patient=patient, **({"unique_id": f"2.999.4.1.{int(id_[-2:], 16)}"} | given))


def _folder(id_: str, patient: str = P1, **given: object):
    return folder(id_, patient=patient, unique_id=f"2.999.4.3.{int(id_[-2:], 16)}", **given)


def _relating(type_: str, source: str = NEW, target: str = OLD, set_: str = SET_B, patient: str = P1, **given: object):
    """A submission with one new document that is related to another."""
    return submission(
        _entry(source, patient, **given), set_=_set(set_, patient), also=[relation(type_, source, target)]
    )


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "node.db")
    yield made
    made.close()


@pytest.fixture
def holding(bench: Bench) -> Bench:
    """A registry that holds one document of P1."""
    bench.register(submission(_entry(OLD), set_=_set(SET_A)))
    return bench


# --- identifiers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["SubmissionSet", "Folder", "DocumentEntry"])
@pytest.mark.parametrize("again", ["SubmissionSet", "Folder"])
def test_v45_v46_a_unique_id_of_a_set_or_folder_is_used_once(bench: Bench, owner, again):
    unique_id = "2.999.4.9"
    bench.register(
        submission(
            entry(OLD, unique_id=unique_id if owner == "DocumentEntry" else "2.999.4.1"),
            folders=[folder(FOLDER_A, unique_id=unique_id if owner == "Folder" else "2.999.4.3")],
            set_=submission_set(SET_A, unique_id=unique_id if owner == "SubmissionSet" else "2.999.4.2"),
        )
    )
    second = submission(
        _entry(NEW),
        folders=[folder(FOLDER_B, unique_id=unique_id if again == "Folder" else "2.999.5.3")],
        set_=submission_set(SET_B, unique_id=unique_id if again == "SubmissionSet" else "2.999.5.2"),
    )
    location = FOLDER_B if again == "Folder" else SET_B
    assert bench.refusal(second) == [("XDSDuplicateUniqueIdInRegistry", location)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"size": ("10",)}, ["XDSNonIdenticalSize"], id="V47 another size"),
        pytest.param({"hash": (OTHER_HASH,)}, ["XDSNonIdenticalHash"], id="V48 another hash"),
        pytest.param(
            {"size": ("10",), "hash": (OTHER_HASH,)}, ["XDSNonIdenticalSize", "XDSNonIdenticalHash"], id="both"
        ),
    ],
)
def test_a_unique_id_names_certain_bytes(holding: Bench, given, expected):
    again = submission(_entry(NEW, unique_id="2.999.4.1.1", **given), set_=_set(SET_B))
    assert holding.refusal(again) == [(error, NEW) for error in expected]


def test_v49_the_same_bytes_make_a_second_entry(holding: Bench):
    hash_upper = entry().hash[0].upper()
    holding.register(submission(_entry(NEW, unique_id="2.999.4.1.1", hash=(hash_upper,)), set_=_set(SET_B)))
    assert holding.find_documents() == [OLD, NEW]
    assert [item.entry_uuid for item in holding.registry.documents(["2.999.4.1.1"])["2.999.4.1.1"]] == [OLD, NEW]


def test_v50_an_on_demand_entry_does_not_take_the_unique_id_of_a_stable_one(holding: Bench):
    again = submission(on_demand(NEW, unique_id="2.999.4.1.1"), set_=_set(SET_B))
    assert holding.refusal(again, transaction="ITI-61") == [("XDSRegistryMetadataError", NEW)]


def test_v50_an_on_demand_entry_may_come_again(bench: Bench):
    bench.register(submission(on_demand(OLD), set_=_set(SET_A)), transaction="ITI-61")
    bench.register(submission(on_demand(NEW), set_=_set(SET_B)), transaction="ITI-61")
    assert bench.find_documents(XDSDocumentEntryType=BOTH_TYPES) == [OLD, NEW]


def test_v50_a_stable_entry_does_not_take_the_unique_id_of_an_on_demand_one(bench: Bench):
    bench.register(submission(on_demand(OLD), set_=_set(SET_A)), transaction="ITI-61")
    assert bench.refusal(submission(entry(NEW), set_=_set(SET_B))) == [("XDSRegistryMetadataError", NEW)]


@pytest.mark.parametrize(
    ("again", "location"),
    [
        pytest.param(submission(_entry(OLD, unique_id="2.999.4.8"), set_=_set(SET_B)), OLD, id="a document's"),
        pytest.param(
            submission(_entry(NEW), set_=submission_set(SET_A, unique_id="2.999.4.8")), SET_A, id="a submission set's"
        ),
        pytest.param(submission(_entry(NEW), set_=_set(OLD)), OLD, id="a document's for a submission set"),
        pytest.param(submission(_entry(OLD.upper().replace("URN:UUID", "urn:uuid"), unique_id="2.999.4.8"), set_=_set(SET_B)), OLD.upper().replace("URN:UUID", "urn:uuid"), id="in capitals"),
    ],
)  # fmt: skip
def test_v51_an_entry_uuid_is_given_out_once(holding: Bench, again, location):
    assert ("XDSRegistryMetadataError", location) in holding.refusal(again)


def test_symbolic_ids_become_uuids_that_hold_together(bench: Bench):
    registered = bench.register(submission(entry(), folders=[folder()], also=filed("Folder01", "Document01")))
    ids = registered.entry_uuids
    assert all(value.startswith("urn:uuid:") for value in ids.values())
    found = bench.find("GetFolderAndContents", XDSFolderEntryUUID=ids["Folder01"])
    (link,) = (item for item in found.objects if item.kind == "association")
    assert (link.source, link.target) == (ids["Folder01"], ids["Document01"])
    assert ids["Document01"].encode() in link.leaf()
    assert (registered.patient_id, registered.submission_set_unique_id) == (P1, "2.999.4.2.1")
    assert [item.entry_uuid for item in registered.documents] == [ids["Document01"]]


def test_submitted_uuids_are_kept(holding: Bench):
    assert holding.find_documents() == [OLD]


# --- patients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("patient", [FOREIGN, "P9^^^&2.999.1.1&ISO"], ids=["of another authority", "never heard of"])
def test_v52_an_unknown_patient(bench: Bench, patient):
    refused = bench.refusal(submission(entry(patient=patient), set_=submission_set(patient=patient)))
    assert [error for error, _ in refused] == ["XDSUnknownPatientId"]


def test_v52_the_error_names_the_patient(bench: Bench):
    with pytest.raises(XdsErrors) as refused:
        bench.register(submission(entry(patient=FOREIGN), set_=submission_set(patient=FOREIGN)))
    assert FOREIGN in refused.value.errors[0].context


def test_v52_a_subsumed_patient_is_unknown(bench: Bench):
    bench.patients.merge(P1, P2, NOW)
    refused = bench.refusal(submission(entry(patient=P2), set_=submission_set(patient=P2)))
    assert [error for error, _ in refused] == ["XDSUnknownPatientId"]
    bench.patients.unmerge(P2)
    bench.register(submission(entry(patient=P2), set_=submission_set(patient=P2)))


def test_in_development_a_patient_becomes_known_with_its_first_submission(tmp_path):
    bench = Bench(tmp_path / "dev.db", known_patients_required=False)
    new = "P9^^^&2.999.1.1&ISO"
    bench.register(submission(entry(patient=new), set_=submission_set(patient=new)))
    assert bench.patients.known(new)
    bench.patients.merge(P1, P2, NOW)
    for patient in (FOREIGN, P2):
        again = submission(_entry(NEW, patient), set_=_set(SET_B, patient))
        assert [error for error, _ in bench.refusal(again)] == ["XDSUnknownPatientId"]
    bench.close()


# --- what a HasMember may join --------------------------------------------------------------------------------------


@pytest.fixture
def shelved(bench: Bench) -> Bench:
    """A document in a folder of P1, and a document and a folder of P2."""
    bench.register(
        submission(
            _entry(OLD), folders=[_folder(FOLDER_A)], set_=_set(SET_A), also=filed(FOLDER_A, OLD, SET_A, uuid(31))
        )
    )
    bench.register(submission(_entry(CHILD, P2), folders=[_folder(FOLDER_B, P2)], set_=_set(SET_B, P2)))
    return bench


def test_v11_v57_a_set_takes_up_a_registered_document(shelved: Bench):
    shelved.register(submission(_entry(NEW), set_=_set(SET_C), references=[OLD]))
    found = shelved.find("GetSubmissionSetAndContents", XDSSubmissionSetEntryUUID=SET_C)
    assert kinds(found)["document"] == [OLD, NEW]


def test_41_a_reference_may_lead_to_another_patient(shelved: Bench):
    """Mother and child: ITI TF-3: 4.2.2.1.1."""
    shelved.register(submission(_entry(NEW), set_=_set(SET_C), references=[CHILD]))
    assert shelved.find_documents(P1) == [OLD, NEW]
    refs = shelved.find("GetSubmissionSetAndContents", XDSSubmissionSetEntryUUID=SET_C, returns="ObjectRef")
    assert kinds(refs)["document"] == [NEW, CHILD]
    with pytest.raises(XdsErrors, match="XDSResultNotSinglePatient"):
        shelved.find("GetSubmissionSetAndContents", XDSSubmissionSetEntryUUID=SET_C)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(uuid(99), "UnresolvedReferenceException", id="V11 nothing"),
        pytest.param(FOLDER_A, "XDSRegistryMetadataError", id="a registered folder"),
        pytest.param(SET_A, "XDSRegistryMetadataError", id="V14 a registered submission set"),
        pytest.param(uuid(31), "XDSRegistryMetadataError", id="a registered association"),
    ],
)
def test_what_a_set_cannot_take_up(shelved: Bench, target, expected):
    refused = shelved.refusal(submission(_entry(NEW), set_=_set(SET_C), references=[target]))
    assert [error for error, _ in refused] == [expected]


def test_v57_a_deprecated_document_is_not_taken_up(shelved: Bench):
    with shelved.transaction():
        shelved.registry.deprecate("2.999.4.1.1")
    refused = shelved.refusal(submission(_entry(NEW), set_=_set(SET_C), references=[OLD]))
    assert [error for error, _ in refused] == ["XDSRegistryDeprecatedDocumentError"]


@pytest.mark.parametrize("status", [None, ORIGINAL], ids=["no SubmissionSetStatus", "V11 Original"])
def test_v10_only_a_reference_takes_up_what_is_registered(shelved: Bench, status):
    refused = shelved.refusal(submission(_entry(NEW), set_=_set(SET_C), also=[member(SET_C, OLD, status, uuid(33))]))
    assert refused == [("XDSRegistryMetadataError", uuid(33))]


@pytest.mark.parametrize(
    ("folder_id", "document"),
    [
        pytest.param(FOLDER_B, NEW, id="a new folder and a new document"),
        pytest.param(FOLDER_A, OLD, id="both registered"),
        pytest.param(FOLDER_B, OLD, id="a new folder and a registered document"),
        pytest.param(FOLDER_A, NEW, id="a registered folder and a new document"),
    ],
)
def test_four_ways_into_a_folder(bench: Bench, folder_id, document):
    bench.register(submission(_entry(OLD), folders=[_folder(FOLDER_A)], set_=_set(SET_A)))
    documents = [_entry(NEW)] if document == NEW else []
    folders = [_folder(FOLDER_B)] if folder_id == FOLDER_B else []
    bench.register(
        submission(*documents, folders=folders, set_=_set(SET_B), also=filed(folder_id, document, SET_B, uuid(32))),
        now=LATER,
    )
    found = bench.find("GetFolderAndContents", XDSFolderEntryUUID=folder_id)
    assert kinds(found) == {"folder": [folder_id], "document": [document], "association": [uuid(32)]}
    (shown,) = (item for item in found.objects if item.kind == "folder")
    assert shown.last_update_time == LATER
    assert LATER.encode() in shown.leaf()


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        pytest.param((FOLDER_A, CHILD), ["XDSPatientIdDoesNotMatch"], id="V54 a registered document of another"),
        pytest.param((FOLDER_B, NEW), ["XDSPatientIdDoesNotMatch"], id="V54 a registered folder of another"),
        pytest.param((FOLDER_B, OLD), ["XDSPatientIdDoesNotMatch"], id="V54 both registered"),
        pytest.param((uuid(98), NEW), ["UnresolvedReferenceException"], id="V55 no such folder"),
        pytest.param((FOLDER_A, uuid(98)), ["UnresolvedReferenceException"], id="V55 no such document"),
        pytest.param((uuid(97), uuid(98)), ["UnresolvedReferenceException"] * 2, id="V55 neither"),
        pytest.param((OLD, NEW), ["XDSRegistryMetadataError"], id="V67 a document as folder"),
        pytest.param((SET_A, NEW), ["XDSRegistryMetadataError"], id="V14 a registered submission set as source"),
        pytest.param((FOLDER_A, FOLDER_B), ["XDSRegistryMetadataError"], id="folders do not nest"),
    ],
)
def test_what_does_not_go_into_a_folder(shelved: Bench, link, expected):
    refused = shelved.refusal(submission(_entry(NEW), set_=_set(SET_C), also=filed(*link, SET_C, uuid(33))))
    assert refused == [(error, uuid(33)) for error in expected]


def test_v56_a_deprecated_document_does_not_go_into_a_folder(shelved: Bench):
    with shelved.transaction():
        shelved.registry.deprecate("2.999.4.1.1")
    refused = shelved.refusal(submission(set_=_set(SET_C), also=filed(FOLDER_A, OLD, SET_C, uuid(33))))
    assert refused == [("XDSRegistryDeprecatedDocumentError", uuid(33))]


def test_v56_nothing_goes_into_a_folder_that_is_not_approved(shelved: Bench):
    shelved.connection.execute("UPDATE folder SET deprecated = 1")
    refused = shelved.refusal(submission(_entry(NEW), set_=_set(SET_C), also=filed(FOLDER_A, NEW, SET_C, uuid(33))))
    assert refused == [("XDSRegistryMetadataError", uuid(33))]


def test_v54_folder_and_document_of_merged_patients_go_together(shelved: Bench):
    shelved.patients.merge(P1, P2, NOW)
    shelved.register(submission(set_=_set(SET_C), also=filed(FOLDER_A, CHILD, SET_C, uuid(33))))
    found = shelved.find("GetFolderAndContents", XDSFolderEntryUUID=FOLDER_A)
    assert kinds(found)["document"] == [OLD, CHILD]
    assert {item.patient_id for item in found.objects} == {P1}


# --- lastUpdateTime -------------------------------------------------------------------------------------------------


def _update_time(bench: Bench, folder_id: str) -> str:
    (found,) = bench.find("GetFolders", XDSFolderEntryUUID=(folder_id,)).objects
    return found.last_update_time


def test_36_a_folder_that_gains_a_document_is_updated(shelved: Bench):
    assert _update_time(shelved, FOLDER_A) == NOW
    shelved.register(submission(_entry(NEW), set_=_set(SET_C), also=filed(FOLDER_A, NEW, SET_C, uuid(33))), now=LATER)
    assert (_update_time(shelved, FOLDER_A), _update_time(shelved, FOLDER_B)) == (LATER, NOW)


@pytest.mark.parametrize(
    ("given", "with_document", "expected"),
    [
        pytest.param((), False, NOW, id="none given"),
        pytest.param(("20200101000000",), False, "20200101000000", id="given, and empty"),
        pytest.param(("20200101000000",), True, NOW, id="given, and it gains a document"),
    ],
)
def test_last_update_time_of_a_new_folder(bench: Bench, given, with_document, expected):
    also = filed(FOLDER_A, OLD, SET_A, uuid(31)) if with_document else ()
    bench.register(
        submission(_entry(OLD), folders=[_folder(FOLDER_A, last_update_time=given)], set_=_set(SET_A), also=also)
    )
    assert _update_time(bench, FOLDER_A) == expected


# --- what a relationship may join -----------------------------------------------------------------------------------

ALL_RELATIONSHIPS = [RPLC, XFRM, APND, XFRM_RPLC, SIGNS, IS_SNAPSHOT_OF]
_names = [type_.rpartition(":")[2] for type_ in ALL_RELATIONSHIPS]


@pytest.mark.parametrize("type_", ALL_RELATIONSHIPS, ids=_names)
@pytest.mark.parametrize("target", [uuid(99), SET_A], ids=["V59 V60 nothing", "V67 a submission set"])
def test_a_relationship_leads_to_a_registered_document(holding: Bench, type_, target):
    refused = holding.refusal(_relating(type_, target=target))
    assert [error for error, _ in refused] == ["UnresolvedReferenceException"]


@pytest.mark.parametrize("type_", [RPLC, XFRM, APND, XFRM_RPLC, SIGNS], ids=_names[:-1])
def test_v61_a_relationship_does_not_lead_to_a_deprecated_document(holding: Bench, type_):
    with holding.transaction():
        holding.registry.deprecate("2.999.4.1.1")
    refused = holding.refusal(_relating(type_))
    assert [error for error, _ in refused] == ["XDSRegistryDeprecatedDocumentError"]


@pytest.mark.parametrize("type_", [RPLC, XFRM, APND, XFRM_RPLC, SIGNS], ids=_names[:-1])
def test_v62_related_documents_are_of_one_patient(holding: Bench, type_):
    refused = holding.refusal(_relating(type_, patient=P2))
    assert [error for error, _ in refused] == ["XDSPatientIdDoesNotMatch"]
    holding.patients.merge(P2, P1, NOW)
    holding.register(_relating(type_, patient=P2))
    assert holding.find_documents(P2) == [OLD, NEW]


def test_v63_a_replacement_is_of_the_patient_of_every_folder(shelved: Bench):
    shelved.patients.merge(P1, P2, NOW)
    shelved.register(submission(set_=_set(SET_C), also=filed(FOLDER_B, OLD, SET_C, uuid(33))))
    shelved.patients.unmerge(P2)  # now the document of P1 lies in a folder of P2
    refused = shelved.refusal(_relating(RPLC, set_=SET_D))
    assert [error for error, _ in refused] == ["XDSPatientIdDoesNotMatch"]


def test_v64_a_snapshot_is_of_an_on_demand_document(holding: Bench):
    assert [error for error, _ in holding.refusal(_relating(IS_SNAPSHOT_OF))] == ["XDSRegistryMetadataError"]
    holding.register(submission(on_demand(CHILD, unique_id="2.999.4.1.3"), set_=_set(SET_C)), transaction="ITI-61")
    holding.register(_relating(IS_SNAPSHOT_OF, target=CHILD))
    assert set(holding.statuses().values()) == {APPROVED}


def test_v65_nothing_is_appended_to_a_transformation(holding: Bench):
    holding.register(_relating(XFRM, CHILD, set_=SET_C))
    refused = holding.refusal(_relating(APND, target=CHILD))
    assert [error for error, _ in refused] == ["XDSRegistryMetadataError"]
    holding.register(_relating(RPLC, target=CHILD))  # but it may be replaced


@pytest.mark.parametrize("type_", [XFRM, APND], ids=["XFRM", "APND"])
def test_a_document_is_not_replaced_and_built_upon_at_once(holding: Bench, type_):
    also = [relation(RPLC, NEW, OLD), relation(type_, CHILD, OLD, uuid(33))]
    refused = holding.refusal(submission(_entry(NEW), _entry(CHILD), set_=_set(SET_B), also=also))
    assert refused == [("XDSRegistryMetadataError", uuid(33))]
    holding.register(_relating(APND, CHILD, OLD, SET_C))
    also = [relation(RPLC, NEW, OLD), relation(type_, GRANDCHILD, CHILD, uuid(34))]
    refused = holding.refusal(submission(_entry(NEW), _entry(GRANDCHILD), set_=_set(SET_B), also=also))
    assert refused == [("XDSRegistryMetadataError", uuid(34))]


def test_several_faults_are_told_at_once(shelved: Bench):
    with shelved.transaction():
        shelved.registry.deprecate("2.999.4.1.1")
    refused = shelved.refusal(
        submission(
            _entry(NEW, unique_id="2.999.4.1.3", size=("7",)),
            folders=[folder(uuid(23), unique_id="2.999.4.3.33")],
            set_=submission_set(SET_C, unique_id="2.999.4.2.11"),
            references=[uuid(99)],
            also=[relation(RPLC, NEW, OLD), *filed(FOLDER_B, NEW, SET_C, uuid(33))],
        )
    )
    assert {error for error, _ in refused} == {
        "XDSDuplicateUniqueIdInRegistry",
        "XDSNonIdenticalSize",
        "UnresolvedReferenceException",
        "XDSRegistryDeprecatedDocumentError",
        "XDSPatientIdDoesNotMatch",
    }


def test_structural_faults_are_told_with_the_others(bench: Bench):
    fault = RegistryError("XDSRegistryMetadataError", "found while reading", "x")
    with pytest.raises(XdsErrors) as refused, bench.transaction():
        bench.registry.register(
            submission(entry(patient=FOREIGN), set_=submission_set(patient=FOREIGN)),
            [fault],
            transaction="ITI-42",
            now=NOW,
            new_uuid=bench.new_uuid,
        )
    assert [error.code for error in refused.value.errors] == ["XDSRegistryMetadataError", "XDSUnknownPatientId"]


# --- effects --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", [XFRM, APND, SIGNS], ids=["XFRM", "APND", "signs"])
def test_what_changes_nothing(holding: Bench, type_):
    holding.register(_relating(type_))
    assert holding.statuses() == {OLD: APPROVED, NEW: APPROVED}


@pytest.mark.parametrize("type_", [RPLC, XFRM_RPLC], ids=["RPLC", "XFRM_RPLC"])
def test_replacing_deprecates(holding: Bench, type_):
    holding.register(_relating(type_))
    assert holding.statuses() == {OLD: DEPRECATED, NEW: APPROVED}
    (old,) = holding.find("GetDocuments", XDSDocumentEntryEntryUUID=(OLD,)).objects
    assert old.status == DEPRECATED
    assert DEPRECATED.encode() in old.leaf()


def test_38_replacing_deprecates_only_the_entry_that_is_named(holding: Bench):
    holding.register(submission(_entry(CHILD, unique_id="2.999.4.1.1"), set_=_set(SET_C)))
    holding.register(_relating(RPLC))
    assert holding.statuses() == {OLD: DEPRECATED, CHILD: APPROVED, NEW: APPROVED}


@pytest.mark.parametrize("first", [XFRM, APND], ids=["XFRM", "APND"])
@pytest.mark.parametrize("second", [XFRM, SIGNS, RPLC], ids=["then XFRM", "then signs", "then RPLC"])
def test_37_replacing_deprecates_what_was_made_from_it(holding: Bench, first, second):
    holding.register(_relating(first, CHILD, OLD, SET_C))
    holding.register(_relating(second, GRANDCHILD, CHILD, SET_D))
    holding.register(_relating(RPLC))
    assert holding.statuses() == {
        OLD: DEPRECATED,
        CHILD: DEPRECATED,
        GRANDCHILD: DEPRECATED if second == XFRM else APPROVED,
        NEW: APPROVED,
    }


def _contents(bench: Bench, folder_id: str) -> list[str]:
    return kinds(bench.find("GetFolderAndContents", XDSFolderEntryUUID=folder_id)).get("document", [])


def test_37_a_replacement_takes_its_place_in_folders(shelved: Bench):
    shelved.register(_relating(RPLC, set_=SET_C), now=LATER)
    assert _contents(shelved, FOLDER_A) == [OLD, NEW]
    assert _update_time(shelved, FOLDER_A) == LATER
    links = shelved.find("GetAssociations", uuid=(NEW,)).objects
    ((link,),) = [[item for item in links if item.source == FOLDER_A]]
    (recorded,) = shelved.find("GetAssociations", uuid=(link.entry_uuid,)).objects
    assert (recorded.source, recorded.target) == (SET_C, link.entry_uuid)
    assert link.status == recorded.status == APPROVED


def test_a_membership_that_was_submitted_is_not_made_again(shelved: Bench):
    shelved.register(
        submission(
            _entry(NEW),
            set_=_set(SET_C),
            also=[relation(RPLC, NEW, OLD), *filed(FOLDER_A, NEW, SET_C, uuid(33))],
        )
    )
    found = shelved.find("GetFolderAndContents", XDSFolderEntryUUID=FOLDER_A)
    assert kinds(found)["association"] == [uuid(31), uuid(33)]


def test_one_document_for_two_takes_one_place_in_a_folder(shelved: Bench):
    shelved.register(
        submission(_entry(GRANDCHILD), set_=_set(SET_C), also=filed(FOLDER_A, GRANDCHILD, SET_C, uuid(33)))
    )
    shelved.register(
        submission(_entry(NEW), set_=_set(SET_D), also=[relation(RPLC, NEW, OLD), relation(RPLC, NEW, GRANDCHILD)])
    )
    found = kinds(shelved.find("GetFolderAndContents", XDSFolderEntryUUID=FOLDER_A))
    assert found["document"] == [OLD, NEW, GRANDCHILD]
    assert len(found["association"]) == 3


def test_a_replacement_does_not_follow_into_a_folder_that_is_not_approved(shelved: Bench):
    shelved.connection.execute("UPDATE folder SET deprecated = 1")
    shelved.register(_relating(RPLC, set_=SET_C))
    assert _contents(shelved, FOLDER_A) == [OLD]


def test_stable_and_on_demand_replace_each_other(holding: Bench):
    holding.register(
        submission(on_demand(NEW, unique_id="2.999.4.1.2"), set_=_set(SET_B), also=[relation(RPLC, NEW, OLD)]),
        transaction="ITI-61",
    )
    holding.register(_relating(RPLC, CHILD, NEW, SET_C))
    assert holding.statuses() == {OLD: DEPRECATED, NEW: DEPRECATED, CHILD: APPROVED}


def test_metadata_alone_is_corrected_by_a_replacement_with_the_same_bytes(holding: Bench):
    holding.register(_relating(RPLC, unique_id="2.999.4.1.1", class_codes=(code("OTHER"),)))
    assert holding.statuses() == {OLD: DEPRECATED, NEW: APPROVED}


def test_40_a_refused_submission_leaves_nothing(holding: Bench):
    both = submission(_entry(NEW), _entry(CHILD, size=("1",), unique_id="2.999.4.1.1"), set_=_set(SET_B))
    assert holding.refusal(both) == [("XDSNonIdenticalSize", CHILD)]
    assert holding.find_documents() == [OLD]
    assert holding.find("GetSubmissionSets", uuid=(NEW,)).objects == []


def test_registered_associations_are_approved(shelved: Bench):
    found = shelved.find("GetAll", patientId=P1, XDSDocumentEntryStatus=BOTH_STATUSES, XDSSubmissionSetStatus=BOTH_STATUSES, XDSFolderStatus=BOTH_STATUSES)  # fmt: skip
    assert {item.status for item in found.objects} == {APPROVED}
    assert member(SET_A, OLD).source in {item.source for item in found.objects}
