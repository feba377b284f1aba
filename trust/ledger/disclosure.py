"""The disclosure report about one patient: what it opens, and the bundle that proves it (audit-ledger 2.9).

The bundle is verified by `hdn_verify.py report` with nothing else: each event is in the log that the checkpoint seals,
and walking the patient's tags over the leaf layer shows that none was left out.
"""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from trust.errors import LedgerBroken
from trust.ledger import erasure, hdn_verify, store
from trust.ledger.numbering import shard_name
from trust.ledger.record import shard_master, subject_key
from trust.ledger.shard_files import ShardFiles
from trust.ledger.store import Head

_SUBJECT: Final = "SELECT s.ctr, s.seq, r.time FROM audit_subject s LEFT JOIN audit_record r ON r.seq = s.seq"
_OF_SHARD: Final = f"{_SUBJECT} WHERE s.subject = ? AND s.shard = ? AND s.seq < ? ORDER BY s.ctr"

_README: Final = """\
Who looked at the health documents of a patient: a report that proves itself.

  report.html      open it in a browser; it needs no network and can be printed
  report.json      the same for programs: every record with what opens it in the log
  log/             the sealed state of the institution's audit log and the tags of all its entries, which name nobody
  hdn_verify.py    checks all of this; it needs nothing but Python 3.10 or newer

To check it, unpack everything into a folder and run there:

  python3 hdn_verify.py report .

It says whether every event shown is in the sealed log, whether anything about this patient was left out, and whether
report.html says what the records say. Exit status 0 is good. If you trust the institution's copy of hdn_verify.py less
than one of your own, run your own: python3 /your/hdn_verify.py report THIS_FOLDER

Ask the institution, by telephone or on paper, for the key of its log and add --vkey KEY; without it you know that the
report fits the key in this folder, not whose key that is.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which report to make. `since` and `until` are times as in records, "" for everything."""

    patients: Sequence[str]  # "<assigning authority OID>|<id>": all identities of one person
    since: str = ""
    until: str = ""
    made: str
    institution: Mapping[str, str]  # name, home
    names: Mapping[str, str]  # of other institutions, by homeCommunityId
    languages: Sequence[str] = hdn_verify.LANGUAGES


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A report: the content of `report.json`, and the files of the log that it refers to."""

    report: dict[str, Any]
    logs: Sequence[ShardFiles]

    @property
    def events(self) -> int:
        """How many events it shows."""
        return sum(event["shown"] for shard in self.report["shards"] for event in shard["events"])

    def page(self) -> str:
        """`report.html`."""
        return hdn_verify.page(self.report, self.report["languages"])

    def write(self, target: BinaryIO, *, leaves: bool) -> None:
        """The bundle as a zip file; without the leaf layer it shows inclusion, not completeness.

        Raises:
            OSError: the log's files or the target.
        """
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr("README.txt", _README)
            bundle.writestr("report.html", self.page())
            bundle.writestr("report.json", json.dumps(self.report, ensure_ascii=False, indent=1))
            bundle.write(hdn_verify.__file__, "hdn_verify.py")
            for log in self.logs:
                for name, data in _files(log, leaves=leaves):
                    # Hashes cannot be compressed.
                    way = zipfile.ZIP_STORED if name.startswith("tile/") else zipfile.ZIP_DEFLATED
                    bundle.writestr(f"log/{log.folder.name}/{name}", data, way)


def disclose(reader: sqlite3.Connection, folder: Path, master: bytes, wanted: Wanted) -> Disclosure:
    """Open everything that is on record about a patient.

    Args:
        reader: the node's database.
        folder: the published log, a folder for each year.
        master: the key of all patients' tags.
        wanted: whose report, and of which period.

    Raises:
        LedgerBroken: the published files do not fit the database.
        OSError: they cannot be read.
    """
    logs = [ShardFiles(folder / shard_name(head.shard)) for head in store.heads(reader) if _concerns(head, wanted)]
    heads = {shard_name(head.shard): head for head in store.heads(reader)}  # after the files: the log goes on growing
    shards = []
    for files in logs:
        head = heads[files.folder.name]
        if files.checkpoint.origin != head.origin or files.size > head.size:
            raise LedgerBroken(f"{files.folder} is not the published log of this database")
        shards.append(_shard(reader, head, files, shard_master(master, head.origin), wanted))
    _add_erasures(reader, shards, logs)
    report = {
        "format": hdn_verify.PAGE,
        "made": wanted.made,
        "institution": dict(wanted.institution),
        "patients": list(wanted.patients),
        "since": wanted.since,
        "until": wanted.until,
        "names": dict(wanted.names),
        "languages": list(wanted.languages),
        "shards": shards,
    }
    return Disclosure(report, logs)


def _concerns(head: Head, wanted: Wanted) -> bool:
    """Whether a shard has entries of the period."""
    year = head.origin.rpartition("/")[2][:4]
    return not ((wanted.since and year < wanted.since[:4]) or (wanted.until and year > wanted.until[:4]))


def _shard(reader: sqlite3.Connection, head: Head, files: ShardFiles, master: bytes, wanted: Wanted) -> dict[str, Any]:
    events = [
        _event(reader, files, seq - head.first_seq, seq, number=number, shown=shown)
        for patient in wanted.patients
        for number, seq, shown in _of_patient(reader, head, files.size, patient, wanted)
    ]
    return {
        "origin": head.origin,
        "size": files.size,
        "subjects": [{"subject": one, "key": subject_key(master, one).hex()} for one in wanted.patients],
        "events": sorted(events, key=lambda event: event["index"]),
        "erasures": [],
    }


def _add_erasures(reader: sqlite3.Connection, shards: Sequence[dict[str, Any]], logs: Sequence[ShardFiles]) -> None:
    """Where records were erased, the entries of the log that state it. They are about nobody."""
    missing = {
        (files.folder.name, event["index"])
        for shard, files in zip(shards, logs, strict=True)
        for event in shard["events"]
        if not event["record"]
    }
    if not missing:
        return
    heads = {head.origin: head for head in store.heads(reader)}
    for seq, body in erasure.stated(reader):
        stated = list(hdn_verify.erasures(json.loads(body)))
        if not any(name == year and index in indices for name, indices in stated for year, index in missing):
            continue
        for shard, files in zip(shards, logs, strict=True):
            index = seq - heads[shard["origin"]].first_seq
            if 0 <= index < files.size:
                shard["erasures"].append(_event(reader, files, index, seq, number=0, shown=False))


def _of_patient(
    reader: sqlite3.Connection, head: Head, size: int, patient: str, wanted: Wanted
) -> Iterator[tuple[int, int, bool]]:
    """Number, seq and whether it is shown: the period without a gap, and at each end the first one outside of it.

    Those two are opened to prove where the period ends; the page does not show them.
    """
    rows = reader.execute(_OF_SHARD, (patient, head.shard, head.first_seq + size)).fetchall()
    times = [time or "" for _, _, time in rows]
    first = next((at for at, time in enumerate(times) if not wanted.since or time >= wanted.since), len(rows))
    last = max((at for at, time in enumerate(times) if not wanted.until or time < wanted.until), default=-1)
    below, above = first - 1, last + 1
    while below > 0 and not times[below]:  # erased: it has no time any more that could prove anything
        below -= 1
    while above < len(rows) - 1 and not times[above]:
        above += 1
    for at, (number, seq, _) in enumerate(rows):
        if below <= at <= above:
            yield number, seq, first <= at <= last


def _event(
    reader: sqlite3.Connection, files: ShardFiles, index: int, seq: int, *, number: int, shown: bool
) -> dict[str, Any]:
    entry = files.entry(index)
    event: dict[str, Any] = {
        "index": index,
        "n": number,
        "shown": shown,
        "entry": entry.hex(),
        "proof": [one.hex() for one in files.proof(index)],
    }
    stored = store.record(reader, seq)
    if stored is None:  # erased: that there was an event can still be proved, not what it was
        return event | {"record": "", "salt": "", "shown": False}
    record, salt = stored
    return event | {"record": record.decode("utf-8"), "salt": salt.hex()}


def _files(log: ShardFiles, *, leaves: bool) -> Iterator[tuple[str, bytes]]:
    yield "checkpoint", log.note
    if log.cosigned:
        yield "cosigned", log.cosigned
    for name in ("vkey", "policy", "genesis.json", "genesis.salt"):
        path = log.folder / name
        if path.exists():
            yield name, path.read_bytes()
    if leaves:
        yield from log.bundles()
