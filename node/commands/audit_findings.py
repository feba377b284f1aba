"""`xdsnode audit findings`: accesses that somebody should look at, each with its reason; what came of it is kept."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from node.auditing import telling
from node.auditing.proofs import institutions
from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json
from node.configuration.config import Config, load
from node.faults import Exit
from trust.findings.finding import Finding, Rule, Severity

_EXAMPLES: Final = """\
examples:
  xdsnode audit findings                         what is open, the most serious first
  xdsnode audit findings look                    run the rules now; the node does so every hour
  xdsnode audit findings show 12                 one finding: why, by which rule, which entries, what was written
  xdsnode audit findings note 12 --note "asked the head of the ward, waits for her answer"
  xdsnode audit findings close 12 --outcome explained --note "was on call; the head of the ward confirms it"

Outcomes: explained, misuse, false-alarm; `open` opens a finding again. A false alarm counts against its rule."""


def run(folder: Path, words: Sequence[str]) -> int:
    """List, show, note, close, look."""
    args = _parser().parse_args(words)
    config = load(folder)
    if args.act == "look":
        result = execute(config, "audit findings look", {})
        if args.json:
            console.emit(result)
        else:
            console.note(f"{result['new']} new findings")
        return Exit.DONE
    if args.act in ("show", "note", "close"):
        arguments: dict[str, Any] = {"finding": args.finding}
        if args.act != "show":
            arguments |= {"note": args.note, "outcome": args.outcome if args.act == "close" else ""}
        command = "audit findings show" if args.act == "show" else "audit findings close"
        result = execute(config, command, arguments)
    else:
        result = execute(config, "audit findings", {"closed": args.closed})
    if args.json:
        console.emit(result)
    elif "finding" in result:
        _print_one(config, result["finding"])
    else:
        _print_all(config, result)
    return Exit.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xdsnode audit findings",
        description="Accesses that somebody should look at, found by rules over the audit log, each with its reason.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_dir(parser)
    add_json(parser, "the result")
    parser.add_argument("--closed", action="store_true", help="those that were decided, instead of the open ones")
    acts = parser.add_subparsers(metavar="show|note|close|look", dest="act")
    one = argparse.ArgumentParser(add_help=False)
    one.add_argument("finding", type=int, metavar="N", help="number of the finding")
    text = argparse.ArgumentParser(add_help=False)
    text.add_argument("--note", required=True, metavar="TEXT", help="what you found out, and from whom")
    acts.add_parser("show", parents=[one], help="one finding", description="One finding with its evidence.")
    acts.add_parser("note", parents=[one, text], help="write a note", description="Write a note on a finding.")
    closing = acts.add_parser("close", parents=[one, text], help="decide", description="Say what a finding became.")
    closing.add_argument(
        "--outcome", required=True, choices=("explained", "misuse", "false-alarm", "open"), help="what it became"
    )
    acts.add_parser("look", help="run the rules now", description="Run the rules over the last 90 days.")
    for child in acts.choices.values():
        add_dir(child, of_verb=True)
        child.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    return parser


def _finding(one: Mapping[str, Any]) -> Finding:
    return Finding(
        rule=Rule(one["rule"]),
        sentence=one["sentence"],
        severity=Severity(one["severity"]),
        user=one["user"],
        name=one["name"],
        peer=one["peer"],
        patients=tuple(one["patients"]),
        first=one["first"],
        last=one["last"],
        entries=(),
        values=one["values"],
    )


def _told(one: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return telling.sentence(_finding(one), str, names)


def _print_all(config: Config, result: Mapping[str, Any]) -> None:
    names = institutions(config)
    for one in result["findings"]:
        patient = f"  patient {one['patients'][0].partition('|')[2]}" if len(one["patients"]) == 1 else ""
        console.out(
            f"{one['id']:<5}{one['severity']:<8}{_time(one['last'])}  {telling.title(Rule(one['rule']), str)}{patient}"
        )
        state = "" if one["state"] == "open" else f"  [{one['state']}]"
        console.out(f"     {_told(one, names)}{state}")
    console.note(f"{len(result['findings'])} findings; one with its evidence: xdsnode audit findings show N")


def _print_one(config: Config, one: Mapping[str, Any]) -> None:
    rule = Rule(one["rule"])
    patients = [subject.partition("|")[2] for subject in one["patients"]]
    rows = [
        ("finding", f"{one['id']}, {one['state']}, found {one['found']}"),
        ("why", _told(one, institutions(config))),
        ("rule", f"{one['rule']} version {one['version']}: {telling.threshold(rule, str)}"),
        ("when", f"{_time(one['first'])} to {_time(one['last'])} UTC"),
        ("who", one["user"] or one["peer"]),
        ("patients", " ".join(patients[:20]) + (f" and {len(patients) - 20} more" if len(patients) > 20 else "")),
        ("entries", " ".join(one["entries"])),
        *(("note", f"{note['written']} {note['by']} {note['outcome']}: {note['text']}") for note in one["notes"]),
    ]
    for name, value in rows:
        console.out(f"{name:<14}{value}")
    console.note("each entry with its proof: xdsnode audit explain ENTRY")


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
