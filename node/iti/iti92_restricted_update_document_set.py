"""ITI-92 Restricted Update Document Set: new versions of DocumentEntries (Restricted Metadata Update, 3.92).

The Update Responder of this community, for its own applications and, at a path of its own, for other communities (XCA
Persistence). An update never goes on to a third community.
"""

from __future__ import annotations

import sqlite3

from node.exchange import Exchange
from node.updates import UpdateRequest, UpdateResult, carry_out, home_of
from registry.errors import MissingHomeCommunityId, UnknownCommunity
from trust.identity.caller import Role


async def nothing(_request: UpdateRequest, _incoming: object, _exchange: Exchange) -> None:
    """Nothing to wait for."""


def restricted_update_document_set(
    request: UpdateRequest, _prepared: None, exchange: Exchange, connection: sqlite3.Connection
) -> UpdateResult:
    """Carry out every update of the submission, or none.

    Raises:
        XdsErrors: it is for another community; another community asks and does not say for which.
    """
    own, home = exchange.actors.own.home, home_of(request.submission)
    if exchange.caller.role is Role.PEER and not home:
        raise MissingHomeCommunityId("the submission set does not say which community it is for", location=own)
    if home and home != own:
        raise UnknownCommunity(f"{home} is not this community", location=own)
    return carry_out(request, "ITI-92", exchange, connection)
