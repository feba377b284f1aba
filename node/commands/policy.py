"""What somebody would see of a patient, and why; and the review of accesses in an emergency.

explain: a dry run. It asks the same code that answers requests, and shows for each document whether this person would
see it, which rule decides and who can change that. review: whoever broke the glass waits here for somebody to look.
Both are entries of the audit log.
"""

from __future__ import annotations

import argparse
from typing import Any

from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import load
from node.faults import Exit

EXAMPLES = """\
examples:
  xdsnode policy explain --patient 4711 --community "Clinic South" --role nurse --purpose treatment
  xdsnode policy explain --patient 4711 --community "Clinic South" --user 'x<a@idp>' --role physician \\
      --purpose emergency --reason "unconscious"
  xdsnode policy review list
  xdsnode policy review close 3 --outcome justified --remark "admitted unconscious, confirmed by the ward"
"""
_WHO = (
    ("community", "NAME", "connected institution that asks; default: this one"),
    ("user", "USER", "person, as the audit log names them"),
    ("role", "ROLE", "physician, nurse, … or CODE^OID"),
    ("purpose", "WORD", "treatment, emergency, research, … or CODE^OID"),
    ("organisation", "OID", "institution that the person acts for"),
    ("reason", "TEXT", "why the glass is broken"),
    ("document", "U", "this document alone"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`policy explain`, `policy review list | close`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="explain|review", dest="verb", required=True)
    explain = verbs.add_parser("explain", help="what somebody would see, and why", description="A dry run.")
    explain.add_argument("--patient", required=True, metavar="ID", help="e.g. 4711 or '4711^^^&2.999.1&ISO'")
    for name, metavar, meaning in _WHO:
        explain.add_argument(f"--{name}", default="", metavar=metavar, help=meaning)
    add_dir(explain, of_verb=True)
    add_json(explain, "the answer")
    review = verbs.add_parser("review", help="accesses in an emergency", description="Accesses in an emergency.")
    acts = review.add_subparsers(metavar="list|close", dest="act", required=True)
    listing = acts.add_parser("list", help="what waits for review", description="What waits for review.")
    listing.add_argument("--all", action="store_true", help="what was reviewed, too")
    closing = acts.add_parser("close", help="say what came of it", description="Close a case with its outcome.")
    closing.add_argument("case", type=int, metavar="N", help="number of the case")
    closing.add_argument(
        "--outcome", required=True, choices=("justified", "not-justified", "unclear"), help="what the review found"
    )
    closing.add_argument("--remark", default="", metavar="TEXT", help="in your own words")
    for child in (listing, closing):
        add_dir(child, of_verb=True)
        add_json(child, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    if args.verb == "explain":
        arguments = {"patient": args.patient, **{name: getattr(args, name) for name, _, _ in _WHO}}
        result = execute(config, "policy explain", arguments)
    elif args.act == "list":
        result = execute(config, "policy review list", {"all": args.all})
    else:
        chosen = {"case": args.case, "outcome": args.outcome, "remark": args.remark}
        result = execute(config, "policy review close", chosen)
    if args.json:
        console.emit(result)
    elif args.verb == "explain":
        _print_answer(result)
    else:
        cases = result["cases"] if args.act == "list" else [result["case"]]
        for case in cases:
            _print_case(case)
        if args.act == "list":
            console.note(f"{len(cases)} shown")
    return Exit.DONE


def _print_answer(result: dict[str, Any]) -> None:
    for one in result["documents"]:
        seen = "seen, by breaking the glass" if one["broken"] else "seen" if one["seen"] else "not seen"
        console.out(f"{one['document']}  {seen}")
        for reason in one["reasons"]:
            rule = f"  [{reason['rule']}]" if reason["rule"] else ""
            console.out(f"    {reason['step']} {reason['text']}{rule}")
            if reason["who"]:
                console.out(f"      can change it: {reason['who']}")
    seen = sum(one["seen"] for one in result["documents"])
    console.note(f"{seen} of {len(result['documents'])} documents would be seen")


def _print_case(case: dict[str, Any]) -> None:
    state = f"{case['outcome']} ({case['reviewed_by']}, {case['reviewed']})" if case["outcome"] else "waits"
    console.out(f"{case['id']}  {case['patient']}  {case['first']} to {case['last']}  {state}")
    console.out(
        f"    {case['user']} {case['user_name']} ({case['role'] or 'no role'})"
        f" of {case['organisation'] or case['home']}: "
        f"{case['accesses']} accesses, {case['documents']} documents"
    )
    console.out(f"    reason: {case['reason']}")
