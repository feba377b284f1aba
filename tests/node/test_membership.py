"""A member of a federation, without a network: what comes into force, what is refused, and what an end means."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from node.configuration.config import Config
from node.faults import Faults
from node.membership import signer
from node.operations import execute
from node.services import Services, open_services
from tests.attacks.test_directory_attacks import CORPUS, World
from tests.trust.directory.federations import Federation, community, node
from tests.trust.pki.making import NOW
from trust.communities import AuditIdentity
from trust.directory.directory import Directory, Reason, Refusal
from trust.errors import NotAuthenticated
from trust.pki.authority import request

FAR = node(1)
MEMBER = community(1, FAR)


@dataclass
class Clock:
    """The time, and how far it was moved."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    """A node that made a federation with one other member."""
    async with open_services(made_node()) as opened:
        opened.actors.clock = Clock()
        await execute(opened, "federation create", {"name": "Region"}, "tester")
        await opened.membership.change(lambda content: signer.with_member(content, MEMBER), "member added")
        yield opened


def records(services: Services) -> str:
    rows = services.reader.execute("SELECT body FROM audit_record WHERE kind = 7 ORDER BY seq")
    return "\n".join(bytes(row[0]).decode() if isinstance(row[0], bytes) else row[0] for row in rows)


async def test_a_member_is_a_peer_that_nobody_added(services: Services) -> None:
    caller = services.bindings.authenticate(FAR.der, "192.0.2.1", datetime.now(UTC))
    assert caller.home == MEMBER.home
    assert services.communities.get(MEMBER.home) == replace(MEMBER, federation=services.membership.directory.federation)
    assert MEMBER.name in records(services)


async def test_a_removed_member_is_nobody_at_once(services: Services) -> None:
    await execute(services, "federation remove", {"peer": MEMBER.name, "reason": "trial"}, "tester")
    with pytest.raises(NotAuthenticated):
        services.bindings.authenticate(FAR.der, "192.0.2.1", datetime.now(UTC))
    assert services.communities.get(MEMBER.home) is None
    # It cannot come back with this certificate.
    await services.membership.change(lambda content: signer.with_member(content, MEMBER), "member added")
    assert services.communities.get(MEMBER.home) is None
    assert services.membership.faults[MEMBER.home] == "its certificate was withdrawn"


async def test_what_the_directory_connected_is_not_changed_by_hand(services: Services) -> None:
    with pytest.raises(Faults) as raised:
        await execute(services, "peer remove", {"peer": MEMBER.name}, "tester")
    assert raised.value.faults[0].code == "peer.of-directory"


async def test_after_its_end_nothing_is_exchanged_with_its_members_and_a_new_one_heals_it(services: Services) -> None:
    assert services.actors.barred(MEMBER.home) == ""
    services.actors.clock.ahead = timedelta(days=14, seconds=1)
    assert services.actors.barred(MEMBER.home).startswith("is not asked or answered: the directory")
    assert services.actors.barred("urn:oid:2.999.77") == ""
    await services.membership.round()  # this node signs: it is old, so it signs again
    assert services.actors.barred(MEMBER.home) == ""


async def test_it_is_signed_again_each_day_and_not_more_often(services: Services) -> None:
    version = services.membership.directory.version
    await services.membership.round()
    assert services.membership.directory.version == version
    services.actors.clock.ahead = timedelta(days=1, seconds=1)
    await services.membership.round()
    assert services.membership.directory.version == version + 1


async def test_the_key_that_signs_is_changed_and_the_old_one_signs_no_more(services: Services) -> None:
    folder, before = services.config.folder, services.membership.directory
    old = folder.signer_key.read_bytes()
    await execute(services, "federation sign", {"rotate": True}, "tester")
    after = services.membership.directory
    assert after.root.number == 2
    assert after.root.keys != before.root.keys
    assert folder.signer_key.read_bytes() != old
    assert not folder.next_signer_key.exists()
    await execute(services, "federation sign", {}, "tester")
    folder.signer_key.unlink()
    folder.signer_key.write_bytes(old)
    folder.signer_key.chmod(0o400)
    with pytest.raises(Faults) as raised:
        await execute(services, "federation sign", {}, "tester")
    assert raised.value.faults[0].code == "federation.no-signer"


@pytest.mark.parametrize("name", CORPUS)
async def test_what_is_refused_changes_nothing_and_is_on_record_once(
    made_node: Callable[..., Config], name: str
) -> None:
    """The corpus of C16 offered to a node; the alarm carries the reason."""
    make, reason = CORPUS[name]
    federation = Federation()
    federation.take(MEMBER)
    async with open_services(made_node()) as services:
        membership = services.membership
        current = await membership.join(
            federation.pin, federation.sealed(NOW - timedelta(hours=2), version=5), "joined"
        )
        world = World(federation, current)
        offered = make(world)
        if world.current is not current:  # the case needs a newer one in force
            assert isinstance(await membership.offer(world.current.text, "signer"), Directory)
        in_force = membership.directory
        for _ in range(2):
            found = await membership.offer(offered, "somebody")
            assert isinstance(found, Refusal)
            assert found.reason is reason
        assert membership.directory is in_force
        assert services.communities.get(MEMBER.home) is not None
        told = [one for one in records(services).splitlines() if "a directory from somebody was refused" in one]
        assert len(told) == 1  # the same bytes from the same place are one alarm
        assert f"directory-{reason}" in told[0]
        if reason is Reason.ROLLED_BACK:
            before = records(services)
            await membership.offer(offered, "another member", lagging=True)
            assert records(services) == before


async def test_a_directory_that_was_brought_in_a_file_counts_like_any_other(made_node: Callable[..., Config]) -> None:
    federation = Federation()
    async with open_services(made_node()) as services:
        await services.membership.join(federation.pin, federation.sealed(), "joined")
        federation.take(MEMBER)
        data = base64.b64encode(federation.sealed()).decode()
        found = await execute(services, "federation publish", {"directory": data}, "tester")
        assert (found["version"], found["signer"]) == (2, False)
        assert services.communities.get(MEMBER.home) is not None


async def test_who_leaves_is_connected_to_nobody_of_it(made_node: Callable[..., Config]) -> None:
    federation = Federation()
    federation.take(MEMBER)
    async with open_services(made_node()) as services:
        await services.membership.join(federation.pin, federation.sealed(), "joined")
        left = await execute(services, "federation leave", {}, "tester")
        assert left["disconnected"] == [MEMBER.name]
        assert services.communities.all() == ()
        assert services.membership.directory is None


async def test_the_membership_survives_a_restart(made_node: Callable[..., Config]) -> None:
    config = made_node()
    async with open_services(config) as services:
        await execute(services, "federation create", {"name": "Region", "names": {"zh": "北区"}}, "tester")
        before = services.membership.directory
    async with open_services(config) as services:
        assert services.membership.directory == before
        listed = await execute(services, "federation list", {}, "tester")
        assert listed["names"] == {"en": "Region", "zh": "北区"}
        assert json.dumps(listed)


async def test_who_is_not_in_the_directory_does_not_join_with_it(made_node: Callable[..., Config]) -> None:
    federation = Federation()
    federation.take(MEMBER)
    async with open_services(made_node()) as services:
        folder = services.config.folder
        key = load_pem_private_key(folder.tls_key.read_bytes(), password=None)
        arguments = {
            "federation": federation.pin.federation,
            "root": federation.pin.root,
            "certificates": folder.tls_chain.read_text(),
            "request": request(key, "Klinik", ["localhost"]),
            "directory": base64.b64encode(federation.sealed()).decode(),
        }
        for changed, code in (
            ({}, "federation.not-listed"),
            ({"certificates": FAR.pem}, "federation.certificate"),
            ({"root": "0" * 64}, "federation.wrong-keys"),
            (
                {"directory": base64.b64encode(federation.sealed(NOW - timedelta(days=30))).decode()},
                "federation.expired",
            ),
        ):
            with pytest.raises(Faults) as raised:
                await execute(services, "federation joined", {**arguments, **changed}, "tester")
            assert raised.value.faults[0].code == code
        assert services.membership.directory is None
        assert services.communities.all() == ()


async def test_one_log_belongs_to_one_member_and_the_other_one_alone_is_left_out(services: Services) -> None:
    log = AuditIdentity(log="n1.example.org/audit", key=bytes(32))
    first, second = replace(MEMBER, audit=log), replace(community(2, node(2)), audit=log)
    for one in (first, second, community(3, node(3))):
        await services.membership.change(lambda content, one=one: signer.with_member(content, one), "member")
    assert {one.home for one in services.communities.all()} == {MEMBER.home, "urn:oid:2.999.3"}
    fault = services.membership.faults["urn:oid:2.999.2"]
    assert fault == "the audit log n1.example.org/audit is that of another community"
