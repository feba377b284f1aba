"""People who use the pages of this node.

Everybody signs in with a password and a one-time code from an authenticator; `add` prints what the authenticator takes.
Each account has one role: a clinician finds and reads documents, an auditor reads the access log, an administrator sees
how the node is, a patient representative makes the report for a patient. `add` for a name that exists sets a new
password, code, role and profession.

A clinician asks other institutions in the functional role that --profession names, one of node/value_sets.toml; without
it in none, which some refuse.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from node.commands import asking, console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import Config, load
from node.faults import Exit, misused

EXAMPLES = """\
examples:
  xdsnode user add a.li --full-name "Dr Ada Li" --role clinician --profession physician
  xdsnode user add m.sala --role auditor --password-file password.txt
  xdsnode user list
  xdsnode user certificate a.li a.li.pem    signs in with it; [sign_in] certificate_ca names its CA
  xdsnode user sign-out c.wu                ends the sessions of anybody, also of the identity provider's users
  xdsnode user close a.li
"""
ROLES: Final = ("clinician", "auditor", "administrator", "patient-representative")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`user add | list | certificate | sign-out | close`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="add|list|certificate|sign-out|close", dest="verb", required=True)
    adding = verbs.add_parser("add", help="open or renew an account", description="Open or renew an account.")
    adding.add_argument("name", metavar="NAME", help="what the person types to sign in")
    adding.add_argument("--full-name", default="", metavar="NAME", help="as others read it, e.g. in the access log")
    adding.add_argument("--role", choices=ROLES, required=True, help="what the account is for")
    adding.add_argument(
        "--profession", default="", metavar="CODE", help="of a clinician: a code or a word, e.g. 46255001 or nurse"
    )
    adding.add_argument("--password-file", type=Path, metavar="FILE", help="else the password is asked for")
    adding.add_argument("--without-code", action="store_true", help="no one-time code: development nodes only")
    listing = verbs.add_parser("list", help="every account", description="Every account, closed ones too.")
    closing = verbs.add_parser("close", help="close an account", description="Close an account, at once.")
    closing.add_argument("name", metavar="NAME", help="its name")
    ending = verbs.add_parser(
        "sign-out",
        help="end somebody's sessions",
        description="End every session of a user, at once; whoever may still sign in can do so again.",
    )
    ending.add_argument("name", metavar="NAME", help="the name signed in with, also one of the identity provider")
    binding = verbs.add_parser(
        "certificate",
        help="sign in with a certificate",
        description="Bind the certificate that an account signs in with.",
    )
    binding.add_argument("name", metavar="NAME", help="the account")
    binding.add_argument("file", nargs="?", type=Path, metavar="FILE", help="certificate (PEM), of a CA in [sign_in]")
    binding.add_argument("--remove", action="store_true", help="take it away again")
    for child in (adding, listing, binding, ending, closing):
        add_dir(child, of_verb=True)
        add_json(child, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    result = _add(config, args) if args.verb == "add" else _other(config, args)
    if args.json:
        console.emit(result)
    else:
        _print(args.verb, result)
    return Exit.DONE


def _add(config: Config, args: argparse.Namespace) -> dict[str, Any]:
    from trust.accounts.factors import hashed  # noqa: PLC0415  only where a password is set

    arguments = {
        "name": args.name,
        "full_name": args.full_name,
        "role": args.role,
        "profession": args.profession,
        "password": hashed(_password(args.password_file)),  # the password itself goes no further than here
        "without_code": args.without_code,
    }
    return execute(config, "user add", arguments)


def _other(config: Config, args: argparse.Namespace) -> dict[str, Any]:
    arguments: dict[str, Any] = {} if args.verb == "list" else {"name": args.name}
    if args.verb == "certificate":
        if bool(args.file) is bool(args.remove):
            step = "xdsnode user certificate NAME FILE, or NAME --remove"
            raise misused("usage", "user certificate", "name a certificate, or --remove", step)
        arguments["certificate"] = "" if args.remove else _pem(args.file)
    return execute(config, f"user {args.verb}", arguments)


def _pem(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as problem:
        raise misused("user.certificate", str(path), str(problem), "name a readable PEM file") from None


def _password(file: Path | None) -> str:
    from trust.accounts.factors import LEAST_CHARACTERS, MOST_CHARACTERS  # noqa: PLC0415

    found = asking.secret("password", file, prompt="password: ", twice=True)
    if not LEAST_CHARACTERS <= len(found) <= MOST_CHARACTERS:
        step = f"take {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters, e.g. four random words"
        raise misused("password.length", "password", f"it has {len(found)} characters", step)
    return found


def _print(verb: str, result: dict[str, Any]) -> None:
    if verb == "list":
        rows = [
            (one["name"], one["role"], one["profession"], one["full_name"], one["closed"] or "in force")
            for one in result["users"]
        ]
        console.table(rows, ("name", "role", "profession", "full name", "state"))
        return
    if verb == "sign-out":
        console.out(f"{result['name']}: sessions ended: {result['ended']}")
        where = f"xdsnode user close {result['name']}" if result["account"] else "close it at the identity provider"
        console.out(f"to keep it out: {where}")
        return
    console.out(f"{result['name']} ({result['role']}): {'closed' if result['closed'] else 'may sign in'}")
    if verb == "add" and result["role"] == "clinician" and not result["profession"]:
        console.out("asks other institutions in no functional role: --profession CODE names one")
    if "code_uri" in result:
        console.out(f"secret for the authenticator, shown this once: {result['code_secret']}")
        console.out(f"the same as an address: {result['code_uri']}")
