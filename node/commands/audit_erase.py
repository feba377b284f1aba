"""`xdsnode audit erase`: end of retention, or an order to erase what the audit log says about somebody."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path

from node.auditing.reports import identities
from node.commands import console
from node.commands.audit_search import patient_of
from node.commands.execution import execute
from node.commands.options import add_dir
from node.configuration.config import load
from node.database import open_reader
from node.faults import Exit, misused
from node.records import subject
from registry.store.patients import PatientDirectory
from trust.search.criteria import period

_HELP = """\
Erases what records of the audit log say: the record, its salt, and what another institution proved about it. The 98
bytes of each entry stay, which name nobody: the tree, every checkpoint and every proof stay good, and the number of
entries about a patient can still be counted. The log itself states which entries were erased, when, by whom and why;
`audit verify` accepts no other gap. What explains the log (keys, losses, earlier erasures) is never erased.

Copies elsewhere are not touched: backups, Audit Record Repositories, the log of the institution at the other end.

examples:
  xdsnode audit erase --year 2016 --reason "retention of ten years" --dry-run     what would be erased
  xdsnode audit erase --year 2016 --reason "retention of ten years"
  xdsnode audit erase --patient 4711 --reason "order of the data protection authority 17/2026"
  xdsnode audit erase --patient 4711 --until 2020 --reason "..."
"""


def run(folder: Path, words: Sequence[str]) -> int:
    """Erase, or show what would be erased."""
    args = _parser().parse_args(words)
    if not (args.patient or args.year):
        raise misused("audit.erase", "--patient, --year", "nothing says what to erase", "xdsnode audit erase --help")
    if not args.reason.strip():
        cause = "an erasure is on record for ever and needs its reason"
        raise misused("audit.erase", "--reason", cause, 'say why: --reason "retention of ten years"')
    config = load(folder)
    try:
        until = period(args.until)[1] if args.until else ""
    except (ValueError, OverflowError) as wrong:
        raise misused("audit.time", "--until", str(wrong), "xdsnode audit erase --help") from None
    subjects: list[str] = []
    if args.patient:
        with contextlib.closing(open_reader(config.folder.database)) as reader:
            subjects = [subject(one) for one in identities(PatientDirectory(reader), patient_of(config, args.patient))]
    arguments = {
        "subjects": subjects,
        "shard": args.year,
        "before": until,
        "reason": args.reason.strip(),
        "dry_run": args.dry_run,
    }
    done = execute(config, "audit erase", arguments)
    for one in done["entries"]:
        console.out(one)
    erased = "would be erased; nothing was changed" if args.dry_run else "erased; their places in the log stay"
    console.note(f"{done['count']} records {erased}")
    if done["kept"]:
        console.note(f"{done['kept']} records stay until every Audit Record Repository has them: xdsnode status")
    return Exit.DONE if done["count"] or not done["kept"] else Exit.PARTLY


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xdsnode audit erase", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_dir(parser)
    parser.add_argument("--patient", metavar="ID", help="records about this patient, under all merged identities")
    parser.add_argument("--year", default="", metavar="SHARD", help="records of one shard of the log: 2016, or 2016b")
    parser.add_argument("--until", default="", metavar="TIME", help="only records up to this day or time, UTC")
    parser.add_argument("--reason", default="", metavar="TEXT", help="becomes part of the log")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be erased")
    return parser
