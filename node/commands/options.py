"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_dir(parser: argparse.ArgumentParser, *, of_verb: bool = False) -> None:
    """`--dir DIR`, which every command has; where a command has verbs, before or after the verb (`of_verb`)."""
    default = argparse.SUPPRESS if of_verb else Path()
    parser.add_argument(
        "--dir", type=Path, default=default, metavar="DIR", help="folder of the node; default: the current folder"
    )


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """`--json`: the same data for programs."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as one JSON object and nothing else")


def add_on_demand(parser: argparse.ArgumentParser) -> None:
    """`--on-demand`: what is made for whoever asks, as well."""
    parser.add_argument("--on-demand", action="store_true", help="also documents that are made when they are fetched")


def root(args: argparse.Namespace) -> Path:
    """The node's folder as an absolute path."""
    found: Path = args.dir.expanduser().resolve()
    return found
