"""The person for whom a command asks (`--user`, `--role`, `--purpose`, `--reason`), as an assertion of the own node."""

from __future__ import annotations

import argparse

from node.commands.execution import execute
from node.configuration.config import Config
from node.faults import misused


def add_user(parser: argparse.ArgumentParser) -> None:
    """The options that name a person."""
    parser.add_argument("--user", default="", metavar="NAME", help="for whom: the node vouches for this person")
    parser.add_argument(
        "--role", default="", metavar="CODE", help="with --user: a code or a word, e.g. 112247003 or physician"
    )
    parser.add_argument(
        "--purpose", default="", metavar="CODE", help="with --user: purpose of use, e.g. TREAT or treatment"
    )
    parser.add_argument("--npi", default="", metavar="NUMBER", help="with --user: national provider identifier")
    parser.add_argument(
        "--reason", default="", metavar="TEXT", help="with --purpose emergency: why the glass is broken, in your words"
    )


def assertion(config: Config, args: argparse.Namespace, patient: str = "") -> bytes:
    """The assertion that the node makes about the named person, b"" when nobody is named.

    `patient` (CX) limits it to one patient, "" does not.

    Raises:
        Faults: a role or purpose without a person, or one that is in no value set.
    """
    if not args.user:
        if args.role or args.purpose or args.reason or args.npi:
            raise misused(
                "usage", "--role, --purpose, --reason, --npi", "nobody is named whose they are", 'add --user "NAME"'
            )
        return b""
    arguments = {"user": args.user, "role": args.role, "purpose": args.purpose, "reason": args.reason}
    arguments |= {"patient": patient, "npi": args.npi}
    found: str = execute(config, "assertion issue", arguments)["assertion"]
    return found.encode()
