"""How the running node is doing: since when, how many documents, which peers, what needs attention.

Asks the running node; `check` looks at the files and works without it.
"""

from __future__ import annotations

import argparse

from node import control_call
from node.commands import console
from node.commands.options import add_dir, add_json, root
from node.configuration.config import load
from node.faults import Exit, unreachable

EXAMPLES = """\
examples:
  xdsnode status --dir /srv/node
  xdsnode status --dir /srv/node --json

exit status: 0 without FAIL, 1 with one, 3 the node does not run
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Folder and form of the output."""
    add_dir(parser)
    add_json(parser, "the state")


def run(args: argparse.Namespace) -> int:
    """Ask the node and print what it says."""
    config = load(root(args))
    try:
        state = control_call.call(config.folder.socket, "status", {}, seconds=15)
    except (ConnectionError, FileNotFoundError):
        raise unreachable(
            "node.not-running",
            str(config.folder.socket),
            "no node runs in this folder",
            f"xdsnode serve --dir {config.root}; xdsnode check --dir {config.root} says what would hinder it",
        ) from None
    if args.json:
        console.emit(state)
    else:
        for name, value in state["facts"].items():
            console.out(f"{name + ':':24}{value}")
        for finding in state["findings"]:
            console.out(f"{finding['level']:4}  {finding['subject']}: {finding['what']}")
            if finding["next_step"]:
                console.out(f"      next: {finding['next_step']}")
    return Exit.REFUSED if any(finding["level"] == "FAIL" for finding in state["findings"]) else Exit.DONE
