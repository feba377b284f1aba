"""Patients this node knows, and which records of them are one person.

Documents are accepted for known patients only. Usually the hospital's patient administration makes them known over the
HL7 v2 or v3 feed; these commands do the same by hand. A patient is written ID (of this node's assigning authority) or
'ID^^^&OID&ISO'. merge is for two identifiers that one authority gave one person: documents follow. link is for records
of different sources: documents stay. move takes the documents of one local patient id from a patient to whom they do
not belong: they become new versions there. Each can be undone, and everything done here is an entry of the audit log.
"""

from __future__ import annotations

import argparse
from typing import Any

from node.commands import console, matching_text
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import load
from node.faults import Exit

EXAMPLES = """\
examples:
  xdsnode patient add 4711                        known from now on; known already is no error
  xdsnode patient add '4711^^^&2.999.1&ISO'       the same, with its assigning authority
  xdsnode patient add 4711 --family Halvorsen --given Nora --birth-date 1972-04-15 --sex F
  xdsnode patient list
  xdsnode patient search --family Halv* --birth-date 1972
  xdsnode patient merge 4711 0815                 0815 was 4711 all along: its documents show under 4711
  xdsnode patient unmerge 0815                    that was a mistake
  xdsnode patient move 'L-9^^^&2.999.8&ISO' --from 4711 --to 0815
                                                  what the laboratory sent as its L-9 is of 0815, not of 4711
  xdsnode patient unmove 2.25.339184…             that was a mistake
  xdsnode patient locate 4711                     which other institutions know this patient, and until when that counts
  xdsnode patient match 4711 --explain            who may be the same person, and what speaks for and against it
  xdsnode patient link 4711 'L-9^^^&2.999.8&ISO'  the laboratory's L-9 is this person
  xdsnode patient review list                     pairs that the matching leaves to a person
  xdsnode patient review reject 4711 'L-10^^^&2.999.8&ISO'
"""
_VERBS = (
    ("add", "make a patient known", ("patient",)),
    ("list", "every patient", ()),
    ("show", "one patient, and what it was merged and linked with", ("patient",)),
    ("search", "patients that resemble what is said", ()),
    ("merge", "merge the second patient into the first", ("survivor", "subsumed")),
    ("unmerge", "undo the merge of a patient", ("subsumed",)),
    ("move", "move documents of a local patient id to the patient that they belong to", ("local",)),
    ("unmove", "undo a move", ("submission_set",)),
    ("locate", "which other institutions know a patient, as far as they were asked", ("patient",)),
    ("match", "what the matching says of a patient", ("patient",)),
    ("link", "two records are one person", ("one", "other")),
    ("unlink", "two records are two persons", ("one", "other")),
)
_MEANINGS = {
    "patient": "patient, e.g. 4711 or '4711^^^&2.999.1&ISO'",
    "survivor": "the patient that stays",
    "subsumed": "the patient that is merged into another",
    "local": "the sourcePatientId of the documents, 'ID^^^&OID&ISO'",
    "submission_set": "uniqueId of the submission set that records the move",
    "one": "one record's patient",
    "other": "the other record's patient",
}
_ABOUT = (
    ("family", "NAME", "family name; with search, its beginning"),
    ("given", "NAMES", "given names, in quotes if there are several"),
    ("suffix", "TEXT", "e.g. Jr"),
    ("birth-date", "DATE", "1972-04-15, 1972-04, 1972, or ~1972 for an estimate"),
    ("sex", "CODE", "F, M or UN (neither)"),
    ("street", "TEXT", "street and house number"),
    ("city", "TEXT", "town"),
    ("postal-code", "TEXT", "postal code"),
    ("country", "TEXT", "country"),
    ("phone", "NUMBER", "telephone"),
    ("email", "ADDRESS", "e-mail"),
    ("mother", "NAME", "mother's maiden name"),
    ("identifier", "CX", "a further identifier: 'ID^^^&OID&ISO'"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`patient add | list | show | search | merge | unmerge | match | link | unlink | review`."""
    add_dir(parser)
    names = "|".join([verb for verb, _, _ in _VERBS] + ["review"])
    verbs = parser.add_subparsers(metavar=names, dest="verb", required=True)
    for verb, summary, arguments in _VERBS:
        child = verbs.add_parser(verb, help=summary, description=summary + ".")
        _add_verb(child, verb, arguments)
    review = verbs.add_parser(
        "review", help="pairs that wait for a person", description="Pairs that wait for a person."
    )
    acts = review.add_subparsers(metavar="list|accept|reject", dest="act", required=True)
    for act, summary in (
        ("list", "what waits, the likeliest first"),
        ("accept", "the two are one person"),
        ("reject", "the two are two persons"),
    ):
        child = acts.add_parser(act, help=summary, description=summary + ".")
        _add_verb(child, act, () if act == "list" else ("one", "other"))


def _add_verb(child: argparse.ArgumentParser, verb: str, arguments: tuple[str, ...]) -> None:
    for name in arguments:
        child.add_argument(name, metavar="ID", help=_MEANINGS[name])
    if verb in ("add", "search"):
        for name, metavar, meaning in _ABOUT:
            choices = ("F", "M", "UN") if name == "sex" else None
            child.add_argument(f"--{name}", default="", metavar=metavar, help=meaning, choices=choices)
    if verb == "match":
        child.add_argument("other", metavar="OTHER", nargs="?", default="", help="compare with this patient only")
    if verb in ("match", "search"):
        child.add_argument("--explain", action="store_true", help="what each field says, and what that weighs")
    if verb == "move":
        child.add_argument("--from", dest="previous", metavar="ID", required=True, help="patient that has them now")
        child.add_argument("--to", metavar="ID", required=True, help="patient that they belong to; may be the same")
        child.add_argument(
            "--merging", metavar="ID", default="", help="move those of this local id, which was merged into the other"
        )
    if verb == "locate":
        child.add_argument("--refresh", action="store_true", help="forget it: the next query asks everybody anew")
    add_dir(child, of_verb=True)
    add_json(child, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    command = " ".join(filter(None, [args.verb, getattr(args, "act", "")]))
    names = ["refresh", "previous", "to", "merging", *_MEANINGS, *(name.replace("-", "_") for name, _, _ in _ABOUT)]
    arguments = {name: getattr(args, name) for name in names if hasattr(args, name)}
    result = execute(config, f"patient {command}", arguments)
    if args.json:
        console.emit(result)
    elif command in matching_text.PRINTED:
        matching_text.show(command, result, explain=getattr(args, "explain", False))
    else:
        _print(args.verb, result)
    return Exit.REFUSED if result.get("known") is False else Exit.DONE


def _print(verb: str, result: dict[str, Any]) -> None:
    if verb == "add":
        console.out(f"{result['patient']}  {'known from now on' if result['new'] else 'was known already'}")
        for other in result["linked"]:
            console.out(f"linked with  {other}")
        for other in result["review"]:
            console.note(f"resembles {other}; next: xdsnode patient review list")
    elif verb == "list":
        rows = [(item["patient"], item["added"], item["subsumed_by"] or "") for item in result["patients"]]
        console.table(rows, ("patient", "added (UTC)", "merged into"))
        console.note(f"{len(rows)} patients")
    elif verb == "merge":
        console.out(f"{result['subsumed']} is merged into {result['survivor']}")
    elif verb == "unmerge":
        console.out(f"{result['subsumed']} is a patient of its own again (was merged into {result['survivor']})")
    elif verb in ("move", "unmove"):
        _print_moved(result)
    elif verb == "locate":
        _print_locations(result)
    elif not result["known"]:
        console.note(f"{result['patient']} is not known here; next: xdsnode patient add ID")
    else:
        _print_patient(result)


def _print_moved(result: dict[str, Any]) -> None:
    if not result["documents"]:
        console.note("no approved document has this local id under that patient; nothing was moved")
        return
    console.out(f"{len(result['documents'])} documents and {result['folders']} folders are of {result['patient']} now")
    console.out(f"submission set  {result['submission_set']}")
    if result["lost"]:
        console.note(f"{len(result['lost'])} relations would join two patients and stay with the versions before")


def _print_locations(result: dict[str, Any]) -> None:
    if "forgotten" in result:
        console.out(f"{result['forgotten']} answers forgotten; the next query asks everybody anew")
        return
    rows = [
        (one["institution"], one["patient"] or "not known there", one["since"], one["until"])
        for one in result["locations"]
    ]
    console.table(rows, ("institution", "patient there", "since (UTC)", "until (UTC)"))
    if any(one["changed"] for one in result["locations"]):
        console.note("the patient was described anew since then; the next query asks again")


def _print_patient(result: dict[str, Any]) -> None:
    console.out(f"patient      {result['patient']}")
    console.out(f"added (UTC)  {result['added']}")
    if said := matching_text.described(result.get("person", {})):
        console.out(f"described    {said}")
    if result["subsumed_by"]:
        console.out(f"merged into  {result['subsumed_by']}")
    for other in result["subsumes"]:
        console.out(f"includes     {other}")
    for other in result.get("linked", []):
        if other not in (*result["subsumes"], result["subsumed_by"]):
            console.out(f"linked with  {other}")
