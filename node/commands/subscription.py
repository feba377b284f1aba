"""Who is told of new documents (DSUB).

An application subscribes by itself with ITI-52; `add` does it in its place. It gets each notification (ITI-53) at its
address, in order, until it takes it, and only what it may see at that moment. A subscription for a patient is made at
every institution that knows the patient as well; `list` says where. `remove` ends a subscription, whoever made it. The
host of the address must be public, or be named in [subscriptions] recipients of node.toml.
"""

from __future__ import annotations

import argparse
from typing import Any

from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import load
from node.faults import Exit

EXAMPLES = """\
examples:
  xdsnode subscription add --client practice --patient 4711 --to https://practice.example/notify
  xdsnode subscription add --client practice --type 18842-5^2.16.840.1.113883.6.1 --to https://practice.example/notify
  xdsnode subscription list
  xdsnode subscription remove 0f8fad5b-d9cb-469f-a165-70867728950e
"""

_CODES = (("type", "types"), ("class", "classes"), ("facility", "facilities"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`subscription list | add | remove`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="list|add|remove", dest="verb", required=True)
    listing = verbs.add_parser("list", help="every subscription", description="Every subscription, and what waits.")
    adding = verbs.add_parser("add", help="subscribe for an application", description="Subscribe for an application.")
    adding.add_argument("--client", required=True, metavar="NAME", help="the application: xdsnode client list")
    adding.add_argument("--to", dest="consumer", required=True, metavar="URL", help="where it takes notifications")
    adding.add_argument("--patient", default="", metavar="ID", help="of this patient; without it, of every patient")
    for option, name in _CODES:
        adding.add_argument(
            f"--{option}",
            dest=name,
            action="append",
            default=[],
            metavar="CODE^OID",
            help=f"of this {option}; again: or",
        )
    adding.add_argument(
        "--topic",
        choices=("full", "minimal", "set"),
        default="full",
        help="what is sent: metadata of documents (default), their ids, or that of the submission set",
    )
    adding.add_argument("--until", default="", metavar="DATE", help="when it ends; default: never")
    adding.add_argument("--local", action="store_true", help="of this institution alone; default: of others too")
    removing = verbs.add_parser("remove", help="end a subscription", description="End a subscription.")
    removing.add_argument("id", metavar="ID", help="its id, with or without urn:uuid:")
    for child in (listing, adding, removing):
        add_dir(child, of_verb=True)
        add_json(child, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    arguments: dict[str, Any] = {}
    if args.verb == "add":
        named = ("client", "consumer", "patient", "topic", "until", "local", *(name for _, name in _CODES))
        arguments = {name: getattr(args, name) for name in named}
    elif args.verb == "remove":
        arguments = {"id": args.id}
    result = execute(config, f"subscription {args.verb}", arguments)
    if args.json:
        console.emit(result)
        return Exit.DONE
    found = result["subscriptions"] if args.verb == "list" else [result["subscription"]]
    for one in found:
        _print(one)
    if args.verb == "list":
        console.note(f"{len(found)} subscriptions")
    elif args.verb == "remove":
        console.note("ended")
    return Exit.DONE


def _print(one: dict[str, Any]) -> None:
    about = one["patient"] or "any patient"
    until = f" until {one['ends']}" if one["ends"] else ""
    waiting = f", {one['waiting']} waiting" if one.get("waiting") else ""
    console.out(f"{one['id']}  {one['subscriber']}  {about}  {one['topic']}  since {one['created']}{until}{waiting}")
    console.out(f"    to {one['consumer']}")
    for name, values in one["filter"].items():
        if "PatientId" not in name:
            console.out(f"    {name.removeprefix('$XDS')}: {', '.join(values)}")
    for place in one.get("elsewhere", []):
        failed = f", {place['failures']} attempts failed" if place["failures"] else ""
        until = f" until {place['ends']}" if place["ends"] else ""
        console.out(f"    {place['state']} at {place['institution'] or place['home_community_id']}{until}{failed}")
