"""What patients decided about their documents.

Each consent permits or denies something to somebody; every part that is not given speaks of all. A denial wins over
every permit. What holds where a patient has said nothing stands in [consent] of node.toml. A permit without --purpose
is for treatment; sensitive documents (mental health, HIV, …) it reaches only where it names their --category, or the
--document. Nothing is ever erased: a change is a new version, and an entry of the audit log.
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
  xdsnode consent add --patient 4711 --permit                                   others may treat with its documents
  xdsnode consent add --patient 4711 --permit --category mental-health --role physician --until 2027-01-01
  xdsnode consent add --patient 4711 --deny --community "Clinic South"          this institution gets nothing
  xdsnode consent add --patient 4711 --deny --document 2.25.31415926            one document is obscured from all
  xdsnode consent add --patient 4711 --deny --role guardian --category reproductive --unbreakable
  xdsnode consent list --patient 4711
  xdsnode consent withdraw --patient 4711 --consent 0f8fad5b-…                  that one holds no more
"""

_LISTS = (
    ("purpose", "purposes", "WORD", "treatment, emergency, payment, operations, research, public-health, … or any"),
    ("role", "roles", "ROLE", "physician, nurse, pharmacist, paramedic, patient, guardian, … or CODE^OID"),
    ("user", "users", "USER", "one person, as the audit log names them"),
    ("organisation", "organisations", "OID", "institution that somebody acts for"),
    ("community", "communities", "NAME", "connected institution by name, or a homeCommunityId"),
    ("author", "authors", "OID", "institution that wrote the document"),
    ("confidentiality", "confidentiality", "CODE", "confidentiality of the document: U, L, M, N, R, V"),
    ("category", "categories", "WORD", "mental-health, hiv, addiction, genetics, reproductive, violence or all"),
    ("kind", "kinds", "CODE^OID", "class, type, practice setting, facility or event code of the document"),
    ("document", "documents", "U", "uniqueId of one document"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`consent add | list | show | withdraw`."""
    add_dir(parser)
    verbs = parser.add_subparsers(metavar="add|list|show|withdraw", dest="verb", required=True)
    for verb, summary in (
        ("add", "record what somebody decided"),
        ("list", "the consents of a patient as they stand"),
        ("show", "every version of them, ignored consent documents with the reason"),
        ("withdraw", "withdraw one consent, or all of a patient"),
    ):
        child = verbs.add_parser(verb, help=summary, description=summary + ".")
        child.add_argument("--patient", required=True, metavar="ID", help="e.g. 4711 or '4711^^^&2.999.1&ISO'")
        if verb == "add":
            _add_provision(child)
        else:
            child.add_argument("--consent", default="", metavar="ID", help="this one alone")
        add_dir(child, of_verb=True)
        add_json(child, "the result")


def _add_provision(parser: argparse.ArgumentParser) -> None:
    effect = parser.add_mutually_exclusive_group(required=True)
    effect.add_argument("--permit", dest="effect", action="store_const", const="permit", help="it may be seen")
    effect.add_argument("--deny", dest="effect", action="store_const", const="deny", help="it must not be seen")
    for option, name, metavar, meaning in _LISTS:
        parser.add_argument(
            f"--{option}", dest=name, action="append", default=[], metavar=metavar, help=f"{meaning}; may be repeated"
        )
    parser.add_argument("--unbreakable", action="store_true", help="a denial that holds in an emergency too")
    parser.add_argument("--from", dest="start", default="", metavar="DATE", help="in force from; default: now")
    parser.add_argument("--until", default="", metavar="DATE", help="in force until; default: without an end")
    parser.add_argument(
        "--as",
        dest="capacity",
        default="patient",
        metavar="WHO",
        help="who decided: patient (default), guardian, professional, court",
    )
    parser.add_argument("--replace", default="", metavar="ID", help="a new version of this consent")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    arguments: dict[str, Any] = {"patient": args.patient}
    if args.verb == "add":
        arguments |= {name: getattr(args, name) for _, name, _, _ in _LISTS}
        arguments |= {"effect": args.effect, "unbreakable": args.unbreakable, "replace": args.replace}
        arguments |= {"from": args.start, "until": args.until, "as": args.capacity}
    else:
        arguments["consent"] = args.consent
    result = execute(config, f"consent {args.verb}", arguments)
    if args.json:
        console.emit(result)
        return Exit.DONE
    found = [result["consent"]] if args.verb == "add" else result["consents"]
    for consent in found:
        _print(consent)
    if args.verb in {"list", "show"}:
        console.note(f"{len(found)} shown; where none speaks, {result['default']} holds ([consent] of node.toml)")
    return Exit.DONE


def _print(consent: dict[str, Any]) -> None:
    until = f" until {consent['until']}" if consent["until"] else ""
    source = f", {consent['source']} document {consent['document']}" if consent["document"] else ""
    console.out(
        f"{consent['id']}  version {consent['version']}  {consent['status']}  from {consent['from']}{until}{source}"
    )
    console.out(f"    decided by the {consent['as']}, recorded {consent['recorded']} by {consent['recorded_by']}")
    if consent["why"]:
        console.out(f"    {'ignored' if consent['status'] == 'ignored' else 'denies'}: {consent['why']}")
    for number, provision in enumerate(consent["provisions"], 1):
        console.out(f"    #{number} {in_words(provision)}")


def in_words(provision: dict[str, Any]) -> str:
    """A provision as one line."""
    parts = [str(provision["effect"])]
    for name, value in provision.items():
        if isinstance(value, list):
            shown = ", ".join("^".join(one) if isinstance(one, list) else str(one) for one in value)
            parts.append(f"{name.replace('_', ' ')}: {shown}")
    if provision.get("breakable") is False:
        parts.append("holds in an emergency too")
    return "; ".join(parts)
