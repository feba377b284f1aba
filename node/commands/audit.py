"""Read and verify the audit log.

These commands run one file, trust/ledger/hdn_verify.py, which needs nothing but Python: an auditor copies it and the
folder `audit` to another machine and runs the same commands there, without trusting this program. `list` and `open`
show records of patients, so looking is itself put on record.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from node.commands.execution import execute
from node.commands.options import add_dir, root
from node.config import FILE, load
from trust.ledger import hdn_verify

EXAMPLES = """\
commands:
  verify            every entry, tile, root and signature (also called: log)
  list              what was recorded; --patient, --user, --transaction, --since, --until, --json
  open INDEX        one record, and the proof that it belongs to its entry
  since CHECKPOINT  nothing that an older checkpoint stated was changed or removed
  fork NOTE NOTE    two checkpoints that contradict each other
  reconcile B       this node's log and another's, exchange by exchange; B is a copy of that log (its folder audit)
  report            in a later version

examples:
  xdsnode audit list --dir /srv/node --limit 20
  xdsnode audit verify --dir /srv/node
  xdsnode audit reconcile --dir /srv/node clinic/audit --json
  python3 hdn_verify.py verify audit/2026          the same on another machine
  xdsnode audit list --help                        all options of one command

exit status: 0 good, 1 invalid (the first bad entry is named), 2 incomplete input, 3 evidence of a fork,
             4 quorum of witnesses not met
"""
_SHOWING = ("list", "open", "reconcile")  # commands that print records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything after the verb belongs to the verifier, but for `--dir`."""
    add_dir(parser)
    parser.add_argument("verb", metavar="COMMAND", choices=_VERBS, help="one of the commands below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="its arguments, and --dir DIR")


def run(args: argparse.Namespace) -> int:
    """Run the verifier on this node's log."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_dir(own, of_verb=True)
    _, rest = own.parse_known_args(args.rest, args)
    folder = root(args)
    if "--help" in rest or "-h" in rest:
        return hdn_verify.main([args.verb, "--help"])
    if args.verb in _SHOWING and (folder / FILE).exists():
        arguments = {"what": f"audit {args.verb}"}
        execute(load(folder), "audit used", arguments)
    return hdn_verify.main(_words(args.verb, folder, rest))


def _words(verb: str, folder: Path, rest: Sequence[str]) -> list[str]:
    """The verifier's own arguments: the node's folder or database stands where it wants them."""
    place, database = str(folder), str(_database(folder))
    if verb in ("verify", "log"):
        return [verb, place, *rest]
    if verb in ("since", "open"):
        return [verb, *rest[:1], place, *rest[1:]]
    if verb == "reconcile":
        return [verb, place, *rest]
    if verb == "list":
        return [verb, database, *rest]
    return [verb, *rest]


def _database(folder: Path) -> Path:
    return load(folder).folder.database if (folder / FILE).exists() else folder


_VERBS = ("list", "verify", "log", "since", "open", "report", "reconcile", "fork")
