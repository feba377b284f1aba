"""The command `xdsnode`: a table of commands, one module for each family (interfaces: Command line).

The exit statuses are `node.faults.Exit`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node import __version__
from node.commands import console
from node.faults import Exit, Faults

_EPILOG: Final = """\
first steps:
  xdsnode init --dir /srv/node --name "Hospital North" --dev    make a node for trying things out
  xdsnode serve --dir /srv/node                                 run it
  xdsnode check --dir /srv/node                                 what is missing or wrong, with the next step

exit status: 0 all done, 1 the node refused (codes are printed), 2 wrong usage or configuration,
             3 node or peer not reachable, 4 partly done
`xdsnode COMMAND --help` teaches one command with examples."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its module in `node.commands` and the line that the overview shows."""

    name: str
    module: str
    summary: str


COMMANDS: Final = (
    Command("init", "init", "make a node: folder, keys, certificate or request, configuration"),
    Command("serve", "serve", "run the node until it is told to stop"),
    Command("check", "check", "look for everything that is missing or wrong, with the next step for each"),
    Command("status", "status", "how the running node is doing"),
    Command("endpoints", "endpoints", "addresses and identifiers that others need to connect"),
    Command("backup", "backup", "save database, documents and audit log as one consistent set"),
    Command("restore", "restore", "make a node from a backup and verify it"),
    Command("export", "export", "write everything of a patient, or of every patient, into a folder anybody can read"),
    Command("import", "import_", "take such a folder in, or an XDM package"),
    Command("patient", "patient", "patients this node knows: add, list, show, merge, unmerge"),
    Command("submit", "submit", "share documents of a patient"),
    Command("find", "find", "what is known of a patient here and at every connected institution"),
    Command("fetch", "fetch", "get documents from wherever they are held"),
    Command("push", "push", "push documents of a patient to another institution"),
    Command("inbox", "inbox", "what other institutions pushed here: list, show, accept, reject"),
    Command("document", "document", "take a document out of use: deprecate, quarantine"),
    Command("retention", "retention", "how long documents are kept: list what has outlived the rules, remove it"),
    Command("hold", "hold", "legal holds, which nobody's removal gets past: set, clear, list"),
    Command("consent", "consent", "what patients decided about their documents: add, list, show, withdraw"),
    Command("policy", "policy", "what somebody would see and why; review of accesses in emergencies"),
    Command("subscription", "subscription", "who is told of new documents: list, add, remove"),
    Command("client", "client", "certificates of local applications: add, list, revoke"),
    Command("user", "account", "people who use the pages: add, list, close"),
    Command("peer", "peer", "other institutions: add, list, show, test, remove"),
    Command("federation", "federation", "the federation: create, invite, join, list, remove, leave"),
    Command("doctor", "doctor", "why this node and another institution cannot talk, in twelve steps"),
    Command("audit", "audit", "read and verify the audit log"),
    Command("assertion", "assertion", "assertions about a test user, for tests of receivers (development nodes)"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.umask(0o077)  # whatever a command writes holds keys or patients' data
    try:
        args = _parser(words).parse_args(words)
        return int(args.run(args))
    except Faults as refusal:
        console.complain(refusal)
        return int(refusal.status)
    except BrokenPipeError:
        # Whoever read the output has seen enough. The interpreter must not complain about it at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.DONE)
    except KeyboardInterrupt:
        console.note("stopped")
        return 130
    except Exception as failure:  # noqa: BLE001  the edge of the process: no administrator reads a traceback
        return _unexpected(failure)


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xdsnode",
        description="One node of a federation of institutions that share clinical documents (IHE XDS.b and XCA).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"xdsnode {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    wanted = next((word for word in words if not word.startswith("-")), "")
    for command in COMMANDS:
        # Only the wanted command is imported: a short command must not pay for the server.
        module = importlib.import_module(f"node.commands.{command.module}") if command.name == wanted else None
        child = commands.add_parser(
            command.name,
            help=command.summary,
            description=(module.__doc__ or "") if module else "",
            epilog=getattr(module, "EXAMPLES", ""),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if module:
            module.add_arguments(child)
            child.set_defaults(run=module.run)
    return parser


def _unexpected(failure: Exception) -> int:
    frames = traceback.extract_tb(failure.__traceback__)[-3:]
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    console.note(
        f"error internal\n  where: {places}\n  cause: {type(failure).__name__}: {failure}\n"
        "  next:  this is a fault of the program; keep these lines and report them"
    )
    return int(Exit.REFUSED)
