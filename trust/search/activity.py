"""What somebody did, in the few facts that rules about many records need. Nothing here does IO.

A record that says nothing about people and patients (a system that polls, an anchor) is no activity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final

UNIT: Final = "PV1-3"  # detail of a patient object: the unit of the institution that the patient came to
_ENDS: Final = frozenset({"110150", "110152", "110153"})  # roles of systems
_CALLING: Final = re.compile(r".+ \((?:application|peer|operator)\)", re.DOTALL)
_PAGES: Final = "xdsnode pages"


class Act(IntEnum):
    """What was done."""

    CAME = 1  # the administration says that the patient is here, and in which unit
    WROTE = 2  # documents were stored
    LISTED = 3  # somebody saw which documents there are
    OPENED = 4  # somebody opened documents
    SOUGHT = 5  # somebody looked for a person
    BROKE = 6  # somebody broke the glass
    READ_LOG = 7  # somebody looked at the audit log
    GAVE = 8  # another institution gave documents that were asked for here


LOOKED: Final = frozenset({Act.LISTED, Act.OPENED})
# EventTypeCode or EventID -> what it is.
_ACTS: Final[Mapping[str, Act]] = {
    "ITI-8": Act.CAME, "ITI-30": Act.CAME, "ITI-44": Act.CAME,
    "ITI-41": Act.WROTE, "ITI-42": Act.WROTE, "ITI-65": Act.WROTE,
    "ITI-18": Act.LISTED, "ITI-38": Act.LISTED, "ITI-67": Act.LISTED,
    "ITI-43": Act.OPENED, "ITI-39": Act.OPENED, "ITI-68": Act.OPENED,
    "ITI-45": Act.SOUGHT, "ITI-47": Act.SOUGHT, "ITI-55": Act.SOUGHT, "ITI-78": Act.SOUGHT,
    "search of patients": Act.SOUGHT,
    "110127": Act.BROKE, "110101": Act.READ_LOG,
}  # fmt: skip
_WITH_OTHERS: Final = (3, 4, 7)  # kinds whose `peer` is another institution
_ASKED_OUT: Final = (1, 4, 6)  # kinds of records about what this node asked of others


@dataclass(frozen=True, slots=True)
class Activity:
    """One act. `time` is in seconds since 1970, UTC; "" is not known or does not apply."""

    seq: int
    time: int
    act: Act
    user: str  # how records name the person; "" for a system
    name: str  # the name for people
    role: str  # code
    patient: str  # "<assigning authority OID>|<id>"
    purpose: str  # code
    peer: str  # homeCommunityId of the institution that asked, or that gave
    place: str  # where the person sat, as an address; of CAME the unit
    documents: int
    good: bool  # it was not refused and did not fail
    said: str  # of BROKE: why


def activity(seq: int, record: Mapping[str, Any]) -> Activity | None:
    """The act in a record as the ledger keeps it, None where there is none."""
    event = record["event"]
    act = _act(record["kind"], event)
    if act is None:
        return None
    human = _human(event["participants"])
    peer = record["peer"] if record["kind"] in _WITH_OTHERS else ""
    if not human and act in LOOKED and not peer:
        return None
    objects = event["objects"]
    return Activity(
        seq,
        _seconds(record["time"]),
        act,
        human.get("user", ""),
        _name(human),
        human.get("role", ("",))[0],
        record["subject"],
        event["purpose"][0][0] if event.get("purpose") else "",
        peer,
        _unit(objects) if act is Act.CAME else _place(human, event["participants"]),
        sum(one["type"] == "2" and one.get("role") == "3" for one in objects),
        event["outcome"] < 8,
        event.get("outcome_text", "") if act is Act.BROKE else "",
    )


def _act(kind: int, event: Mapping[str, Any]) -> Act | None:
    if "id" not in event:
        return None
    code, system, _ = event.get("type", ("", "", ""))
    act = _ACTS.get(code) or _ACTS.get(event["id"][0])
    if kind in _ASKED_OUT:
        return Act.GAVE if act is Act.OPENED and kind == 4 and event["outcome"] < 8 else None
    return act if system != _PAGES or act is Act.SOUGHT else None


def _human(participants: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The person among those who took part: who asked, and is no system."""
    for one in participants:
        if one["requestor"] and one.get("role", ("",))[0] not in _ENDS and "://" not in one["user"]:
            return one
    return {}


def _name(human: Mapping[str, Any]) -> str:
    name: str = human.get("alternative") or human.get("name", "")
    return "" if name.startswith("<") or name.isdecimal() else name


def _place(human: Mapping[str, Any], participants: list[Mapping[str, Any]]) -> str:
    if human.get("address"):
        return str(human["address"])
    calling = (one for one in participants if _CALLING.fullmatch(one.get("name", "")))
    return str(next(calling, {}).get("address", ""))


def _unit(objects: list[Mapping[str, Any]]) -> str:
    return next((value for one in objects for name, value in one.get("details", ()) if name == UNIT), "")


def _seconds(time: str) -> int:
    return int(datetime.fromisoformat(time[:19]).replace(tzinfo=UTC).timestamp())
