"""How long documents are kept.

Rules stand in node.toml; a document that none of them speaks of is kept for ever, and of several the longest decides.
Its age counts from its creationTime. `list` shows what would go and removes nothing; `apply` removes it for good,
metadata and content, each document with a record that says what it was. What is under legal hold stays.

  [[retention.rules]]
  name = "laboratory"
  classes = ["LAB^2.999.8.1"]     # class codes; also: types = ["…^…"]
  years = 10
"""

from __future__ import annotations

import argparse
import sys

from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import Config, load
from node.faults import Exit

EXAMPLES = """\
examples:
  xdsnode retention list
  xdsnode retention apply --most 1000       the rest another time; may be stopped and run again at any moment
"""

_AT_ONCE = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`retention list | apply`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="list|apply", dest="verb", required=True)
    listing = verbs.add_parser("list", help="what would be removed", description="What would be removed; nothing is.")
    applying = verbs.add_parser("apply", help="remove it", description="Remove what has outlived the rules.")
    applying.add_argument("--most", type=int, default=0, metavar="N", help="at most so many; default: all")
    for child in (listing, applying):
        add_dir(child, of_verb=True)
        add_json(child, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    if args.verb == "apply":
        return _apply(config, args.most, as_json=args.json)
    result = execute(config, "retention list", {})
    if args.json:
        console.emit(result)
        return Exit.DONE
    for one in result["documents"]:
        held = "  under legal hold: stays" if one["held"] else ""
        console.out(f"{one['unique_id']}  made {one['created'][:8]}  rule {one['rule']}{held}")
    console.note(f"{result['count']} documents have outlived the rules; nothing was removed")
    return Exit.DONE


def _apply(config: Config, most: int, *, as_json: bool) -> int:
    removed, after, held = 0, 0, set[str]()
    while not most or removed < most:
        at_once = min(_AT_ONCE, most - removed if most else _AT_ONCE)
        result = execute(config, "retention apply", {"most": at_once, "after": after})
        removed += len(result["removed"])
        held |= {*result["held"]}
        after = result["after"]
        if not as_json:
            for one in result["removed"]:
                console.out(f"{one['unique_id']}  removed by rule {one['rule']}")
            sys.stdout.flush()
        if not result["more"]:
            break
    if as_json:
        console.emit({"removed": removed, "held": sorted(held)})
    console.note(f"{removed} documents removed, {len(held)} kept under legal hold")
    return Exit.DONE
