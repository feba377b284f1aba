"""Every way in which a community can answer, and the one word for it (design: ui 2.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.federation.answered import Answered
from node.federation.calls import query_call, update_call
from node.federation.client import PeerFault
from node.federation.judging import ANOTHER_PERSON, judge
from node.outcome_words import Word
from registry.ebrim.messages import FAILURE, PARTIAL_SUCCESS, SUCCESS, AdhocQuery
from registry.ebrim.reader import QueryAnswer, RemoteObject, ResponseHead
from registry.errors import RegistryError, Severity
from registry.metadata.objects import Slot
from registry.metadata.submission import Submission
from trust.communities import Community

HOME = "urn:oid:2.999.7"
PATIENT = "P1^^^&2.999.1&ISO"
NORTH = Community(home=HOME, name="North", endpoints={"iti-38": "https://n/"}, certificates="", fingerprint="")
QUERY = AdhocQuery(
    "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
    "LeafClass",
    None,
    (Slot(name="$XDSDocumentEntryPatientId", values=(f"'{PATIENT}'",)),),
)
GOOD = RemoteObject(kind="document", id="a", home=HOME, xml=b"<good/>", patient_id=PATIENT)
HOMELESS = replace(GOOD, home=None, xml=b"<homeless/>")
FOREIGN = replace(GOOD, home="urn:oid:2.999.8", xml=b"<foreign/>")
OTHER_PERSON = replace(GOOD, patient_id="P2^^^&2.999.1&ISO", xml=b"<other/>")


def error(code: str, severity: Severity = Severity.ERROR) -> RegistryError:
    return RegistryError(code, "text", severity=severity)


def judged(*objects: RemoteObject, status: str = SUCCESS, errors: tuple[RegistryError, ...] = ()) -> Answered:
    answered = Answered(community=NORTH, call=query_call(QUERY, NORTH, "urn:uuid:1"), received=True)
    answered.query = QueryAnswer(ResponseHead(status, errors), objects)
    judge(answered)
    return answered


ANSWERS = {
    "found": (judged(GOOD, GOOD), Word.FOUND, 2, ""),
    "nothing": (judged(), Word.NONE, 0, ""),
    "unknown patient": (judged(status=FAILURE, errors=(error("XDSUnknownPatientId"),)), Word.NO_PATIENT, 0, "XDSUnknownPatientId"),
    "an XDS error": (judged(status=FAILURE, errors=(error("XDSRegistryError"),)), Word.REFUSED, 0, "XDSRegistryError"),
    "a code of its own": (judged(status=FAILURE, errors=(error("NoConsent"),)), Word.REFUSED, 0, "NoConsent"),
    "busy": (judged(status=FAILURE, errors=(error("XDSRegistryBusy"),)), Word.UNREACHABLE, 0, "XDSRegistryBusy"),
    "only a warning": (judged(errors=(error("XDSExtraMetadataNotSaved", Severity.WARNING),)), Word.NONE, 0, ""),
    "objects and an error": (judged(GOOD, status=PARTIAL_SUCCESS, errors=(error("XDSTooManyResults"),)), Word.FOUND, 1, "XDSTooManyResults"),
    "one without a home": (judged(GOOD, HOMELESS), Word.FOUND, 1, "XDSMissingHomeCommunityId"),
    "only without a home": (judged(HOMELESS), Word.PROTOCOL, 0, ""),
    "one of another community": (judged(GOOD, FOREIGN), Word.FOUND, 1, "XDSUnavailableCommunity"),
    "only of another community": (judged(FOREIGN), Word.PROTOCOL, 0, ""),
    "one of another person": (judged(GOOD, OTHER_PERSON, GOOD), Word.PROTOCOL, 0, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(name: str) -> None:
    answered, word, count, code = ANSWERS[name]
    assert answered.outcome is not None
    assert (answered.outcome.word, answered.outcome.count, answered.outcome.code) == (word, count, code)
    assert len(answered.accepted) == count
    assert set(answered.accepted) <= {GOOD.xml}


@pytest.mark.parametrize("name", [name for name in ANSWERS if name not in {"found", "nothing", "unknown patient"}])
def test_whoever_asked_through_soap_is_told_as_well(name: str) -> None:
    answered = ANSWERS[name][0]
    assert answered.errors
    assert {fault.location for fault in answered.errors} == {HOME}


def test_objects_beside_an_error_are_said_to_be_incomplete() -> None:
    assert {name for name, (answered, *_) in ANSWERS.items() if answered.outcome and answered.outcome.incomplete} == {
        "objects and an error",
        "one without a home",
        "one of another community",
    }


def test_another_person_costs_the_whole_answer() -> None:
    answered = ANSWERS["one of another person"][0]
    assert answered.outcome is not None
    assert answered.outcome.reason == ANOTHER_PERSON
    assert answered.accepted == ()


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param((OTHER_PERSON,), id="C17-other-patient"),
        pytest.param((GOOD, OTHER_PERSON), id="C17-other-patient-beside-the-right-one"),
        pytest.param((FOREIGN,), id="C17-home-of-another-community"),
        pytest.param((GOOD, FOREIGN), id="C17-home-of-another-community-beside-its-own"),
        pytest.param((HOMELESS,), id="C17-no-home"),
    ],
)
def test_c17_what_a_peer_may_not_say_is_dropped_and_said(hostile: tuple[RemoteObject, ...]) -> None:
    answered = judged(*hostile)
    whole = OTHER_PERSON not in hostile
    assert answered.accepted == tuple(one.xml for one in hostile if whole and one is GOOD)
    assert answered.outcome is not None
    assert answered.outcome.word is (Word.FOUND if answered.accepted else Word.PROTOCOL)
    assert answered.outcome.incomplete or not answered.accepted
    assert [fault.location for fault in answered.errors] == [HOME]


UPDATES = {
    "done": (SUCCESS, (), Word.NONE, ()),
    "done, with a warning": (
        SUCCESS, (error("XDSExtraMetadataNotSaved", Severity.WARNING),), Word.NONE, ("XDSExtraMetadataNotSaved",),
    ),
    "refused": (FAILURE, (error("XDSMetadataVersionError"),), Word.REFUSED, ("XDSMetadataVersionError",)),
    "busy": (FAILURE, (error("XDSRegistryBusy"),), Word.UNREACHABLE, ("XDSRegistryBusy",)),
    "refused without a reason": (FAILURE, (), Word.REFUSED, ("XDSRegistryError",)),
    "done by halves": (PARTIAL_SUCCESS, (), Word.REFUSED, ("XDSRegistryError",)),
    "no status": ("", (), Word.REFUSED, ("XDSRegistryError",)),
}  # fmt: skip


@pytest.mark.parametrize(("status", "errors", "word", "codes"), UPDATES.values(), ids=UPDATES)
def test_an_update_is_done_or_refused(
    status: str, errors: tuple[RegistryError, ...], word: Word, codes: tuple[str, ...]
) -> None:
    there = replace(NORTH, endpoints={"iti-92-gateway": "https://n/"})
    answered = Answered(community=there, call=update_call(Submission(), there, "urn:uuid:1", patient=""), received=True)
    answered.response = ResponseHead(status, errors)
    judge(answered)
    assert answered.outcome is not None
    assert answered.outcome.word is word
    assert tuple(one.code for one in answered.errors) == codes
    assert all(one.location == HOME for one in answered.errors)


@pytest.mark.parametrize("word", list(Word))
def test_a_call_without_an_answer_keeps_the_word_of_its_fault(word: Word) -> None:
    answered = Answered(community=NORTH, call=query_call(QUERY, NORTH, "urn:uuid:1"))
    answered.fail(PeerFault("why", "quoted", ("Sender", "FailedCheck"), word=word))
    judge(answered)
    assert answered.outcome is not None
    assert (answered.outcome.word, answered.outcome.reason, answered.outcome.code) == (word, "why", "FailedCheck")
    assert [fault.context for fault in answered.errors] == ["North why (quoted)"]
