"""A Document Recipient: limited metadata and full, what is not kept, what is refused, and how it is registered later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from lxml import etree

from node.administration import inbox as administration
from node.administration.orders import Order
from node.configuration.config import Config
from node.exchange import Exchange
from node.health import pushed as pushed_waiting
from node.iti.iti41_document_recipient import document_recipient, encode
from node.operations import execute
from node.registrations import RegisterRequest, Taken
from node.services import Services, open_services
from registry.errors import ErrorCode, Severity, XdsErrors
from registry.metadata.objects import APND, RPLC, SIGNS, XFRM, XFRM_RPLC, DocumentEntry, SubmissionSet
from registry.metadata.submission import Submission
from repository.store import inbox
from tests.node.test_consent_documents import DENY_BETA, MEANINGS, bppc, document
from tests.registry.registry_bench import entry, filed, folder, relation, submission, submission_set, uuid
from trust.audit.event import Action
from trust.identity.caller import Caller, Role

CONTENT = b"Hello XDS"
FOREIGN = "77^^^&2.999.77&ISO"


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node()) as opened:
        yield opened


def pushed(**more: object) -> Submission:
    return submission(entry("Document01", patient=FOREIGN), set_=submission_set(patient=FOREIGN), **more)


def limited() -> Submission:
    """What NIST's plan 12375 sends: nothing but what column XDR MS of table 4.3.1-3 requires."""
    return submission(
        DocumentEntry(entry_uuid="Document01", mime_type="text/plain", unique_id="2.999.4.1.2", limited_metadata=True),
        set_=SubmissionSet(
            entry_uuid="SubmissionSet01",
            unique_id="2.999.4.2.2",
            source_id="2.999.2.1",
            submission_time=("20240301120000",),
            limited_metadata=True,
        ),
    )


async def receive(
    services: Services, made: Submission, content: bytes = CONTENT
) -> tuple[int, list[tuple[str, str, Severity]]]:
    """Number in the inbox, and (code, location, severity) of the answer."""
    staged = {}
    for one in made.documents:
        staging = services.actors.repository.begin()
        staging.write(content)
        staged[one.entry_uuid] = await staging.finish()
    caller = Caller(role=Role.PEER, name="South", fingerprint="", address="", home="urn:oid:2.999.66")
    exchange = Exchange(actors=services.actors, caller=caller, message_id="m", endpoint="e", now=services.clock(), deadline=0.0, incident="i")  # fmt: skip

    def work(connection):
        result = document_recipient(RegisterRequest(made), Taken(staged, {}), exchange, connection)
        order = Order(services=services, command="test", arguments={}, operator="test")
        return result, [order.patient_record(Action.CREATE, "received", "")]

    result, _ = await services.sequencer.transact(work)
    root = etree.fromstring(encode(result))
    assert root.get("status", "").endswith(":Success")
    return result.no, [(str(one.code), one.location, one.severity) for one in result.errors]


async def refusal(services: Services, made: Submission) -> list[tuple[str, str]]:
    with pytest.raises(XdsErrors) as refused:
        await receive(services, made)
    assert (await execute(services, "inbox list", {}, "op"))["received"] == []
    return [(str(one.code), one.location) for one in refused.value.errors]


QUEUED = ("DocumentQueued", "", Severity.WARNING)


async def test_what_was_received_waits_and_can_be_registered(services: Services):
    await execute(services, "patient add", {"patient": "4711"}, "op")
    for made in (pushed(), limited()):
        number, warnings = await receive(services, made)
        assert warnings == [QUEUED]
        (unique_id,) = [document.unique_id for document in made.documents]
        assert services.registry.documents([unique_id]) == {}
        done = await execute(services, "inbox accept", {"no": number, "patient": "4711"}, "op")
        assert done["documents"] == [unique_id]
        (here,) = services.registry.documents([unique_id])[unique_id]
        assert here.patient_id == done["patient"]
        stored = services.actors.repository.locate(unique_id)
        assert b"".join(services.actors.repository.open(stored).frames()) == CONTENT


@pytest.mark.parametrize(
    ("content", "status"), [(bppc(patient='<id root="2.999.77" extension="77"/>'), "active"), (CONTENT, "ignored")]
)
async def test_a_consent_that_was_pushed_is_followed_once_it_is_accepted(
    services: Services, content: bytes, status: str
):
    services.actors.policy = replace(services.actors.policy, meanings=MEANINGS)
    await execute(services, "patient add", {"patient": "4711"}, "op")
    consent = document("bppc", patient=FOREIGN, id_="Document01", policies=(DENY_BETA,), source_patient_id=(FOREIGN,))
    number, _ = await receive(services, submission(consent, set_=submission_set(patient=FOREIGN)), content)
    assert (await execute(services, "consent list", {"patient": "4711"}, "op"))["consents"] == []
    await execute(services, "inbox accept", {"no": number, "patient": "4711"}, "op")
    (found,) = (await execute(services, "consent list", {"patient": "4711"}, "op"))["consents"]
    assert (found["status"], found["document"]) == (status, consent.unique_id)


async def test_check_says_how_many_wait_and_since_when(services: Services):
    config, now = services.config, services.clock()
    assert list(pushed_waiting(config, now)) == []
    for made in (pushed(), limited()):
        await receive(services, made)
    (finding,) = pushed_waiting(config, now)
    assert (finding.level, f"2 pushed submissions wait, the oldest since {now:%Y-%m-%d}" in finding.what) == (
        "WARN",
        True,
    )
    assert "xdsnode inbox list" in finding.next_step


async def test_however_many_wait_a_look_is_short_and_on_record(services: Services, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(administration, "MOST_SHOWN", 2)
    for number in range(4):
        made = replace(pushed(), submission_sets=(submission_set(patient=FOREIGN, unique_id=f"2.999.8.{number}"),))
        await receive(services, made)
    found = await execute(services, "inbox list", {}, "op")
    assert ([one["no"] for one in found["received"]], found["waiting"]) == ([1, 2], 4)


async def test_why_something_was_rejected_is_on_record(services: Services):
    number, _ = await receive(services, pushed())
    await execute(services, "inbox reject", {"no": number, "reason": "not our\n patient"}, "op")
    (body,) = services.reader.execute("SELECT body FROM audit_record ORDER BY seq DESC LIMIT 1").fetchone()
    assert b"pushed documents of urn:oid:2.999.66 rejected: not our patient" in body


NOT_KEPT = {
    ErrorCode.PARTIAL_APPEND: {"also": [relation(APND, "Document01", uuid(9))]},
    ErrorCode.PARTIAL_REPLACE: {"also": [relation(RPLC, "Document01", uuid(9))]},
    ErrorCode.PARTIAL_TRANSFORM: {"also": [relation(XFRM, "Document01", uuid(9))]},
    ErrorCode.PARTIAL_TRANSFORM_REPLACE: {"also": [relation(XFRM_RPLC, "Document01", uuid(9))]},
    ErrorCode.PARTIAL_RELATIONSHIP: {"also": [relation(SIGNS, "Document01", uuid(9))]},
    ErrorCode.PARTIAL_FOLDER: {
        "folders": [folder("Folder01", patient=FOREIGN)],
        "also": filed("Folder01", "Document01"),
    },
}


async def test_what_speaks_of_the_senders_registry_is_not_kept_and_said(services: Services):
    for number, (code, parts) in enumerate(NOT_KEPT.items()):
        made = pushed(**parts)
        own = replace(made.submission_set, unique_id=f"2.999.8.{number}")
        _, warnings = await receive(services, replace(made, submission_sets=(own,)))
        assert warnings == [QUEUED, (code, "", Severity.WARNING)]


async def test_what_is_refused(services: Services, monkeypatch: pytest.MonkeyPatch):
    """Metadata is judged as for a repository unless it says that it is limited; the same set is taken once."""
    bare = limited()
    (document,) = bare.documents
    found = await refusal(services, replace(bare, documents=(replace(document, limited_metadata=False),)))
    assert set(found) == {("XDSRegistryMetadataError", "Document01")}
    nameless = replace(bare, documents=(replace(document, unique_id=None),))
    assert await refusal(services, nameless) == [("XDSRegistryMetadataError", "Document01")]
    wrong = replace(bare, documents=(replace(document, hash=("0" * 40,)),))
    assert await refusal(services, wrong) == [("XDSRepositoryMetadataError", "Document01")]
    await receive(services, bare)
    with pytest.raises(XdsErrors) as refused:
        await receive(services, bare)
    assert [(one.code, one.location) for one in refused.value.errors] == [
        ("XDSDuplicateUniqueIdInRegistry", "SubmissionSet01")
    ]
    monkeypatch.setattr(inbox, "MOST_WAITING", 1)
    other = replace(bare, submission_sets=(replace(bare.submission_set, unique_id="2.999.9"),))
    with pytest.raises(XdsErrors) as refused:
        await receive(services, other)
    assert [one.code for one in refused.value.errors] == ["XDSRepositoryBusy"]
