"""Another key for the audit log: the log ends under the old one and goes on under a new name with the new one (2.5).

The last record under the old key names the new one; the first records under the new key commit to the last checkpoint
of the old one. A process that dies in between leaves the old log whole, or the new one begun: `key_in_force` then
finishes the exchange of the files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from node.folder import Folder
from trust.audit.event import Kind, NewRecord
from trust.ledger import store
from trust.ledger.checkpoint import NoteSigner, VerificationKey
from trust.ledger.keys import read_key
from trust.ledger.shard import named_key

EVENT: Final = "key-change"
_STOLEN: Final = "compromised: what it signs from now on is not this node's"


def key_in_force(folder: Folder, reader: sqlite3.Connection) -> Path:
    """The file of the key that the log goes on under.

    Raises:
        LedgerBroken: a key file or the first record of the log cannot be read.
    """
    heads = store.heads(reader)
    named = named_key(reader, heads[-1]) if heads else None
    if named is not None and folder.next_ledger_key.exists() and key_of(folder.next_ledger_key, named.name) == named:
        folder.next_ledger_key.replace(folder.ledger_key)
    return folder.ledger_key


def statement(now: str, *, origin: str, vkey: str, reason: str, operator: str, stolen: bool) -> NewRecord:
    """Kind 9: which key signs which log from now on, and why."""
    note = {
        "event": EVENT,
        "next_origin": origin,
        "next_vkey": vkey,
        "reason": reason,
        "operator": operator,
        "former_key": _STOLEN if stolen else "given up",
    }
    return NewRecord(kind=Kind.KEY, time=now, note=note)


def key_of(path: Path, name: str) -> VerificationKey:
    """The public half of a key file, as the key of the log `name`."""
    return NoteSigner(name, read_key(path)).key


def compromised(record: Mapping[str, Any]) -> datetime | None:
    """When a key was given up because somebody else may have it, if the record says that; None if not."""
    note = (record.get("event") or {}).get("note") or {}
    stolen = note.get("event") == EVENT and note.get("former_key") == _STOLEN
    return datetime.fromisoformat(record["time"]) if stolen else None
