"""F12: what this node asks of others, and what it does when they are away: the table of its README, line by line.

Each line is tried a second before its grace ends and a second after. Down, slow, wrong and enormous are tried where each
is asked: J15 (keys of an authorization server), T6 (lists), test_exporter, test_cosigner, test_subscriptions.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from node.atna import cursor
from node.atna.findings import deliveries
from node.configuration.config import Config
from node.configuration.settings import AuditRepository, TokenIssuerRow
from node.federation.circuit import FAILURES, LONGEST, Circuits
from node.health import Level, examine
from node.membership import signer
from node.notifications.delivery import ALARM_AFTER, LONGEST_PAUSE, pause
from node.operations import execute
from node.security_records import refusal
from node.services import Services, open_services
from node.tokens import Tokens
from node.witness.findings import witnesses
from tests.attacks.test_token_attacks import ISSUER, jwk, rsa_key
from tests.node.test_membership import MEMBER, Clock
from tests.trust.pki import making
from tests.trust.pki.making import house
from trust.errors import BadCertificate

README = Path(__file__).resolve().parents[2] / "node" / "README.md"
SECOND = timedelta(seconds=1)
Line = Callable[[Config, Path], Awaitable[None]]


async def revocation_lists(_config: Config, folder: Path) -> None:
    """A day beyond nextUpdate; then whoever is below this CA is refused."""
    ca = making.authority()
    path = house(folder, ca=ca).revocation_list()
    place = house(folder, ca=ca, lists=[path])
    caller = making.application(ca).certificate
    end = place.tls.lists.lists[0].next_update + timedelta(hours=24)
    place.tls.lists.check(caller, end - SECOND)
    with pytest.raises(BadCertificate, match="the grace of 1 day, 0:00:00 is over too"):
        place.tls.lists.check(caller, end + SECOND)


async def directory(config: Config, _folder: Path) -> None:
    """Fourteen days after it was signed; then nothing is exchanged with its members, in either direction."""
    async with open_services(config) as services:
        services.actors.clock = clock = Clock()
        await execute(services, "federation create", {"name": "Region"}, "tester")
        await services.membership.change(lambda content: signer.with_member(content, MEMBER), "member added")
        signed = services.membership.required().issued
        assert services.membership.required().expires - signed == timedelta(days=14)
        clock.ahead = timedelta(days=14) - timedelta(minutes=1)
        assert services.actors.barred(MEMBER.home) == ""
        clock.ahead = timedelta(days=14) + SECOND
        assert services.actors.barred(MEMBER.home)


async def token_keys(config: Config, _folder: Path) -> None:
    """A day after they were fetched; then no token of this authorization server is accepted."""
    now, up = [datetime.fromisoformat("2026-11-30T00:00:00+00:00")], [True]

    async def fetch(_url: str) -> bytes:
        if up[0]:
            return json.dumps({"keys": [jwk(rsa_key(), "r1", "RS256")]}).encode()
        raise OSError("down")

    row = TokenIssuerRow(name="as", issuer=ISSUER, jwks_url="https://as.example/keys")
    tokens = Tokens(replace(config, iua=replace(config.iua, issuers=(row,))), lambda: now[0], fetch)
    await tokens.refresh()
    up[0] = False
    for after, keys in ((timedelta(hours=24), 1), (timedelta(hours=24) + SECOND, 0)):
        now[0] = datetime.fromisoformat("2026-11-30T00:00:00+00:00") + after
        await tokens.refresh()
        assert len(tokens._issuers[ISSUER].keys) == keys


async def _with_records(config: Config) -> AsyncIterator[Services]:
    async with open_services(config) as services:
        now = services.clock()
        await services.sequencer.record([refusal(now, incident="i", caller=None, address="", node="n", reason="r")])
        yield services


async def audit_repositories(config: Config, _folder: Path) -> None:
    """Without an end: the log keeps everything; from a quarter of an hour on `check` fails and an alarm was raised."""
    config = replace(config, audit=replace(config.audit, repositories=(AuditRepository(name="a", host="a.example"),)))
    async for services in _with_records(config):
        cursor.write(cursor.path(config.folder.data, "a"), cursor.Position(failing="2026-03-01T10:15:00.125Z"))
        now = services.clock()
        for after, level in ((timedelta(minutes=14), Level.WARN), (timedelta(minutes=16), Level.FAIL)):
            (found,) = examine(config, now + after, (deliveries,))
            assert (found.level, "2 entries wait" in found.what) == (level, True)


async def witness_nodes(config: Config, _folder: Path) -> None:
    """Without an end; `check` says so, and an alarm after a quarter of an hour (test_cosigner)."""
    async for services in _with_records(config):
        found = examine(config, services.clock(), (witnesses,))
        assert all(one.level is not Level.FAIL for one in found)
        await services.sequencer.record(
            [refusal(services.clock(), incident="j", caller=None, address="", node="n", reason="r")]
        )


async def subscribers(_config: Config, _folder: Path) -> None:
    """Until the subscription ends: tried again after one second, at last every ten minutes; an alarm after a minute."""
    waits = [pause(failures) for failures in range(1, 40)]
    assert waits[0] == 1.0
    assert sum(waits[:ALARM_AFTER]) == pytest.approx(63.0)
    assert set(waits[12:]) == {LONGEST_PAUSE}


async def communities(config: Config, _folder: Path) -> None:
    """Eight seconds; four failures in a row, and nobody waits for it but one request in eight seconds that tries."""
    assert config.federation.deadline == 8.0
    circuits = Circuits()
    for _ in range(FAILURES):
        assert circuits.admit("there", 0.0)
        circuits.failed("there", 0.0)
    assert not circuits.admit("there", 0.5)
    tried = [second for second in range(1, 300) if _tried(circuits, float(second))]
    assert max(later - sooner for sooner, later in pairwise(tried)) <= LONGEST


def _tried(circuits: Circuits, now: float) -> bool:
    admitted = circuits.admit("there", now)
    if admitted:
        circuits.failed("there", now)
    return admitted


LINES: dict[str, Line] = {
    "revocation lists": revocation_lists,
    "directory of the federation": directory,
    "keys of an authorization server": token_keys,
    "Audit Record Repository": audit_repositories,
    "witnesses": witness_nodes,
    "subscribers": subscribers,
    "other communities": communities,
}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"F12-{name}") for name in LINES])
async def test_the_grace_of_each_line(name: str, made_node: Callable[..., Config], tmp_path: Path) -> None:
    await LINES[name](made_node(), tmp_path)


def test_f12_the_readme_names_each_line() -> None:
    table = README.read_text().partition("## When others are away")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")][2:]
    assert rows == [*LINES, "identity providers (SAML), time stamps, mail"]
