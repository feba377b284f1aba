"""A whole visit: the way to an institution, then what the running node asks it through its control socket."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from datetime import datetime

from node import control_call, database
from node.configuration.config import Config
from node.doctor.steps import Row, Step, completed, failed, from_json
from node.doctor.table import finding
from node.doctor.way import Ways, ways
from node.faults import Faults, refused
from trust.communities import Community
from trust.community_store import Communities

_MORE_SECONDS = 15.0


def connected(config: Config) -> tuple[Community, ...]:
    """Every connected institution.

    Raises:
        Faults: the database cannot be read.
    """
    try:
        with contextlib.closing(database.open_reader(config.folder.database)) as connection:
            return tuple(Communities(connection).all())
    except sqlite3.Error as problem:
        step = "xdsnode check; then restore the node from a backup: xdsnode restore --help"
        raise refused("doctor.database", str(config.folder.database), str(problem), step) from None


def visit(config: Config, community: Community, clock: Callable[[], datetime], *, whole: bool = True) -> list[Row]:
    """Every step to `community`, also those that were not tried; without `whole`, nothing is asked after the query."""
    return visit_by(ways(config, clock), community, whole=whole)


def visit_by(prepared: Ways, community: Community, *, whole: bool = True) -> list[Row]:
    """The same with what does not differ between institutions read once."""
    rows, seconds = asyncio.run(prepared.walk(community))
    if not failed(rows):
        rows += _asked(prepared.config, community, seconds, whole=whole)
    return completed(rows)


def _asked(config: Config, community: Community, network: float, *, whole: bool) -> list[Row]:
    arguments = {"peer": community.home, "whole": whole, "network": network}
    most = (config.federation.deadline + 1) * (12 if whole else 1) + _MORE_SECONDS
    try:
        result = control_call.call(config.folder.socket, "peer test", arguments, seconds=most)
    except (ConnectionError, FileNotFoundError):
        return [finding("node.away", quoted=config.root)]
    except Faults as refusal:
        return [finding("node.refused", quoted=refusal)]
    return [from_json(row) for row in result["rows"]]


def reachable(rows: list[Row]) -> bool:
    """Whether name and connection are free."""
    return not failed(row for row in rows if row.step <= Step.REACH)
