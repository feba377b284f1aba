"""Legal holds: what nobody may remove.

A hold on a patient or on a document blocks every removal (ITI-62, ITI-86, retention) by anybody, until it is cleared.
It follows the patient through merges, and where one is undone it holds both. Nobody who asks for documents sees that
there is a hold. Setting and clearing one is an entry of the audit log, with the reason.
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
  xdsnode hold set --patient 4711 --reason "court order 3 O 17/26"
  xdsnode hold set --document 2.25.31415926 --reason "claim 2026-88"
  xdsnode hold list
  xdsnode hold clear --patient 4711 --reason "proceedings closed"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`hold set | clear | list`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="set|clear|list", dest="verb", required=True)
    for verb, summary in (("set", "let nobody remove it"), ("clear", "let it be removed again")):
        child = verbs.add_parser(verb, help=summary, description=summary + ".")
        subject = child.add_mutually_exclusive_group(required=True)
        subject.add_argument("--patient", default="", metavar="ID", help="everything of this patient")
        subject.add_argument("--document", default="", metavar="U", help="the document with this uniqueId")
        child.add_argument("--reason", required=verb == "set", default="", metavar="TEXT", help="why, for the record")
        add_dir(child, of_verb=True)
        add_json(child, "the result")
    listing = verbs.add_parser("list", help="every hold", description="Every hold, the oldest first.")
    add_dir(listing, of_verb=True)
    add_json(listing, "the holds")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    named = () if args.verb == "list" else ("patient", "document", "reason")
    result = execute(config, f"hold {args.verb}", {name: getattr(args, name) for name in named})
    if args.json:
        console.emit(result)
        return Exit.DONE
    for one in result["holds"] if args.verb == "list" else [result["hold"]]:
        console.out(f"{one['kind']:8}  {one['subject']}  since {one['since']} by {one['by']}: {one['reason']}")
    if args.verb == "clear":
        console.note("cleared")
    elif args.verb == "set" and not result["new"]:
        console.note("it was held already")
    return Exit.DONE
