"""What this node does about who knows a patient without being asked, on record: it names no patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.security_records import activity
from trust.audit.event import Action, Coded, EventId, NewRecord

if TYPE_CHECKING:
    from node.exchange import Actors

_TYPE: Final = Coded("discovery", "xdsnode activities", "who knows a patient")


def noted(what: str, actors: Actors, by: str = "") -> NewRecord:
    """A record of it; `by` is who brought it about, this node itself where it is empty."""
    return activity(
        actors.clock(),
        node=actors.own.home,
        user=by or actors.own.name,
        type_=_TYPE,
        event_id=EventId.SECURITY_ALERT,
        action=Action.EXECUTE,
        what=what,
    )
