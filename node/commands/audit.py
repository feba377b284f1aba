"""Search, read and verify the audit log.

`search`, `explain` and `report --patient` answer in plain words. The others run one file, trust/ledger/hdn_verify.py,
which needs nothing but Python: an auditor copies it and the folder `audit` to another machine and runs the same
commands there, without trusting this program. Whatever shows records of patients is itself put on record.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from node.commands.execution import execute
from node.commands.options import add_dir, root
from node.configuration.config import FILE, load
from trust.ledger import hdn_verify

EXAMPLES = """\
commands:
  search            who did what: by patient, user, document, institution, time, outcome, transaction, incident
  explain ENTRY     one entry in plain words, with its proof
  findings          which accesses somebody should look at, and why; show, note and close one
  report            who looked at one patient's documents, as a page or a bundle with proof; or verify a bundle
  verify            every entry, tile, root and signature (also called: log)
  list              every record, oldest first; --patient, --user, --transaction, --since, --until, --json
  open INDEX        one record, and the proof that it belongs to its entry
  since CHECKPOINT  nothing that an older checkpoint stated was changed or removed
  fork NOTE NOTE    two checkpoints that contradict each other
  copy PEER FOLDER  another institution's log, its public layer; again: what is new
  reconcile B       this node's log and another's, exchange by exchange; B is a copy of that log
  receipt CID       what the other institution proved of an exchange; receipt FILE --vkey KEY verifies that
  reindex           make the index of `search` anew
  erase             end of retention, or an order: what records say is erased, their places stay; --dry-run
  rotate-key        another signing key, planned or after a theft: the log goes on under a new name; --dry-run
  recover           after a real loss: close the shard, go on under a new name, state the loss; --dry-run

examples:
  xdsnode audit search --dir /srv/node --patient 4711
  xdsnode audit explain --dir /srv/node 2026/137
  xdsnode audit findings --dir /srv/node
  xdsnode audit report --dir /srv/node --patient 4711 --output report.zip
  xdsnode audit verify --dir /srv/node
  xdsnode audit copy --dir /srv/node "Clinic South" clinic-log
  xdsnode audit reconcile --dir /srv/node clinic-log
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
    if args.verb in _OWN and not _verifies_a_bundle(args.verb, rest):
        module, function = _OWN[args.verb]
        return int(getattr(importlib.import_module(f"node.commands.{module}"), function)(folder, rest))
    if "--help" in rest or "-h" in rest:
        return hdn_verify.main([args.verb, "--help"])
    if args.verb in _SHOWING and (folder / FILE).exists():
        arguments = {"what": f"audit {args.verb}", "details": {"arguments": shlex.join(rest)} if rest else {}}
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
    if verb == "receipt" and not any(word.startswith(("--vkey", "--policy")) for word in rest):
        return [verb, *rest, database]
    return [verb, *rest]


def _database(folder: Path) -> Path:
    return load(folder).folder.database if (folder / FILE).exists() else folder


def _verifies_a_bundle(verb: str, rest: Sequence[str]) -> bool:
    """`audit report FILE` verifies, `audit report --patient ID` makes one."""
    return verb == "report" and bool(rest) and not rest[0].startswith("-")


# The module of each and its function; imported when it is run, because signatures and the index take time to import.
_OWN: Final[Mapping[str, tuple[str, str]]] = {
    "search": ("audit_search", "run_search"),
    "explain": ("audit_search", "run_explain"),
    "findings": ("audit_findings", "run"),
    "reindex": ("audit_search", "run_reindex"),
    "report": ("audit_report", "run"),
    "copy": ("audit_copy", "run"),
    "recover": ("audit_recover", "recover"),
    "erase": ("audit_erase", "run"),
    "rotate-key": ("audit_rotate", "run"),
}
_VERBS = (*_OWN, "list", "verify", "log", "since", "open", "reconcile", "receipt", "fork")
