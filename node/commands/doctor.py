"""Find out why this node and another institution cannot talk, step by step, with the next step for each cause.

Name, connection, encryption, their certificate, ours, the clock, then real questions: a query for a patient and a
retrieve of a document that cannot exist, the receipts of the audit log, and the speed of ten small questions. Nobody's
data is asked for; whatever is asked is on record. The first six steps need no running node.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from node.commands import console
from node.commands.environment import now
from node.commands.options import add_dir, add_json, root
from node.configuration.config import load
from node.faults import Exit

if TYPE_CHECKING:
    from node.doctor.steps import Row
    from trust.communities import Community

EXAMPLES = """\
examples:
  xdsnode doctor                          every connected institution: one line each, then what was found
  xdsnode doctor "Clinic South"           one institution, all twelve steps
  xdsnode doctor urn:oid:2.999.7 --json   for programs, and for the other administrator
  xdsnode doctor --table                  everything that the doctor can find, with the next step

OK is good, INFO is worth knowing, WARN wants attention, FAIL stops the steps after it; - was not tried.
exit status: 0 nothing found, 1 something found, 3 an institution cannot be reached (name or connection)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which institution, and the form of the output."""
    add_dir(parser)
    parser.add_argument("peer", metavar="PEER", nargs="?", help="its homeCommunityId or its name; default: all")
    parser.add_argument("--table", action="store_true", help="print the table of causes and look at nothing")
    add_json(parser, "the result")


def run(args: argparse.Namespace) -> int:
    """Visit, print, and say by the exit status what was found."""
    if args.table:
        return _table(as_json=args.json)
    from node.client.institutions import meant  # noqa: PLC0415
    from node.doctor.steps import found  # noqa: PLC0415  what looks at connections is loaded only here
    from node.doctor.visit import connected, reachable, visit_by  # noqa: PLC0415
    from node.doctor.way import ways  # noqa: PLC0415

    config = load(root(args))
    communities = connected(config)
    if args.peer is not None:
        communities = (meant(communities, args.peer),)
    prepared = ways(config, now)
    visits = []
    for community in communities:
        rows = visit_by(prepared, community)
        visits.append((community, rows))
        if not args.json and not args.peer:
            console.out(f"{_summary(rows):4}  {community.name}  {_sentence(rows)}")
    if args.json:
        console.emit({"institutions": [_as_json(community, rows) for community, rows in visits]})
    else:
        for community, rows in visits:
            if args.peer or found(rows):
                _print(community, rows)
        count = sum(1 for _, rows in visits if found(rows))
        console.note(f"{len(visits)} institutions, {count} with findings")
    if not all(reachable(rows) for _, rows in visits):
        return Exit.UNREACHABLE
    return Exit.REFUSED if any(found(rows) for _, rows in visits) else Exit.DONE


def _summary(rows: list[Row]) -> str:
    from node.doctor.steps import found  # noqa: PLC0415

    return max((str(row.level) for row in found(rows)), key=("WARN", "FAIL").index, default="OK")


def _sentence(rows: list[Row]) -> str:
    from node.doctor.steps import TITLES, found  # noqa: PLC0415

    worst = sorted(found(rows), key=lambda row: ("FAIL", "WARN").index(row.level))
    return f"{TITLES[worst[0].step]}: {worst[0].what} ({worst[0].code})" if worst else "all twelve steps are well"


def _print(community: Community, rows: list[Row]) -> None:
    from node.doctor.steps import TITLES, Level  # noqa: PLC0415

    console.out()
    console.out(f"{community.name}  {community.home}")
    tried = [row for row in rows if row.level is not Level.NOT_TRIED]
    for row in tried:
        code = f"  [{row.code}]" if row.code and row.next_step else ""
        console.out(f"{row.level:4}  {row.step:2} {TITLES[row.step]}: {row.what}{code}")
        if row.level in ("WARN", "FAIL"):
            console.out(f"         where: this node -> {row.where or community.name}, step {row.step:d} of 12")
            console.out(f"         next ({row.who}): {row.next_step}")
    left = [row for row in rows if row.level is Level.NOT_TRIED]
    if left:
        console.out(f"-        {left[0].what}: {', '.join(f'{row.step:d} {TITLES[row.step]}' for row in left)}")


def _as_json(community: Community, rows: list[Row]) -> dict[str, Any]:
    return {
        "name": community.name,
        "home_community_id": community.home,
        "result": _summary(rows),
        "steps": [row.as_json() for row in rows],
    }


def _table(*, as_json: bool) -> int:
    from node.doctor.steps import TITLES  # noqa: PLC0415
    from node.doctor.table import CAUSES  # noqa: PLC0415

    if as_json:
        console.emit(
            {
                "causes": [
                    {
                        "code": one.code,
                        "step": int(one.step),
                        "level": str(one.level),
                        "who": one.who,
                        "shows": one.shows,
                        "says": one.sentence,
                        "next_step": one.next_step,
                    }
                    for one in CAUSES.values()
                ]
            }
        )
        return Exit.DONE
    for one in CAUSES.values():
        console.out(f"{one.code}  ({one.level}, step {int(one.step)}: {TITLES[one.step]}; to do by: {one.who})")
        console.out(f"  shows: {one.shows}")
        console.out(f"  says:  {one.sentence}")
        console.out(f"  next:  {one.next_step}")
    return Exit.DONE
