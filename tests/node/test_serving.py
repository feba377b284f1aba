"""Work that lasts as long as the node, and whom its patient feed admits."""

import asyncio
import contextlib
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from node.serving import Running
from node.unasked import kept_up
from trust.errors import NotAuthenticated
from trust.identity.caller import Caller, Role


async def test_what_fails_begins_anew_and_says_so(caplog):
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise OSError("disk I/O error")

    await asyncio.wait_for(kept_up(work, pause=0.0), 5)
    assert begun == 3
    assert caplog.text.count("work that lasts has failed") == 2


async def test_it_ends_with_the_node():
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(kept_up(work))
    await started.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


@pytest.mark.parametrize("role", list(Role))
def test_patients_are_fed_by_systems_of_this_institution_alone(role):
    """A peer, an auditor or whoever holds an invitation has a certificate too, and merges nobody here."""
    refusals: list[tuple[str, str]] = []
    caller = Caller(
        role=role, name="somebody", fingerprint="00", address="", home="urn:oid:1.2" if role is Role.PEER else ""
    )
    services = SimpleNamespace(
        bindings=SimpleNamespace(authenticate=lambda *_: caller),
        clock=lambda: datetime.now(UTC),
        refused=lambda kind, reason: refusals.append((kind, reason)),
    )
    admitted = Running._admitted(SimpleNamespace(_services=services), b"der", "127.0.0.1")
    assert admitted == (f"somebody ({role}), certificate 00" if role in (Role.APPLICATION, Role.OPERATOR) else "")
    assert bool(refusals) is not bool(admitted)


def test_who_is_not_known_at_the_patient_feed_is_on_record():
    def unknown(*_):
        raise NotAuthenticated("nobody has this certificate")

    refusals: list[tuple[str, str]] = []
    services = SimpleNamespace(
        bindings=SimpleNamespace(authenticate=unknown),
        clock=lambda: datetime.now(UTC),
        refused=lambda kind, reason: refusals.append((kind, reason)),
    )
    assert not Running._admitted(SimpleNamespace(_services=services), None, "127.0.0.1")
    assert refusals == [("feed", "patient feed: nobody has this certificate")]
