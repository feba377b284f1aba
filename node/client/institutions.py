"""Names of institutions by homeCommunityId: the own one and every connected one."""

from __future__ import annotations

import sqlite3

from node import database
from node.config import Config


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
