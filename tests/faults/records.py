"""What is on record at a node, read past all of its code: which acknowledged requests have an entry, and whether any is lost."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.history import Fate, History

_QUERY = re.compile(r"<ParticipantObjectQuery>([^<]*)<")
_OID = re.compile(r"2\.25\.\d+")


@dataclass
class Records:
    """The records of one database, read on from where they were read last."""

    database: Path
    mentioned: Counter[str] = field(default_factory=Counter)  # how often each OID stands in a record of its own
    read: int = 0

    def refresh(self) -> list[str]:
        """Read what is new; what is wrong with the numbering."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")  # both of one moment: a running node may write a record of its own between them
            rows = connection.execute(
                "SELECT seq, body FROM audit_record WHERE seq > ? ORDER BY seq", (self.read,)
            ).fetchall()
            (total,) = connection.execute("SELECT count(*) FROM audit_leaf").fetchone()
        for _, body in rows:
            self.mentioned.update(set(_named(body)))
        expected = list(range(self.read + 1, self.read + 1 + len(rows)))  # seq counts from 1
        self.read += len(rows)
        wrong = [] if [seq for seq, _ in rows] == expected else ["records are missing or out of their order"]
        return wrong if total == self.read else [*wrong, f"{total} leaves for {self.read} records"]

    def lost(self) -> list[str]:
        """What was on record before and is no more."""
        anew = Records(self.database)
        wrong = anew.refresh()
        return wrong + [oid for oid, times in self.mentioned.items() if anew.mentioned[oid] < times]

    def unaudited(self, history: History) -> list[str]:
        """Answered requests without an entry of their own."""
        on_record = self.mentioned
        missing = [f"submission {one.set_id}" for one in history.answered_ones() if not on_record[one.set_id]]
        missing += [f"query {marker}" for marker in history.read_markers if not on_record[marker]]
        wanted = Counter(history.read_documents)
        wanted.update(history.looked_at)
        wanted.update(one.documents[0].unique_id for one in history.submissions if one.commanded is Fate.DONE)
        documents = [(one, put) for one in history.submissions for put in one.documents]
        wanted.update(put.amendment for _, put in documents if put.amended is Fate.DONE)
        wanted.update(put.unique_id for _, put in documents if put.stripped is Fate.DONE)
        wanted.update(put.unique_id for one, put in documents if one.erased is Fate.DONE)
        missing += [f"access to {one}" for one, times in wanted.items() if on_record[one] < times]
        told = [(one.id, (one.known is Fate.DONE) + (one.merged is Fate.DONE)) for one in history.people]
        return missing + [f"patient {one}" for one, times in told if on_record[one] < times]


def _named(body: bytes) -> Iterator[str]:
    record = json.loads(body)
    objects = record["event"].get("objects", ())
    texts = [one.get("id", "") for one in objects]
    # Of metadata that was removed the record says what it was.
    removed = [one for one in objects if "urn:ihe:iti:2017:ObjectRef" in one["id_type"]]
    texts += [value for one in removed for name, value in one["details"] if name == "uniqueId"]
    texts += [base64.b64decode(query).decode() for query in _QUERY.findall(record["dicom"])]
    for text in texts:
        yield from _OID.findall(text)
