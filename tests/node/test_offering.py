"""What a member offers comes into the directory by itself; who it is does not (ITI-56: a locator says so there)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from node.administration.exports import own_community, own_urls
from node.configuration.config import Config
from node.health import Finding, Level
from node.http.resources import Asked
from node.membership import offering, signer
from node.membership.findings import membership
from node.membership.membership import Membership
from node.operations import execute
from node.services import Services, open_services
from registry.store import locations
from tests.trust.directory.federations import community, node
from trust.identity.caller import Caller, Role

MEMBER = community(1, node(1))
URLS = {name: f"https://n1.example.org:8443/{name}" for name in ("iti-38", "iti-39", "iti-56", "locations")}


@dataclass
class Desk:
    """What the handler uses."""

    membership: Membership


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    """A node that signs, and one other member."""
    async with open_services(made_node()) as opened:
        await execute(opened, "federation create", {"name": "Region"}, "tester")
        await opened.membership.change(lambda content: signer.with_member(content, MEMBER), "member added")
        yield opened


async def offered(services: Services, content: Any, home: str = MEMBER.home) -> int:
    caller = Caller(role=Role.PEER, name="member", fingerprint="", address="::1", home=home)
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    asked = Asked(
        caller=caller, parameters={}, query=(), headers={}, content_type="", body=body, endpoint="/x", incident="i"
    )
    return (await offering.take(asked, Desk(services.membership))).status


def listed(services: Services, home: str = MEMBER.home) -> dict[str, Any]:
    return dict(services.membership.directory.content.member(home))


async def test_a_member_becomes_a_locator(services: Services) -> None:
    before, version = listed(services), services.membership.directory.version
    wanted = {"endpoints": URLS, "capabilities": ["locator"]}
    assert await offered(services, wanted) == 204
    assert listed(services) == before | wanted
    assert services.communities.get(MEMBER.home).capabilities == ("locator",)
    assert services.membership.duty().homes == (MEMBER.home,)
    assert await offered(services, wanted) == 204
    assert services.membership.directory.version == version + 1, "the same again is no change"
    assert await offered(services, {"endpoints": URLS}) == 409, "not twice a minute"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"no JSON", 400),
        ([], 400),
        ({"endpoints": URLS, "name": "Somebody else"}, 400),
        ({"endpoints": URLS, "home_community_id": "urn:oid:2.999.2"}, 400),
        ({"endpoints": {"iti-38": URLS["iti-38"]}}, 409),
        ({"endpoints": URLS | {"iti-55": "https://elsewhere.example.org/iti-55"}}, 409),
        ({"endpoints": URLS | {"iti-55": "https://169.254.169.254/iti-55"}}, 409),
        ({"endpoints": URLS, "capabilities": "locator"}, 409),
    ],
)
async def test_what_a_member_may_not_change_stays(services: Services, content: object, status: int) -> None:
    before = services.membership.directory
    assert await offered(services, content) == status
    assert services.membership.directory is before


async def test_whoever_is_no_member_offers_nothing(services: Services) -> None:
    assert await offered(services, {"endpoints": URLS}, "urn:oid:2.999.77") == 404


async def test_a_node_lists_itself_and_leaves_addresses_alone(services: Services) -> None:
    """The signer was updated and accepts to be a locator; an address in the directory is not its own to change."""
    config, membership = services.config, services.membership
    home = config.node.home_community_id
    moved = listed(services, home)["endpoints"] | {"iti-38": "https://localhost:9999/iti-38"}
    del moved["iti-56"], moved["locations"]
    row = listed(services, home) | {"endpoints": moved, "capabilities": ["witness"]}
    rows = (listed(services), row)
    await membership.change(lambda content: replace(content, members=rows), "as an older version was described")
    own = replace(own_community(config, own_urls(config)), capabilities=("locator",))
    offer = offering.Offer(membership, lambda: own)
    await offer.round()
    assert listed(services, home)["capabilities"] == ["locator", "witness"]
    assert listed(services, home)["endpoints"] == dict(own.endpoints) | {"iti-38": "https://localhost:9999/iti-38"}
    version = membership.directory.version
    await offer.round()
    assert membership.directory.version == version


async def test_check_says_whether_the_locators_know_everybody(services: Services) -> None:
    def found() -> list[Finding]:
        return [one for one in membership(services.config, services.clock()) if one.subject == "locators"]

    assert found() == []
    for k in (2, 3, 4):
        urls = {name: url.replace("n1.", f"n{k}.") for name, url in URLS.items()}
        locator = community(k, node(k), endpoints=urls, capabilities=("locator",))
        await services.membership.change(lambda content, one=locator: signer.with_member(content, one), "added")
    (before,) = found()
    assert (before.level, "not told of every patient yet" in before.what) == (Level.WARN, True)

    def work(connection):
        locations.complete(connection, services.actors.own.home, services.membership.duty().root)
        return None, [services.membership.record("all told")]

    await services.actors.sequencer.transact(work)
    (after,) = found()
    assert after.level is Level.OK
