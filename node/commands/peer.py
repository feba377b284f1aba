"""Other institutions that this node asks and answers.

Two administrators exchange the files that `endpoints --export` writes and compare the fingerprints by telephone; each
adds the other's file. Nothing is ever fetched from the other node to decide whether to trust it. A peer gets documents
up to its clearance: U unrestricted, L low, M moderate, N normal (default), R restricted, V very restricted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.commands import console
from node.commands.environment import now
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import Config, load
from node.faults import Exit, misused, refused

if TYPE_CHECKING:
    from trust.communities import Community

EXAMPLES = """\
examples:
  xdsnode peer add clinic.json                     prints the fingerprint and asks
  xdsnode peer add clinic.json --fingerprint 3f9a… --clearance R
  xdsnode peer add clinic-new.json --replace       its certificate or its addresses changed; the rest stays as it is
  xdsnode peer add clinic.json --audit-proof required     it must prove that every exchange is in its audit log
  xdsnode peer list
  xdsnode peer test "Clinic South"                 name, address, TLS, certificate and a query; more: xdsnode doctor
  xdsnode peer remove urn:oid:2.999.7
  xdsnode peer decide "Clinic South" continue --reason "restored by mistake, seen on site"   after its audit log forked
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`peer add | list | show | test | decide | remove`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="add|list|show|test|decide|remove", dest="verb", required=True)
    adding = verbs.add_parser("add", help="connect an institution", description="Connect an institution.")
    adding.add_argument("file", type=Path, metavar="FILE", help="what its `endpoints --export` wrote")
    adding.add_argument("--fingerprint", metavar="HEX", help="as the other administrator told you; else it is asked")
    adding.add_argument(
        "--clearance", choices=tuple("ULMNRV"), help="highest confidentiality it gets; N, or with --replace as before"
    )
    adding.add_argument(
        "--audit-proof",
        choices=("required", "optional"),
        help="required: nothing is exchanged without its receipt that the exchange is in its audit log; "
        "optional, or with --replace as before",
    )
    adding.add_argument(
        "--quirk",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="how it differs from the standards: documents_per_retrieve=10, uuid_form=lower, upper or bare, "
        "date_range=creation, retrieve_packaging=soap, refused_leniencies=all or NAME,NAME; may be repeated; "
        "NAME= takes one away",
    )
    adding.add_argument("--replace", action="store_true", help="it is connected already: take its new description")
    adding.add_argument("--revoke-previous", action="store_true", help="with --replace: its old certificate ends now")
    children = [
        adding,
        verbs.add_parser("list", help="every connected institution", description="Connected institutions."),
    ]
    for verb, summary in (
        ("show", "one institution with its addresses"),
        ("test", "whether it can be reached, step by step"),
        ("remove", "disconnect an institution, at once"),
        ("decide", "its audit log has forked: go on with it or stop"),
    ):
        child = verbs.add_parser(verb, help=summary, description=summary + ".")
        child.add_argument("peer", metavar="PEER", help="its homeCommunityId or its name")
        if verb == "decide":
            child.add_argument("decision", choices=("continue", "stop"), help="what holds from now on")
            child.add_argument("--reason", required=True, help="why; it is put on record")
        children.append(child)
    for child in children:
        add_dir(child, of_verb=True)
        add_json(child, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    if args.verb == "test":
        return _test(config, args)
    result = _add(config, args) if args.verb == "add" else execute(config, f"peer {args.verb}", _argument(args))
    if args.json:
        console.emit(result)
    elif args.verb == "list":
        _print_list(result)
    else:
        _print_one(args.verb, result)
    return Exit.DONE


def _argument(args: argparse.Namespace) -> dict[str, str]:
    names = ("peer", "decision", "reason")
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def _add(config: Config, args: argparse.Namespace) -> dict[str, Any]:
    from trust.communities import read_export  # noqa: PLC0415  only where a file is read
    from trust.errors import BadCommunity  # noqa: PLC0415

    try:
        text = args.file.read_text(encoding="utf-8")
        community = read_export(
            text,
            now=now(),
            own_home=config.node.home_community_id,
            development=config.node.development,
            permitted=config.federation.permitted_hosts,
        )
    except (OSError, UnicodeDecodeError) as problem:
        step = "name the file that the other node's `xdsnode endpoints --export` wrote"
        raise misused("peer.file", str(args.file), str(problem), step) from None
    except BadCommunity as problem:
        step = (
            "ask the other administrator for a new export; a private address must stand in [federation] permitted_hosts"
        )
        raise refused("peer.export", str(args.file), str(problem), step) from None
    fingerprint = args.fingerprint or _asked(community)
    arguments = {
        "export": text,
        "fingerprint": fingerprint,
        "quirks": args.quirk,
        "replace": args.replace,
        "revoke_previous": args.revoke_previous,
    }
    given = {"clearance": args.clearance, "audit_proof": args.audit_proof}
    return execute(config, "peer add", arguments | {name: value for name, value in given.items() if value})


def _asked(community: Community) -> str:
    """Show the fingerprint and ask whether it is the one that the other administrator reads out."""
    from trust.pki.certificates import in_groups  # noqa: PLC0415

    console.note(f"{community.name}  {community.home}")
    for key, url in community.endpoints.items():
        console.note(f"  {key}  {url}")
    console.note("fingerprint of its certificate (SHA-256):")
    console.note(in_groups(community.fingerprint))
    if not sys.stdin.isatty():
        step = "compare it with the other administrator, then: xdsnode peer add FILE --fingerprint HEX"
        raise misused("peer.not-compared", str(community.home), "nobody confirmed the fingerprint", step)
    console.note("Does the other administrator read out the same? Type yes, anything else stops.")
    if input().strip().lower() != "yes":
        raise refused("peer.not-compared", community.home, "the fingerprint was not confirmed", "nothing was changed")
    return community.fingerprint


def _test(config: Config, args: argparse.Namespace) -> int:
    """The short form of `xdsnode doctor PEER`: up to the query, and no further than the first step that fails."""
    from node.client.institutions import meant  # noqa: PLC0415  for this verb only
    from node.doctor.steps import Level, failed  # noqa: PLC0415
    from node.doctor.visit import connected, visit  # noqa: PLC0415

    community = meant(connected(config), args.peer)
    rows = [row for row in visit(config, community, now, whole=False) if row.level is not Level.NOT_TRIED]
    rows = rows[: 1 + next((at for at, row in enumerate(rows) if row.level is Level.FAIL), len(rows))]
    if args.json:
        steps = [{**row.as_json(), "good": row.level is not Level.FAIL} for row in rows]
        console.emit({"name": community.name, "steps": steps})
    else:
        for row in rows:
            console.out(f"{row.level:4}  {row.what}")
            if row.level in (Level.WARN, Level.FAIL):
                console.out(f"      next: {row.next_step}")
    return Exit.UNREACHABLE if failed(rows) else Exit.DONE


def _print_list(result: dict[str, Any]) -> None:
    rows = [
        (
            one["name"],
            one["home_community_id"],
            one["clearance"],
            f"{one['certificate_days']} days",
            _audit_state(one),
            one["fingerprint"],
        )
        for one in result["peers"]
    ]
    console.table(rows, ("institution", "homeCommunityId", "clearance", "certificate", "audit log", "fingerprint"))
    console.note(f"{len(rows)} connected institutions")


def _audit_state(one: dict[str, Any]) -> str:
    if one["audit_fork"]:
        return f"FORKED ({one['decision'].partition(':')[0] or 'undecided'})"
    return "witness" if one["witness"] else "-"


def _print_one(verb: str, one: dict[str, Any]) -> None:
    state = {"add": "connected", "remove": "disconnected", "show": "connected", "decide": "connected"}[verb]
    console.out(f"{one['name']}  {one['home_community_id']}  {state}")
    if verb == "remove":
        return
    console.out(f"clearance     {one['clearance']}")
    console.out(f"audit proof   {one['audit_proof']}")
    console.out(f"fingerprint   {one['fingerprint']}")
    console.out(f"certificate   {one['certificate_days']} days left")
    console.out(f"witness       {'yes' if one['witness'] else 'no: export again there, then peer add --replace here'}")
    if one["audit_fork"]:
        console.out(f"audit log     {one['audit_fork']}")
        console.out(f"decision      {one['decision'] or 'none yet: xdsnode peer decide'}")
    for name, value in one["quirks"].items():
        console.out(f"quirk         {name} = {value}")
    if "audit_log" in one:
        console.out(f"audit log     {one['audit_log'] or 'none: it gives no receipts'}")
    console.out(f"its users     {', '.join(one['assertion_issuers']) or 'nobody vouches for them'}")
    for key, url in one.get("endpoints", {}).items():
        console.out(f"{key:13} {url}")
    if not one["shared_patients"]:
        console.note("note: it has another assigning authority; patients are found there only under shared identifiers")
    if verb == "add":
        console.note("now the other administrator adds this node: xdsnode endpoints --export")
