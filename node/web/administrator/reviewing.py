"""What waits for a person: pairs of patients that may be one, accesses in an emergency (ui 4.h)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from node.administration.patients import identifier_of
from node.administration.policies import OUTCOMES
from node.faults import Faults
from node.web.administrator.ordering import ordered, refused
from node.web.view import View

_ANSWERS: Final = {"same": "patient review accept", "different": "patient review reject"}


async def reviews(view: View) -> web.StreamResponse:
    """Both queues; whoever is shown is on record."""
    try:
        pairs = (await ordered(view, "patient review list"))["pairs"]
        cases = (await ordered(view, "policy review list", {"all": False}))["cases"]
    except Faults as problem:
        return refused(view, problem)
    return view.page(
        "administrator/reviews.html", pairs=[_pair(view, one) for one in pairs], cases=cases, outcomes=OUTCOMES
    )


def _pair(view: View, pair: dict[str, Any]) -> dict[str, Any]:
    index = view.desk.services.actors.index(view.desk.services.reader)
    people = []
    for cx in (pair["one"], pair["other"]):
        record = index.show(identifier_of(cx))
        person = record.person if record else None
        people.append(
            {
                "cx": cx,
                "number": cx.partition("^")[0],
                "name": " / ".join(
                    " ".join(filter(None, (*one.given, one.family))) for one in (person.names if person else ())
                ),
                "born": person.birth_date.value if person and person.birth_date else "",
                "sex": person.sex if person else "",
            }
        )
    return {**pair, "people": people}


async def decide(view: View) -> web.StreamResponse:
    """One person, or two: what somebody decided about a pair."""
    command = _ANSWERS.get(view.fields.get("answer", ""))
    if command is None:
        return view.see("/node/reviews")
    try:
        await ordered(view, command, {"one": view.fields.get("one", ""), "other": view.fields.get("other", "")})
    except Faults as problem:
        return refused(view, problem)
    return view.see("/node/reviews")


async def close(view: View) -> web.StreamResponse:
    """The outcome of the review of an emergency."""
    number = view.fields.get("case", "")
    arguments = {
        "case": int(number) if number.isascii() and number.isdigit() and len(number) < 12 else None,
        "outcome": view.fields.get("outcome", ""),
        "remark": view.fields.get("remark", "").strip(),
    }
    try:
        await ordered(view, "policy review close", arguments)
    except Faults as problem:
        return refused(view, problem)
    return view.see("/node/reviews")
