"""What a decision would be and why, and accesses in an emergency: `policy explain`, `policy review list | close`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from node.access import Access
from node.administration import consents
from node.administration.orders import Order, Result
from node.configuration import readers
from node.faults import misused, refused
from registry.document_registry import Labels
from registry.store.patients import PatientDirectory
from trust.audit.event import Action, AuditedObject, Coded, NewRecord
from trust.consent import reviews
from trust.consent.decision import Decision
from trust.consent.matching import oid
from trust.consent.reviews import Case
from trust.consent.words import ACT_REASON, PURPOSES, ROLES
from trust.identity.caller import Caller, Role

OUTCOMES: Final = ("justified", "not-justified", "unclear")


async def explain(order: Order) -> Result:
    """What somebody would see of a patient, and why. The same code answers as for a real request; nothing is shown."""
    services, patient = order.services, order.patient()
    caller = _caller(order)
    view = Access(caller, services.actors.policy, services.registry, services.reader, services.clock())
    wanted = order.text("document", "")
    _refuse_unknown(order, patient)
    found = [one for one in services.registry.labels_of_patient(patient) if wanted in {"", one.unique_id}]
    answers = [_explained(one, view) for one in found]
    who = f"policy explained for {caller.user or caller.name}"
    await order.record([order.patient_record(Action.READ, who[:200], patient)])
    return {"patient": patient, "bound": view.sees is not None, "documents": answers}


async def review_list(order: Order) -> Result:
    """Accesses in an emergency that wait for review; with `all` those that were reviewed too."""
    found = reviews.cases(order.services.reader, closed=order.flag("all"))
    patients = dict.fromkeys(one.patient for one in found) or [""]
    await order.record([order.patient_record(Action.READ, "emergency accesses looked up", one) for one in patients])
    return {"cases": [asdict(one) for one in found]}


async def review_close(order: Order) -> Result:
    """Close one case with its outcome."""
    number, outcome, text = order.arguments.get("case"), order.text("outcome"), order.text("remark", "")
    if outcome not in OUTCOMES or not isinstance(number, int):
        raise misused("usage", order.command, "the case or its outcome is not possible", ", ".join(OUTCOMES))
    said = f"{outcome}: {text[:500]}" if text else outcome

    def work(connection: sqlite3.Connection) -> tuple[Case, Sequence[NewRecord]]:
        case = reviews.close(connection, number, said, order.operator, order.services.clock())
        if case is None:
            step = "look for its number: xdsnode policy review list"
            raise refused("review.unknown", str(number), "no such access waits for review", step)
        what = AuditedObject(id=str(case.id), type_code="2", role="13", id_type=_CASE, name=said[:200])
        return case, [order.patient_record(Action.UPDATE, "emergency access reviewed", case.patient, what)]

    return {"case": asdict(await order.change(work))}


_CASE: Final = Coded("emergency", "xdsnode", "access in an emergency")


def _explained(labels: Labels, view: Access) -> Result:
    decision = view.explain(labels)
    return {
        "document": labels.unique_id,
        "seen": decision.permit,
        "broken": decision.broken,
        "reasons": _reasons(decision),
    }


def _reasons(decision: Decision) -> list[Result]:
    return [{"step": int(one.step), "text": one.text, "who": one.who, "rule": one.rule} for one in decision.reasons]


def _refuse_unknown(order: Order, patient: str) -> None:
    if not PatientDirectory(order.services.reader).known(patient):
        step = "look at it: xdsnode patient show ID"
        raise refused("patient.unknown", order.command, f"{patient} is not known here, or was merged", step)


def _caller(order: Order) -> Caller:
    """The caller that the order describes: of a connected community, or of this institution."""
    organisation = order.text("organisation", "")
    community = order.text("community", "") or (_community_of(order, organisation) if organisation else "")
    role, purpose = order.text("role", ""), order.text("purpose", "")
    home, name, clearance = "", order.services.config.node.name, "N"
    if community:
        home = consents.home_of(order, community)
        known = order.services.communities.get(home)
        if known is None:
            step = "xdsnode peer list shows who is connected"
            raise refused("peer.unknown", community[:100], "no such institution is connected", step)
        name, clearance = known.name, known.clearance
    return Caller(
        role=Role.PEER if community else Role.APPLICATION,
        name=name,
        fingerprint="",
        address="",
        home=home,
        clearance=clearance,
        user=order.text("user", ""),
        user_role=_role(role) if role else None,
        purpose=_purpose(purpose) if purpose else None,
        organisation=organisation,
        reason=order.text("reason", ""),
    )


def _community_of(order: Order, organisation: str) -> str:
    """The community that an organisation belongs to by its OID, "" for one of this institution."""
    homes = [order.services.config.node.home_community_id, *(one.home for one in order.services.communities.all())]
    found = [home for home in homes if f"{oid(organisation)}.".startswith(f"{oid(home)}.")]
    if not found:
        step = "name the institution that asks for it: --community NAME"
        raise refused("policy.organisation", organisation[:100], "its OID is below that of no community", step)
    return "" if found[0] == homes[0] else found[0]


def _role(word: str) -> Coded:
    if word in ROLES:
        code, system = min(ROLES[word])
    else:
        code, system = _pair(word, tuple(ROLES))
    return Coded(code, system, word)


def _purpose(word: str) -> Coded:
    code, system = (PURPOSES[word], ACT_REASON) if word in PURPOSES else _pair(word, tuple(PURPOSES))
    return Coded(code, system, word)


def _pair(word: str, words: tuple[str, ...]) -> tuple[str, str]:
    try:
        return readers.code_pair(word)
    except readers.Unusable as problem:
        step = f"write CODE^OID, or one of: {', '.join(words)}"
        raise misused("policy.code", word[:100], problem.cause, step) from None
