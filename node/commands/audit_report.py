"""`xdsnode audit report --patient ID`: who looked at a patient's documents, as a page or as a bundle with proof."""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from node.amounts import size
from node.auditing.reports import report_of
from node.commands import console
from node.commands.audit_search import patient_of
from node.commands.environment import now
from node.commands.execution import execute
from node.commands.options import add_dir
from node.configuration.config import Config, load
from node.faults import Exit, misused, refused
from trust.errors import LedgerBroken
from trust.ledger.disclosure import Disclosure
from trust.ledger.hdn_verify import LANGUAGES
from trust.search.criteria import period

_EXAMPLES = """\
examples:
  xdsnode audit report --patient 4711 --output report.html --lang zh      a page to print
  xdsnode audit report --patient 4711 --output report.zip                 the page in both languages, with proof
  xdsnode audit report --patient 4711 --since 2026-03 --until 2026-05 --output spring.zip
  xdsnode audit report report.zip                                         verify such a bundle

The bundle holds what opens the entries about this patient, and nothing about anybody else. Whoever gets it runs
`python3 hdn_verify.py report .` in it. A patient who was merged is reported under all identities."""


def run(folder: Path, words: Sequence[str]) -> int:
    """Make a report; that it was made, for whom and of which period is on record before it is written."""
    args = _parser().parse_args(words)
    config = load(folder)
    if args.output.suffix not in (".zip", ".html"):
        raise misused("audit.report", str(args.output), "a report ends in .zip or .html", "name it report.zip")
    if args.output.exists():
        raise misused("output.exists", str(args.output), "there is a file already", "take another name")
    cx = patient_of(config, args.patient)
    report = _made(config, args, cx)
    part = args.output.with_name(f".{args.output.name}.part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            if args.output.suffix == ".html":
                file.write(report.page().encode())
            else:
                report.write(file, leaves=not args.without_log)
            length = file.tell()
            file.seek(0)
            details = _details(report, hashlib.file_digest(file, "sha256").hexdigest())
        execute(config, "audit used", {"what": "audit report", "patient": cx, "details": details})
        args.output.hardlink_to(part)
    finally:
        part.unlink()
    console.out(str(args.output))
    console.note(f"{report.events} events of {', '.join(report.report['patients'])}, {size(length)}")
    if args.output.suffix == ".zip":
        console.note(f"verify it anywhere: python3 hdn_verify.py report {args.output.name}")
    return Exit.DONE


def _details(report: Disclosure, digest: str) -> dict[str, str]:
    content = report.report
    details = {"since": content["since"], "until": content["until"], "events": str(report.events), "sha256": digest}
    return {key: value for key, value in details.items() if value}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xdsnode audit report",
        description="Who looked at the documents of one patient: a page to read, or a bundle that proves itself.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_dir(parser)
    parser.add_argument("--patient", required=True, metavar="ID", help="patient, e.g. 4711 or '4711^^^&2.999.1&ISO'")
    parser.add_argument("--since", default="", metavar="TIME", help="not before this day or time, UTC")
    parser.add_argument("--until", default="", metavar="TIME", help="not after this day or time, UTC")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="FILE.zip or FILE.html, mode 0600")
    parser.add_argument("--lang", choices=LANGUAGES, help="language of the page; default: both to choose from")
    parser.add_argument(
        "--without-log", action="store_true", help="leave out the log's entries: a small bundle, inclusion only"
    )
    return parser


def _made(config: Config, args: argparse.Namespace, cx: str) -> Disclosure:
    try:
        since, until = period(args.since)[0] if args.since else "", period(args.until)[1] if args.until else ""
    except (ValueError, OverflowError) as wrong:
        raise misused("audit.time", "--since, --until", str(wrong), "xdsnode audit report --help") from None
    if since and until and since >= until:
        raise misused("audit.time", "--since, --until", "the period ends before it begins", "exchange the two")
    try:
        return report_of(
            config, cx, since=since, until=until, made=now(), languages=(args.lang,) if args.lang else LANGUAGES
        )
    except (OSError, ValueError, LedgerBroken) as problem:
        raise refused("audit.log", str(config.folder.audit), str(problem), "xdsnode audit verify") from problem
