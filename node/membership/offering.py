"""What a member offers, kept up in the directory: its endpoints and capabilities, after an update or another setting.

A node that has an endpoint or a capability which the directory does not know tells the signer, which signs the next
version. Who a member is (identifiers, name, certificates, keys, issuers) is not changed this way: people compared that,
or a renewal did. Nor does a node by itself change an address that stands there already: the signer may have set it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from node.discovery.duty import LOCATOR
from node.exchange import Desk
from node.faults import Faults
from node.federation.client import PeerFault
from node.http.resources import Asked, Given
from node.membership.membership import Membership, url_of
from node.membership.signer import is_signer
from trust.communities import Community, read_description
from trust.directory.content import ACTIVE, Content
from trust.errors import BadCertificate, BadCommunity

MOST_BODY: Final = 1 << 15
OFFERED: Final = ("endpoints", "capabilities")
_SECONDS: Final = 10.0
_SELDOM: Final = 60.0  # seconds between two changes of one member


class Offer:
    """One for a running node; `own` describes it as it is now."""

    def __init__(self, membership: Membership, own: Callable[[], Community]) -> None:
        self._membership = membership
        self._own = own
        self._told: tuple[int, bytes] = (0, b"")  # the version that was in force, and what was told then

    async def round(self) -> None:
        """Compare, and tell the signer once for each version of the directory."""
        membership = self._membership
        directory = membership.directory
        row = directory.content.member(membership.config.node.home_community_id) if directory else None
        if directory is None or row is None:
            return
        offered = self._offered(row)
        body = orjson.dumps(offered, option=orjson.OPT_SORT_KEYS)
        if offered == _listed(row) or self._told == (directory.version, body):
            return
        self._told = (directory.version, body)
        if is_signer(membership.config.folder):
            await _changed(membership, row, offered)
            return
        for publisher in membership.communities.all():
            if publisher.home in directory.content.publishers and url_of(publisher):
                url = url_of(publisher).rpartition("/")[0] + "/offer"
                try:
                    async with asyncio.timeout(_SECONDS):
                        await membership.client.plain(
                            publisher, "POST", url, body, content_type="application/json", most=4096
                        )
                except (PeerFault, TimeoutError):
                    self._told = (0, b"")  # in the next round again

    def _offered(self, row: Mapping[str, Any]) -> dict[str, Any]:
        own = self._own()
        others = [one for one in row.get("capabilities", ()) if one != LOCATOR]
        capabilities = sorted({*others, *own.capabilities})
        return {
            "endpoints": {**own.endpoints, **row["endpoints"]},
            **({"capabilities": capabilities} if capabilities else {}),
        }


def _listed(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the directory says that a member offers."""
    capabilities = sorted(row.get("capabilities", ()))
    return {"endpoints": dict(row["endpoints"]), **({"capabilities": capabilities} if capabilities else {})}


async def take(asked: Asked, desk: Desk) -> Given:
    """A member says what it offers: under the rules that each of its endpoints is judged by, at most once a minute."""
    membership = desk.membership
    home = asked.caller.home
    row = membership.directory.content.member(home) if membership.directory else None
    if row is None or row["status"] != ACTIVE or not is_signer(membership.config.folder):
        return Given(status=404)
    try:
        said = orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        return Given(status=400, body=b"not JSON")
    if not isinstance(said, dict) or not said.keys() <= set(OFFERED):
        return Given(status=400, body=f"an object with {' and '.join(OFFERED)} alone".encode())
    if said == _listed(row):
        return Given(status=204)
    now = asyncio.get_running_loop().time()
    if membership.offers.get(home, -_SELDOM) > now - _SELDOM:
        return Given(status=409, body=b"it was changed a moment ago")
    membership.offers[home] = now
    try:
        await _changed(membership, row, said)
    except (BadCommunity, BadCertificate, Faults) as problem:
        return Given(status=409, body=str(problem)[:300].encode())
    return Given(status=204)


async def _changed(membership: Membership, row: Mapping[str, Any], offered: Mapping[str, Any]) -> None:
    """Sign the next version with what a member offers.

    Raises:
        BadCommunity: what would stand there is no good description.
        Faults: nothing can be signed.
    """
    node, home = membership.config.node, row["home_community_id"]
    read_description(
        {key: value for key, value in row.items() if key not in OFFERED} | dict(offered),
        now=membership.actors.clock(),
        development=node.development,
        permitted=membership.config.federation.permitted_hosts,
    )

    def edit(content: Content) -> Content:
        rows = [
            {key: value for key, value in one.items() if key not in OFFERED} | dict(offered)
            if one["home_community_id"] == home
            else one
            for one in content.members
        ]
        return replace(content, members=tuple(rows))

    await membership.change(edit, f"what {row['name']} offers")
