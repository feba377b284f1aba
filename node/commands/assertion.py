"""Print an assertion about a test user, for tests of systems that receive them (ITI-40); development nodes only.

The variants are those of NIST's XUA plans: `valid` and `withauthzconsent` are accepted, every other one is refused.
"""

from __future__ import annotations

import argparse
from typing import Final

from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, root
from node.configuration.config import load
from node.faults import Exit

EXAMPLES = """\
examples:
  xdsnode assertion                             one that is accepted here and at every connected institution
  xdsnode assertion --variant expired
  command = ["xdsnode", "assertion", "--dir", "/srv/node", "--variant", "{variant}"]
      in the configuration of a test runner

variants: valid, expired, notyetvalid, unsigned, unknownaudience, invalidauthnstatement, secondauthncontext,
  secondpurposeofuse, secondrole, withauthzconsent
"""
_DEFAULT: Final = "valid"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Folder and variant."""
    add_dir(parser)
    parser.add_argument("--variant", default=_DEFAULT, metavar="NAME", help=f"one of those below; default: {_DEFAULT}")


def run(args: argparse.Namespace) -> int:
    """Have the node make it and print it."""
    console.out(execute(load(root(args)), "assertion test", {"variant": args.variant})["assertion"])
    return Exit.DONE
