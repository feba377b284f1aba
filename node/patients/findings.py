"""What waits for a person in the master patient index: `check`, `status`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from node import database
from node.configuration.config import Config
from node.health import Finding, Level
from node.migrations import REVISIONS
from registry.store.pairs import Pairs


def doubtful_pairs(config: Config, _now: datetime) -> Iterator[Finding]:
    """How many pairs of records the matching leaves to a person."""
    if database.revision(config.folder.database) != REVISIONS[-1]:
        return
    with contextlib.closing(database.open_reader(config.folder.database)) as connection:
        waiting = Pairs(connection).waiting()
    if waiting:
        what = f"{waiting} pairs of records may be one person each"
        yield Finding(Level.WARN, "patients", what, "xdsnode patient review list")
