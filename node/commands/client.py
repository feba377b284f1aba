"""Certificates of local applications.

An application of this institution may ask this node when its certificate has a record here. `add` makes key and
certificate (or takes a certificate you have) and records it; `revoke` acts on the next request, also on a connection
that is open. Give the key file to the application and remove it here.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path
from typing import Any

from node.commands import console
from node.commands.environment import now
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import Config, load
from node.faults import Exit, misused

EXAMPLES = """\
examples:
  xdsnode client add "ward 7"                                  makes clients/ward-7/client.key and client.pem
  xdsnode client add "radiology" --certificate radiology.pem   it has a certificate of a CA that this node trusts
  xdsnode client add "night shift" --role operator
  xdsnode client list
  xdsnode client revoke "ward 7"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`client add | list | revoke`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="add|list|revoke", dest="verb", required=True)
    adding = verbs.add_parser("add", help="let an application in", description="Let an application in.")
    adding.add_argument("name", metavar="NAME", help="its name, as it appears in the audit log")
    adding.add_argument(
        "--role", choices=("application", "operator", "auditor"), default="application", help="what it may do"
    )
    adding.add_argument("--certificate", type=Path, metavar="FILE", help="a certificate it has (PEM); else one is made")
    adding.add_argument("--output", type=Path, metavar="FOLDER", help="where key and certificate are written")
    listing = verbs.add_parser("list", help="every client", description="Every client, revoked ones too.")
    revoking = verbs.add_parser("revoke", help="withdraw a client", description="Withdraw a client, at once.")
    revoking.add_argument("name", metavar="NAME", help="its name or the fingerprint of its certificate")
    for child in (adding, listing, revoking):
        add_dir(child, of_verb=True)
        add_json(child, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    result = _VERBS[args.verb](config, args)
    if args.json:
        console.emit(result)
    else:
        _print(args.verb, result)
    return Exit.DONE


def _add(config: Config, args: argparse.Namespace) -> dict[str, Any]:
    if args.certificate:
        try:
            pem = args.certificate.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as problem:
            step = "name a file with -----BEGIN CERTIFICATE----- in it"
            raise misused("client.certificate", str(args.certificate), str(problem), step) from None
        return execute(config, "client add", {"name": args.name, "role": args.role, "certificate": pem})
    folder = (args.output or config.root / "clients" / _plain(args.name)).absolute()
    pem = _issue(config, args.name, folder)
    try:
        result = execute(config, "client add", {"name": args.name, "role": args.role, "certificate": pem})
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return {
        **result,
        "ca": str(config.folder.trust),
        "client_cert": str(folder / "client.pem"),
        "client_key": str(folder / "client.key"),
    }


def _issue(config: Config, name: str, folder: Path) -> str:
    """Make key and certificate in `folder`, which must be new; returns the certificate."""
    from node.making import open_applications  # noqa: PLC0415  only where a certificate is made
    from trust.pki import authority  # noqa: PLC0415
    from trust.pki.certificates import to_pem  # noqa: PLC0415
    from trust.pki.keyfiles import private_folder, write_private  # noqa: PLC0415

    if folder.exists() and any(folder.iterdir()):
        step = "name another folder with --output, or move this one away: keys are never overwritten"
        raise misused("client.folder", str(folder), "this folder is not empty", step)
    applications = open_applications(config.folder, now=now(), development=config.node.development)
    key = authority.new_key()
    certificate = applications.issue(name[:64], key.public_key(), now=now(), usages=authority.APPLICATION)
    private_folder(folder)
    write_private(folder / "client.key", authority.key_pem(key))
    pem = to_pem([certificate])
    write_private(folder / "client.pem", pem.encode())
    return pem


def _list(config: Config, _args: argparse.Namespace) -> dict[str, Any]:
    return execute(config, "client list", {})


def _revoke(config: Config, args: argparse.Namespace) -> dict[str, Any]:
    return execute(config, "client revoke", {"name": args.name})


_VERBS = {"add": _add, "list": _list, "revoke": _revoke}


def _print(verb: str, result: dict[str, Any]) -> None:
    if verb == "list":
        rows = [
            (one["name"], one["role"], one["not_after"][:10], one["revoked"] or "in force", one["fingerprint"])
            for one in result["clients"]
        ]
        console.table(rows, ("name", "role", "ends", "state", "fingerprint"))
    elif verb == "revoke":
        for one in result["revoked"]:
            console.out(f"{one['name']}  {one['fingerprint']}  revoked")
    else:
        console.out(f"{result['name']}  {result['role']}  {result['fingerprint']}")
        if "client_key" in result:
            console.out(f"key          {result['client_key']}")
            console.out(f"certificate  {result['client_cert']}")
            console.note("give both to the application, over a safe way, and remove the key here")
            console.note(f"the application trusts the node by {result['ca']}; addresses: xdsnode endpoints")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "client"
