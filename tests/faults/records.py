"""What is on record at a stopped or running node, read past all of its code: which acknowledged requests have an entry."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections import Counter
from pathlib import Path

from tests.faults.history import History

_QUERY = re.compile(r"<ParticipantObjectQuery>([^<]*)<")
_OID = re.compile(r"2\.25\.\d+")


def mentioned(database: Path) -> Counter[str]:
    """How often each uniqueId stands in the records: of submission sets, documents and queries."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    found: Counter[str] = Counter()
    try:
        for (body,) in connection.execute("SELECT body FROM audit_record"):
            record = json.loads(body)
            texts = [one.get("id", "") for one in record["event"].get("objects", ())]
            texts += [base64.b64decode(query).decode() for query in _QUERY.findall(record["dicom"])]
            found.update({oid for text in texts for oid in _OID.findall(text)})
    finally:
        connection.close()
    return found


def unaudited(database: Path, history: History) -> list[str]:
    """Acknowledged requests without an entry of their own."""
    on_record = mentioned(database)
    missing = [f"submission {one.set_id}" for one in history.done() if not on_record[one.set_id]]
    missing += [f"query {marker}" for marker in history.read_markers if not on_record[marker]]
    retrieved = Counter(history.read_documents)
    missing += [f"retrieve of {one}" for one, times in retrieved.items() if on_record[one] < times]
    return missing
