"""Consents by patient in the node's one database: every version stays readable, a change is a new version.

Consents are kept under the patient that they were recorded for. Whoever reads them names every identity that the
patient goes by, so that they follow merges and their undoing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from trust.consent.policy import Capacity, Consent, Effect, Provision, Status
from trust.pki.bindings import timestamp

_SELECT: Final = "SELECT id, version, patient, status, document, body FROM consent WHERE "
_LISTS: Final = tuple(item.name for item in fields(Provision) if item.name not in {"effect", "breakable"})


def any_kept(connection: sqlite3.Connection) -> bool:
    """Whether any consent was ever recorded."""
    return connection.execute("SELECT 1 FROM consent LIMIT 1").fetchone() is not None


def of_patient(
    connection: sqlite3.Connection, identities: Iterable[str], *, history: bool = False
) -> tuple[Consent, ...]:
    """Consents of a patient under any of its identities: their newest versions, with `history` every one."""
    names = list(identities)
    marks = ", ".join("?" * len(names))
    newest = "" if history else " AND newest = 1"
    rows = connection.execute(f"{_SELECT}patient IN ({marks}){newest} ORDER BY rowid", names)
    return tuple(_consent(row) for row in rows)


def changed_since(connection: sqlite3.Connection, number: int) -> tuple[int, frozenset[str]]:
    """The number of the newest version of any consent, and the patients whose consents came after `number`."""
    (newest,) = connection.execute("SELECT coalesce(max(rowid), 0) FROM consent").fetchone()
    rows = (
        connection.execute("SELECT DISTINCT patient FROM consent WHERE rowid > ?", (number,)) if newest > number else ()
    )
    return newest, frozenset(patient for (patient,) in rows)


def of_document(connection: sqlite3.Connection, document: str) -> tuple[Consent, ...]:
    """The newest versions of consents that were read from this document."""
    rows = connection.execute(f"{_SELECT}document = ? AND newest = 1 ORDER BY rowid", (document,))
    return tuple(_consent(row) for row in rows)


def get(connection: sqlite3.Connection, id_: str) -> Consent | None:
    """The newest version of one consent."""
    row = connection.execute(f"{_SELECT}id = ? AND newest = 1", (id_,)).fetchone()
    return _consent(row) if row else None


def count(connection: sqlite3.Connection) -> int:
    """Number of consents that are active."""
    (found,) = connection.execute("SELECT count(*) FROM consent WHERE newest = 1 AND status = 'active'").fetchone()
    return int(found)


def add(connection: sqlite3.Connection, consent: Consent) -> None:
    """Keep a version; an earlier one stays readable and counts no more. For a write job."""
    connection.execute("UPDATE consent SET newest = 0 WHERE id = ? AND newest = 1", (consent.id,))
    connection.execute(
        "INSERT INTO consent (id, version, newest, patient, status, document, body) VALUES (?, ?, 1, ?, ?, ?, ?)",
        (consent.id, consent.version, consent.patient, consent.status, consent.document, _body(consent)),
    )


def change(connection: sqlite3.Connection, consent: Consent, status: Status, by: str, now: datetime) -> Consent:
    """Keep a new version that differs in its status only. For a write job."""
    changed = replace(consent, version=consent.version + 1, status=status, recorded=now, recorded_by=by)
    add(connection, changed)
    return changed


def as_row(consent: Consent) -> list[Any]:
    """A version as JSON values, to be kept by another node: `from_row` reads it."""
    status = str(consent.status)
    return [consent.id, consent.version, consent.patient, status, consent.document, _body(consent)]


def from_row(row: Sequence[Any]) -> Consent:
    """What `as_row` wrote.

    Raises:
        ValueError, KeyError, TypeError: it did not.
    """
    return _consent(row)


def _body(consent: Consent) -> str:
    return json.dumps(
        {
            "start": timestamp(consent.start),
            "end": timestamp(consent.end) if consent.end else "",
            "recorded": timestamp(consent.recorded),
            "recorded_by": consent.recorded_by,
            "capacity": consent.capacity,
            "source": consent.source,
            "policy": consent.policy,
            "why": consent.why,
            "provisions": [as_plain(one) for one in consent.provisions],
        },
        ensure_ascii=False,
        sort_keys=True,
    )


def as_plain(provision: Provision) -> dict[str, Any]:
    """A provision as JSON values, without its empty parts."""
    lists = {
        name: [list(one) if isinstance(one, tuple) else one for one in sorted(values)]
        for name in _LISTS
        if (values := getattr(provision, name))
    }
    return {"effect": str(provision.effect), **lists, **({} if provision.breakable else {"breakable": False})}


def _consent(row: Sequence[Any]) -> Consent:
    id_, version, patient, status, document, text = row
    body = json.loads(text)
    return Consent(
        id=id_,
        version=version,
        patient=patient,
        status=Status(status),
        start=_moment(body["start"]),
        end=_moment(body["end"]) if body["end"] else None,
        recorded=_moment(body["recorded"]),
        recorded_by=body["recorded_by"],
        capacity=Capacity(body["capacity"]),
        provisions=tuple(_provision(one) for one in body["provisions"]),
        source=body["source"],
        document=document,
        policy=body["policy"],
        why=body["why"],
    )


def _provision(plain: dict[str, Any]) -> Provision:
    lists: dict[str, Any] = {
        name: frozenset(tuple(one) if isinstance(one, list) else one for one in plain[name])
        for name in _LISTS
        if name in plain
    }
    return Provision(effect=Effect(plain["effect"]), breakable=plain.get("breakable", True), **lists)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
