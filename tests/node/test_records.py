"""Who is the requestor of an exchange (federation-wire 5.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from node.bindings import AuditFact
from node.records import ANONYMOUS, End, event, participants, serving_end
from trust.audit.event import Action, Coded, EventId
from trust.identity.caller import Caller, Role

CALLER = Caller(role=Role.APPLICATION, name="ward 7", fingerprint="00", address="10.1.4.20")


@pytest.mark.parametrize("pulled", [False, True], ids=["question", "documents that are fetched"])
@pytest.mark.parametrize("user", ["", "<jdoe@https://idp.alpha.example>"], ids=["no user", "a user"])
def test_exactly_the_one_who_began_it_is_the_requestor(user: str, pulled: bool) -> None:
    client, server = End(ANONYMOUS, "10.1.4.20", "ward 7 (application)"), serving_end("https://node.example/iti")
    ends = participants(source=server if pulled else client, destination=client if pulled else server, pulled=pulled)
    exchange = SimpleNamespace(
        caller=replace(CALLER, user=user), consents=(), incident="i", now=datetime(2026, 3, 1, tzinfo=UTC)
    )
    found = event(
        exchange,
        event_id=EventId.QUERY,
        action=Action.EXECUTE,
        type_=Coded("ITI-18", "IHE Transactions", "Registry Stored Query"),
        fact=AuditFact(),
        ends=ends,
    )
    assert [one.user_id for one in found.participants if one.requestor] == [user or ANONYMOUS]
    assert [one.role.code for one in found.participants if one.role] == ["110153", "110152"]
