"""The master patient index as this node is configured to keep it."""

from __future__ import annotations

import sqlite3

from node.configuration.config import Config
from registry.patients.matching import Bars
from registry.store.master_index import MasterIndex


def index_of(config: Config, connection: sqlite3.Connection) -> MasterIndex:
    """The index over one connection."""
    matching = config.matching
    bars = Bars(automatic=matching.automatic, review=matching.review)
    return MasterIndex(connection, config.node.assigning_authority, matching.authorities, bars)
