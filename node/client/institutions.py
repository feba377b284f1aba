"""Names of institutions by homeCommunityId: the own one and every connected one; and which one a name means."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from node import database
from node.configuration.config import Config
from node.faults import refused

if TYPE_CHECKING:
    from trust.communities import Community


def names_of(config: Config) -> dict[str, str]:
    """Read-only, from the node's database; without one only the own name is known."""
    names = {config.node.home_community_id: config.node.name}
    if not config.folder.database.exists():
        return names
    try:
        connection = database.open_reader(config.folder.database)
    except sqlite3.Error:
        return names
    try:
        return dict(connection.execute("SELECT home, name FROM community")) | names
    except sqlite3.Error:  # a name is a comfort; what was asked for is shown without it
        return names
    finally:
        connection.close()


def meant(communities: Iterable[Community], wanted: str) -> Community:
    """The community with this homeCommunityId (with or without `urn:oid:`) or this name.

    Raises:
        Faults: there is none, or there are several of this name.
    """
    homes = {wanted, f"urn:oid:{wanted}"}
    found = [one for one in communities if one.home in homes or one.name == wanted]
    if len(found) != 1:
        cause = "several connected institutions have this name" if found else "no connected institution has this name"
        raise refused("peer.unknown", wanted, cause, "give its homeCommunityId: xdsnode peer list")
    return found[0]
