"""What can be taken back: by whoever published it on the pages, for an hour, and after a start of the node as well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from node.configuration.config import Config
from node.records import document_object
from node.services import Services, open_services
from node.web.items import Item
from node.web.recent import CONFIRMED, HOUR, Published, Recent
from node.web.records import patient_page
from node.web.sessions import Session
from node.web.view import View
from registry.metadata.objects import DocumentEntry
from trust.accounts.store import Duty
from trust.audit.event import Action
from trust.search.index import AuditIndex

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOME = "urn:oid:2.999.7"


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node()) as opened:
        yield opened


def view(user: str, services: object, now: datetime = NOW, index: AuditIndex | None = None, home: str = HOME) -> View:
    session = Session(user=user, full_name="X", duty=Duty.CLINICIAN, began=0.0, seen=0.0, authenticated=NOW, context="")
    fields = {name: getattr(services, name, None) for name in ("sequencer", "config", "new_uuid", "users")}
    at = SimpleNamespace(services=SimpleNamespace(**fields, clock=lambda: now), index=index, home=home)
    return View(
        desk=at, request=None, path="/", parameters={}, address="127.0.0.1", certificate="", language="en", theme="",
        now=0.0, session=session,
    )  # fmt: skip


def item(unique_id: str, home: str = HOME) -> Item:
    return Item(key="k", entry=DocumentEntry(entry_uuid="urn:uuid:1", unique_id=unique_id), home=home, institution="I")


def known(*names: str) -> Recent:
    recent = Recent()
    for name in names:
        recent.put(Published(unique_id=name, user=f"<a.li@{HOME}>", at=NOW))
    return recent


USERS = SimpleNamespace(users=SimpleNamespace(roles=SimpleNamespace(find=lambda _: None)))


@pytest.mark.parametrize(
    ("user", "one", "after", "offered"),
    [
        pytest.param("a.li", item("1.2"), HOUR - timedelta(seconds=1), True, id="its author within the hour"),
        pytest.param("a.li", item("1.2"), HOUR, False, id="after the hour"),
        pytest.param("b.li", item("1.2"), timedelta(), False, id="somebody else"),
        pytest.param("a.li", item("1.3"), timedelta(), False, id="another document"),
        pytest.param("a.li", item("1.2", "urn:oid:2.999.8"), timedelta(), False, id="the same number elsewhere"),
    ],
)
def test_who_is_offered_to_take_it_back(user: str, one: Item, after: timedelta, offered: bool) -> None:
    assert bool(known("1.2").of(view(user, USERS, NOW + after), one)) is offered


def test_what_is_older_than_an_hour_is_not_kept() -> None:
    recent = known("1.2")
    recent.put(Published(unique_id="1.3", user="<a>", at=NOW + HOUR))
    assert set(recent._held) == {"1.3"}


async def test_after_a_start_it_is_read_from_the_log(services: Services) -> None:
    index = AuditIndex(services.config.folder.root / "data" / "audit-index.db", services.config.folder.database)
    home = services.config.node.home_community_id
    for name, user, age in (("1.2", "a.li", 59), ("1.3", "b.li", 59), ("1.4", "a.li", 61)):
        one = view(user, services, NOW - timedelta(minutes=age), home=home)
        objects = [document_object(name, "1.9", home)]
        caller = one.caller()
        await services.sequencer.record(
            patient_page(one, caller, CONFIRMED, ["1^^^&2.999.1&ISO"], action=Action.CREATE, objects=objects)
        )
    recent, now = Recent(), view("a.li", services, NOW, index, home)
    await recent.read(now)
    assert {name: bool(recent.of(now, item(name, home))) for name in ("1.2", "1.3", "1.4")} == {
        "1.2": True, "1.3": False, "1.4": False,
    }  # fmt: skip
    assert recent.of(view("b.li", services, NOW, home=home), item("1.3", home))


async def test_a_log_that_cannot_be_read_ends_no_page(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    recent = Recent()
    await recent.read(view("a.li", services, NOW, index=None))
    assert "could not be read" in caplog.text
