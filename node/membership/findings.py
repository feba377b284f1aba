"""What `check` and `status` say about the membership of this node, from its files alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from node import database
from node.configuration.config import Config
from node.discovery.duty import of_directory
from node.health import Finding, Level
from node.membership.signer import is_signer
from node.migrations import REVISIONS
from registry.store import locations
from trust.community_store import Communities
from trust.directory import store
from trust.directory.directory import standing
from trust.directory.members import members_of

_LEVELS = {"": Level.OK, "stale": Level.WARN, "ending": Level.WARN, "ended": Level.FAIL}


def membership(config: Config, now: datetime) -> Iterator[Finding]:
    """The directory in force, how long it counts, and members of it that are not connected."""
    if database.revision(config.folder.database) != REVISIONS[-1]:
        return
    with contextlib.closing(database.open_reader(config.folder.database)) as connection:
        directory = store.in_force(connection)
        connected = {one.home for one in Communities(connection).all()}
        told, waiting = locations.sources(connection), locations.waiting(connection)
    if directory is None:
        what = "this node is in no federation: who is connected is what administrators compared one by one"
        yield Finding(Level.WARN, "federation", what, "xdsnode federation create NAME, or join INVITATION")
        return
    content, state = directory.content, standing(directory, now)
    until = f"{directory.expires:%Y-%m-%d %H:%M} UTC"
    what = f"{content.name}, version {directory.version}, {len(content.members)} members, counts until {until}"
    if state == "ended":
        what = f"the directory of {content.name} ended on {until}: its members are neither asked nor answered"
    elif state:
        what += f"; signed last on {directory.issued:%Y-%m-%d %H:%M} UTC"
    signer = "xdsnode federation sign" if is_signer(config.folder) else "ask the signer's administrator: does it run?"
    yield Finding(_LEVELS[state], "federation", what, signer if state else "")
    if content.member(config.node.home_community_id) is None:
        step = "ask for an invitation, or leave: xdsnode federation leave"
        yield Finding(Level.FAIL, "federation", "the directory does not list this node any more", step)
    duty = of_directory(directory.federation, content)
    if duty.exists:
        own = config.node.home_community_id
        whole = told.get(own) == duty.root
        what = f"{len(duty.homes)}{', this node is one' if own in duty.homes else ''}; "
        what += "they know of every patient" if whole else f"not told of every patient yet, {waiting} changes wait"
        step = "" if whole else "the running node tells them by itself; a locator that is away is in its log"
        yield Finding(Level.OK if whole else Level.WARN, "locators", what, step)
    found = members_of(
        directory,
        now=now,
        own_home=config.node.home_community_id,
        development=config.node.development,
        permitted=config.federation.permitted_hosts,
    )
    for home, fault in found.faults.items():
        step = "a private address is permitted in [federation] permitted_hosts; else it is theirs to correct"
        yield Finding(Level.WARN, f"member {home}", f"not connected: {fault}", step)
    for community in found.communities:
        if community.home not in connected:
            step = "xdsnode peer list: is it connected by hand, or has another one its log or issuer?"
            yield Finding(Level.WARN, f"member {community.name}", "not connected", step)
