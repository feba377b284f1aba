"""Take a document out of use.

quarantine: at once it is in no answer any more, to nobody; --off puts it back. For a document that was filed under the
wrong patient. deprecate: it is marked as no longer current and stays retrievable, as if a newer version replaced it.
erase: the stored bytes of a document whose metadata were removed (ITI-62) go for good; `check` names such documents.
All of it is in the audit log.
"""

from __future__ import annotations

import argparse

from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import load
from node.faults import Exit

EXAMPLES = """\
examples:
  xdsnode document quarantine 2.25.31415926           wrong patient: out of every answer, now
  xdsnode document quarantine --off 2.25.31415926     it was right after all
  xdsnode document deprecate 2.25.31415926
  xdsnode find --patient 4711                         prints the uniqueId of each document
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`document deprecate | quarantine | erase U`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="deprecate|quarantine|erase", dest="verb", required=True)
    for verb, summary in (
        ("deprecate", "mark a document as no longer current"),
        ("quarantine", "take a document out of every answer at once, or put it back"),
        ("erase", "remove the bytes of a document that is registered nowhere any more"),
    ):
        child = verbs.add_parser(verb, help=summary, description=summary + ".")
        child.add_argument("unique_id", metavar="U", help="uniqueId of a document that this node holds")
        if verb == "quarantine":
            child.add_argument("--off", action="store_true", help="put it back")
        add_dir(child, of_verb=True)
        add_json(child, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    arguments = {"unique_id": args.unique_id, "off": getattr(args, "off", False)}
    result = execute(config, f"document {args.verb}", arguments)
    if args.json:
        console.emit(result)
    else:
        console.out(f"{result['unique_id']}  {result['state']}")
    return Exit.DONE
