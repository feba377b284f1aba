"""Push documents of a patient to another institution: a referral, a discharge letter to the family doctor.

Sharing needs no push: whoever may see a document finds it and fetches it from here. Push what somebody has to be told
of. Only what the patient's policy lets that institution see goes out. There it waits until somebody decides.
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
  xdsnode push --patient 4711 --to "Clinic South" 2.25.31415926
  xdsnode find --patient 4711                         prints the uniqueId of each document

exit status: 0 taken, 1 refused, 3 the institution cannot be reached
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Patient, recipient, documents."""
    add_dir(parser)
    parser.add_argument("unique_ids", nargs="+", metavar="U", help="uniqueId of a document that this node holds")
    parser.add_argument("--patient", required=True, metavar="ID", help="e.g. 4711 or '4711^^^&2.999.1&ISO'")
    parser.add_argument("--to", required=True, metavar="PEER", help="name or homeCommunityId of the institution")
    add_json(parser, "the result")


def run(args: argparse.Namespace) -> int:
    """Push them in one submission."""
    arguments = {"patient": args.patient, "peer": args.to, "unique_ids": args.unique_ids}
    result = execute(load(root(args)), "push", arguments)
    if args.json:
        console.emit(result)
        return Exit.DONE
    for unique_id in result["documents"]:
        console.out(f"{unique_id}  taken by {result['recipient']}")
    for one in result["notes"]:
        console.note(f"{one['code']}: {one['text']}")
    return Exit.DONE
