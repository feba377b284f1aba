"""What a caller may say about itself: no more than its certificate is bound to."""

from __future__ import annotations

from trust.errors import NotPermitted
from trust.identity.caller import Caller, Role


def acts_as(caller: Caller) -> frozenset[Role]:
    """The roles whose transactions answer this caller.

    One certificate has one role; the development client, an application bound to a test community, may also ask what
    peers ask.
    """
    if caller.role is Role.APPLICATION and caller.home:
        return frozenset({Role.APPLICATION, Role.PEER})
    return frozenset({caller.role})


def check_home(caller: Caller, claimed_home: str) -> None:
    """Refuse a request in which `caller` speaks for a community other than its own.

    `claimed_home` is the homeCommunityId found in wsa:From, an assertion or the request, "" for none.

    Raises:
        NotPermitted: the message names both communities; it is for the record and not for the answer.
    """
    if claimed_home and claimed_home != caller.home:
        bound = f"is bound to {caller.home}" if caller.home else "is bound to no community"
        raise NotPermitted(f"{caller.name!r} speaks for {claimed_home[:200]!r}, but its certificate {bound}")
