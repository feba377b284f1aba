"""Patients this node knows.

Documents are accepted for known patients only. Usually the hospital's patient administration makes them known over the
HL7 v2 feed; these commands do the same by hand. A patient is written ID (of this node's assigning authority) or
'ID^^^&OID&ISO'. Everything done here is an entry of the audit log.
"""

from __future__ import annotations

import argparse
from typing import Any

from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.config import load
from node.faults import Exit

EXAMPLES = """\
examples:
  xdsnode patient add 4711                        known from now on; known already is no error
  xdsnode patient add '4711^^^&2.999.1&ISO'       the same, with its assigning authority
  xdsnode patient list
  xdsnode patient merge 4711 0815                 0815 was 4711 all along: its documents show under 4711
  xdsnode patient unmerge 0815                    that was a mistake
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`patient add | list | show | merge | unmerge`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="add|list|show|merge|unmerge", dest="verb", required=True)
    for verb, summary, names in (
        ("add", "make a patient known", ("patient",)),
        ("list", "every patient", ()),
        ("show", "one patient, and what it was merged with", ("patient",)),
        ("merge", "merge the second patient into the first", ("survivor", "subsumed")),
        ("unmerge", "undo the merge of a patient", ("subsumed",)),
    ):
        child = verbs.add_parser(verb, help=summary, description=summary + ".")
        for name in names:
            child.add_argument(name, metavar="ID", help=_MEANINGS[name])
        add_dir(child, of_verb=True)
        add_json(child, "the result")


_MEANINGS = {
    "patient": "patient, e.g. 4711 or '4711^^^&2.999.1&ISO'",
    "survivor": "the patient that stays",
    "subsumed": "the patient that is merged into another",
}


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    arguments = {name: getattr(args, name) for name in _MEANINGS if hasattr(args, name)}
    result = execute(config, f"patient {args.verb}", arguments)
    if args.json:
        console.emit(result)
    else:
        _print(args.verb, result)
    return Exit.REFUSED if result.get("known") is False else Exit.DONE


def _print(verb: str, result: dict[str, Any]) -> None:
    if verb == "add":
        console.out(f"{result['patient']}  {'known from now on' if result['new'] else 'was known already'}")
    elif verb == "list":
        rows = [(item["patient"], item["added"], item["subsumed_by"] or "") for item in result["patients"]]
        console.table(rows, ("patient", "added (UTC)", "merged into"))
        console.note(f"{len(rows)} patients")
    elif verb == "merge":
        console.out(f"{result['subsumed']} is merged into {result['survivor']}")
    elif verb == "unmerge":
        console.out(f"{result['subsumed']} is a patient of its own again (was merged into {result['survivor']})")
    elif not result["known"]:
        console.note(f"{result['patient']} is not known here; next: xdsnode patient add ID")
    else:
        console.out(f"patient      {result['patient']}")
        console.out(f"added (UTC)  {result['added']}")
        if result["subsumed_by"]:
            console.out(f"merged into  {result['subsumed_by']}")
        for other in result["subsumes"]:
            console.out(f"includes     {other}")
