"""What an administrator should know of subscriptions: `check`, `status`."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from node import database
from node.configuration.config import Config
from node.health import Finding, Level
from node.migrations import REVISIONS
from registry.store.remote_subscriptions import RemoteSubscriptions
from registry.store.subscriptions import Subscriptions
from trust.community_store import Communities

_LATE = timedelta(hours=1)  # a recipient that is down for so long is worth a telephone call
_FAILURES = 5


def untold(config: Config, now: datetime) -> Iterator[Finding]:
    """Notifications that nobody takes, and institutions where nothing can be subscribed."""
    if database.revision(config.folder.database) != REVISIONS[-1]:
        return
    with contextlib.closing(database.open_reader(config.folder.database)) as connection:
        count, oldest = Subscriptions(connection).waiting()
        failing = Counter(one.home for one in RemoteSubscriptions(connection).all() if one.failures >= _FAILURES)
        names = {one.home: one.name for one in Communities(connection).all()}
    if count and oldest < f"{now - _LATE:%Y%m%d%H%M%S}":
        what = f"{count} notifications wait, the oldest since {oldest} UTC: their recipients do not take them"
        step = "xdsnode subscription list shows whose; nothing is lost meanwhile"
        yield Finding(Level.WARN, "subscriptions", what, step)
    for home, number in failing.items():
        what = f"{number} cannot be made or ended at {names.get(home, home)}"
        step = "xdsnode doctor says whether it is reached; where it requires a person, somebody has to subscribe anew"
        yield Finding(Level.WARN, "subscriptions", what, step)
