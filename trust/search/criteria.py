"""What can be looked for in the audit log, and what of a record answers to it. Nothing here does IO.

Index and search take the same `Facts` of a record, so the index cannot find by another rule than the search decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_QUERY_ROLE: Final = "24"
_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_STEPS: Final = (timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What to look for; an empty field looks for nothing. All that is given must hold."""

    patient: str = ""  # "<assigning authority OID>|<id>"
    users: tuple[str, ...] = ()  # each a part of the id, name or address of somebody who took part, in any case
    document: str = ""  # uniqueId of a document or submission set, entryUUID
    community: str = ""  # homeCommunityId of the other side, or of where a document is held
    since: str = ""  # times as in records, "2026-11-23T10:02:17.000Z"; `since` counts, `until` does not
    until: str = ""
    outcome: int | None = None
    events: tuple[str, ...] = ()  # each a transaction, EventTypeCode or EventID: ITI-18, 110126
    incident: str = ""  # incident, or wsa:MessageID of an exchange: the other institution has the same

    def words(self) -> dict[str, str]:
        """What was looked for, as it is put on record."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {
            name: " ".join(value) if isinstance(value, tuple) else str(value)
            for name, value in values
            if value not in ("", None, ())
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a record can be looked for."""

    time: str
    patient: str
    users: tuple[str, ...]  # of each participant everything that names it, one line each, casefolded
    documents: tuple[str, ...]
    communities: tuple[str, ...]
    outcome: int | None
    events: tuple[str, ...]  # upper case
    incidents: tuple[str, ...]


def facts(record: Mapping[str, Any]) -> Facts:
    """The facts of a record as the ledger keeps it."""
    event = record["event"]
    note = event.get("note", {})
    objects = event.get("objects", ())
    codes = (event.get("type", ("",))[0], event.get("id", ("",))[0], note.get("transaction", ""), note.get("event", ""))
    incidents = (event.get("incident", ""), note.get("incident", ""), record["cid"])
    return Facts(
        record["time"],
        record["subject"],
        tuple(_names(one) for one in event.get("participants", ())),
        tuple(one["id"] for one in objects if one["type"] == "2" and one.get("role") != _QUERY_ROLE),
        tuple(_communities(record["peer"], objects)),
        event.get("outcome"),
        tuple(code.upper() for code in dict.fromkeys(codes) if code),
        tuple(one for one in dict.fromkeys(incidents) if one),
    )


def _names(one: Mapping[str, Any]) -> str:
    return "\n".join(one[key] for key in ("user", "name", "alternative", "address") if one.get(key)).casefold()


def _communities(peer: str, objects: tuple[Mapping[str, Any], ...]) -> Iterator[str]:
    if peer:
        yield peer
    for one in objects:
        for type_, value in one.get("details", ()):
            if type_.lower().endswith("homecommunityid") and value != peer:
                yield value


def holds(criteria: Criteria, found: Facts) -> bool:
    """Whether a record is one that is looked for."""
    wanted = criteria
    return (
        (not wanted.patient or wanted.patient == found.patient)
        and (not wanted.since or found.time >= wanted.since)
        and (not wanted.until or found.time < wanted.until)
        and (wanted.outcome is None or wanted.outcome == found.outcome)
        and all(event.upper() in found.events for event in wanted.events)
        and (not wanted.community or wanted.community in found.communities)
        and (not wanted.document or wanted.document in found.documents)
        and (not wanted.incident or wanted.incident in found.incidents)
        and all(any(user.casefold() in names for names in found.users) for user in wanted.users)
    )


def period(text: str) -> tuple[str, str]:
    """The time that a date names, as records write times: its first instant and the first one after it.

    `text` is a year, month, day, minute, second or part of a second, as in FHIR: `2026`, `2026-11-23`,
    `2026-11-23T10:02+01:00`. Without an offset it is UTC.

    Raises:
        ValueError: not a date, or none of the calendar.
    """
    form = _DATE.fullmatch(text)
    if form is None:
        raise ValueError(f"{text!r} is not a date: write 2026-11-23 or 2026-11-23T10:02:17Z")
    year, month, day, minutes, seconds, part, offset = form.groups()
    whole = f"{year}-{month or '01'}-{day or '01'}T{minutes or '00:00'}:{seconds or '00'}"
    start = datetime.fromisoformat(f"{whole}{(part or '')[:4].ljust(4, '0') if part else ''}{offset or 'Z'}")
    if month is None:
        end = start.replace(year=start.year + 1)
    elif day is None:
        end = (start + timedelta(days=31)).replace(day=1)
    else:
        end = start + (timedelta(milliseconds=1) if part else _STEPS[2 if seconds else 1 if minutes else 0])
    return _written(start), _written(end)


def _written(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
