"""What other institutions pushed to this one: it is nobody's until somebody here decides.

accept registers the documents for a patient of this institution; from then on they are found and fetched like its own,
marked with who sent them. reject removes them. Everything done here is an entry of the audit log.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import load
from node.faults import Exit

EXAMPLES = """\
examples:
  xdsnode inbox list
  xdsnode inbox show 7 --output to-read              what its sender says; the documents as files
  xdsnode inbox accept 7 --patient 4711              they are of this patient
  xdsnode inbox reject 7 --reason "not our patient"  removed; the reason stays on record
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`inbox list | show NO | accept NO | reject NO`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="list|show|accept|reject", dest="verb", required=True)
    for verb, summary in (
        ("list", "what waits"),
        ("show", "one submission that waits"),
        ("accept", "register its documents for a patient"),
        ("reject", "remove it with its documents"),
    ):
        child = verbs.add_parser(verb, help=summary, description=summary + ".")
        if verb != "list":
            child.add_argument("no", type=int, metavar="NO", help="its number: xdsnode inbox list")
        if verb == "show":
            child.add_argument("--output", type=Path, metavar="FOLDER", help="write the documents there")
        if verb == "accept":
            child.add_argument("--patient", required=True, metavar="ID", help="e.g. 4711 or '4711^^^&2.999.1&ISO'")
        if verb == "reject":
            child.add_argument("--reason", default="", metavar="TEXT", help="why, for the record")
        add_dir(child, of_verb=True)
        add_json(child, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    arguments: dict[str, Any] = {
        name: getattr(args, name) for name in ("no", "patient", "reason") if hasattr(args, name)
    }
    if output := getattr(args, "output", None):
        arguments["output"] = str(output.resolve())
    result = execute(load(root(args)), f"inbox {args.verb}", arguments)
    if args.json:
        console.emit(result)
    elif args.verb == "list":
        for one in result["received"]:
            _print(one)
        shown = "" if len(result["received"]) == result["waiting"] else ", of which these wait longest"
        console.note(f"{result['waiting']} wait{shown}; next: xdsnode inbox show NO")
    elif args.verb == "show":
        _print(result)
        for path in result.get("files", ()):
            console.out(path)
    elif args.verb == "accept":
        for unique_id in result["documents"]:
            console.out(f"{unique_id}  is of {result['patient']} now")
    else:
        console.out(f"{result['no']}  {result['state']}")
    return Exit.DONE


def _print(one: dict[str, Any]) -> None:
    console.out(f"{one['no']}  {one['received']}  {one['sender']}  {one['patient'] or 'no patient named'}")
    for document in one["documents"]:
        about = ", ".join(document["about"])
        console.out(
            f"    {document['title'] or 'no title'}  {document['mime_type']}  {document['size']} octets  {about}"
        )
