"""What ends a kept copy, who may use it, and that nothing is kept unless the institution says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from node.configuration.config import Config
from node.configuration.settings import FederationSection
from node.exchange import Exchange
from node.federation.answered import Answered
from node.federation.calls import retrieve_call
from node.federation.client import Fetched, PeerAnswer, PeerFault
from node.federation.copies import Copies, asker_of
from node.outcome_words import Word
from node.services import Services, open_services
from node.soap.message import read_answer, write_envelope
from registry.ebrim.reader import RemoteObject, ResponseHead
from repository.messages import DocumentAnswer, DocumentRequest, RetrieveAnswer
from repository.store.keys import BlobKeys
from trust.audit.event import Coded
from trust.communities import Community
from trust.identity.caller import Caller, Role

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
AWAY = Community(
    home="urn:oid:2.999.20",
    name="Away",
    endpoints={one: f"https://away.example/{one}" for one in ("iti-38", "iti-39")},
    certificates="",
    fingerprint="",
)
WANTED = DocumentRequest(home_community_id=AWAY.home, repository_unique_id="2.999.7", document_unique_id="2.999.7.1")
NURSE = Caller(
    role=Role.APPLICATION,
    name="ward",
    fingerprint="00",
    address="",
    user="n<x@idp>",
    user_role=Coded("nurse", "s", ""),
    purpose=Coded("TREAT", "p", ""),
)


class Place:
    """A node with copies, and its clock."""

    def __init__(self, services: Services, hours: int) -> None:
        self.services, self.now = services, NOW
        self.copies = Copies(
            services.reader,
            services.config.folder.copies,
            BlobKeys.read(services.config.folder.blob_key),
            hours=hours,
            min_free_bytes=0,
            clock=lambda: self.now,
        )

    def exchange(self, caller: Caller = NURSE) -> Exchange:
        actors = self.services.actors
        return Exchange(
            actors=actors,
            caller=caller,
            message_id=actors.new_uuid(),
            endpoint="https://h/iti-43",
            now=self.now,
            deadline=0.0,
            incident="i",
        )

    async def bring(self, content: bytes = b"a letter") -> None:
        """The community gives the document, and the exchange is committed."""
        part = self.services.spool.create()
        part.write(content)
        size, sha1, sha256 = part.finish()
        known = RemoteObject(
            kind="document", id="1", home=AWAY.home, xml=b"", unique_id=WANTED.document_unique_id,
            patient_id="P^^^&2.999.1&ISO", repository_unique_id="2.999.7", hash=sha1, size=str(size),
        )  # fmt: skip
        self.services.actors.gateway._known.remember([known])
        message = read_answer(write_envelope("urn:a", b'<x xmlns="urn:x"/>'))
        answered = Answered(community=AWAY, call=retrieve_call([WANTED], AWAY, "urn:uuid:1"), received=True)
        answered.answer = PeerAnswer(
            message=message, digest=b"", documents={"d": Fetched(part=part, size=size, sha1=sha1, sha256=sha256)}
        )
        given = DocumentAnswer(request=WANTED, mime_type="text/plain", content_id="d")
        answered.retrieve = RetrieveAnswer(ResponseHead(""), (given,))
        await self.take(answered)

    async def take(self, answered: Answered) -> None:
        exchange = self.exchange()
        await self.copies.take([answered], exchange)
        if exchange.keep is not None:
            keep = exchange.keep
            await self.services.sequencer.transact(lambda connection: (keep(connection, b"", ()), [_record(self.now)]))

    def copy(self, caller: Caller = NURSE, word: Word = Word.UNREACHABLE) -> bytes | None:
        answered = Answered(community=AWAY, call=retrieve_call([WANTED], AWAY, "urn:uuid:2"))
        answered.fail(PeerFault("is away", word=word))
        found = self.copies.instead(answered, WANTED, self.exchange(caller))
        return b"".join(found.frames) if found else None

    def files(self) -> int:
        folder: Path = self.services.config.folder.copies
        return sum(path.is_file() for path in folder.rglob("*"))


def _record(now: datetime):  # type: ignore[no-untyped-def]
    from node.security_records import refusal

    return refusal(now, incident="i", caller=None, address="", node="n", reason="r")


def with_place(hours: int = 2):  # type: ignore[no-untyped-def]
    """The test body runs with a node that keeps copies so long."""

    def decorate(body):  # type: ignore[no-untyped-def]
        async def test(made_node: Callable[..., Config]) -> None:
            async with open_services(made_node()) as services:
                place = Place(services, hours)
                try:
                    await body(place)
                finally:
                    place.copies.close()

        test.__name__, test.__doc__ = body.__name__, body.__doc__
        return test

    return decorate


def test_nothing_is_kept_unless_the_institution_says_so() -> None:
    assert FederationSection().copy_hours == 0


@with_place(hours=0)
async def test_without_hours_nothing_is_written(place: Place) -> None:
    await place.bring()
    assert place.copy() is None
    assert not place.services.config.folder.copies.exists()


@with_place()
async def test_a_copy_ends_with_its_hours_and_its_file_with_the_sweep(place: Place) -> None:
    await place.bring()
    place.now = NOW + timedelta(hours=2) - timedelta(seconds=1)
    assert place.copy() == b"a letter"
    assert place.files() == 1
    place.now = NOW + timedelta(hours=2)
    assert place.copy() is None
    await place.copies.sweep(place.services.sequencer, "urn:oid:2.999.1")
    place.copies._store.sweep(lambda _: False, -1.0)
    assert place.files() == 0


@with_place()
async def test_when_it_is_switched_off_what_was_kept_ends(place: Place) -> None:
    await place.bring()
    place.copies._lasting = timedelta()
    assert place.copy() is None
    await place.copies.sweep(place.services.sequencer, "urn:oid:2.999.1")
    place.copies._lasting = timedelta(hours=2)
    assert place.copy() is None


@with_place()
async def test_only_whom_the_holder_saw_may_use_it(place: Place) -> None:
    await place.bring()
    others = (
        replace(NURSE, user="m<x@idp>"),
        replace(NURSE, user_role=Coded("clerk", "s", "")),
        replace(NURSE, purpose=Coded("HRESCH", "p", "")),
        replace(NURSE, organisation="2.999.9"),
        Caller(role=Role.APPLICATION, name="ward", fingerprint="00", address=""),
    )
    assert [place.copy(one) for one in others] == [None] * len(others)
    assert len({asker_of(one) for one in (NURSE, *others)}) == len(others) + 1
    assert place.copy(replace(NURSE, name="another application", fingerprint="01")) == b"a letter"


@with_place()
async def test_it_is_used_only_while_the_institution_cannot_be_reached(place: Place) -> None:
    await place.bring()
    used = {word for word in Word if place.copy(word=word) is not None}
    assert used == {Word.UNREACHABLE, Word.TIMEOUT, Word.PAUSED}


@with_place()
async def test_a_damaged_copy_is_none(place: Place) -> None:
    await place.bring()
    (file,) = (path for path in place.services.config.folder.copies.rglob("*") if path.is_file())
    file.chmod(0o600)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    assert place.copy() is None


@with_place()
async def test_what_the_institution_does_not_give_any_more_ends(place: Place) -> None:
    await place.bring()
    silent = Answered(community=AWAY, call=retrieve_call([WANTED], AWAY, "urn:uuid:3"))
    silent.fail(PeerFault("is away", word=Word.TIMEOUT))
    await place.take(silent)
    assert place.copy() == b"a letter", "silence is no refusal"
    refused = Answered(community=AWAY, call=retrieve_call([WANTED], AWAY, "urn:uuid:4"), received=True)
    await place.take(refused)
    assert place.copy() is None


@with_place()
async def test_a_refusal_of_everything_ends_it_too(place: Place) -> None:
    """As that of somebody whom the institution believes no more: a fault, and no answer about the document."""
    await place.bring()
    refused = Answered(community=AWAY, call=retrieve_call([WANTED], AWAY, "urn:uuid:5"))
    refused.fail(PeerFault("refused", word=Word.REFUSED))
    await place.take(refused)
    assert place.copy() is None
