"""What patients decided about their documents: `consent add | list | show | withdraw`. All of it is on record."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from node.administration.orders import Order, Result
from node.configuration import readers
from node.consents import jurisdiction
from node.faults import misused, refused
from registry.store.patients import PatientDirectory
from trust.audit.event import Action, AuditedObject, Coded, NewRecord
from trust.consent import store
from trust.consent.categories import CATEGORIES
from trust.consent.matching import oid
from trust.consent.policy import LEVELS, Capacity, Consent, Effect, Provision, Status
from trust.consent.words import PURPOSES, ROLES, TREATMENT
from trust.pki.bindings import timestamp

T = TypeVar("T")
ANY_PURPOSE: Final = "any"
_ID_TYPE: Final = Coded("consent", "xdsnode", "consent")


async def add(order: Order) -> Result:
    """Record a consent, or put a new version in the place of one."""
    patient, now = order.patient(), order.services.clock()
    provision = _provision(order)
    replaced = order.text("replace", "")
    end = _moment(order, "until", None)
    consent = Consent(
        id=order.services.new_uuid().removeprefix("urn:uuid:"),
        version=1,
        patient=patient,
        status=Status.ACTIVE,
        start=_moment(order, "from", now) or now,
        end=end,
        recorded=now,
        recorded_by=order.operator,
        capacity=Capacity(_word(order, "as", tuple(Capacity), Capacity.PATIENT)),
        provisions=(provision,),
    )
    if end is not None and end <= consent.start:
        raise misused("consent.period", order.text("until"), "it would end before it begins", "give a later --until")

    def work(connection: sqlite3.Connection) -> tuple[Consent, Sequence[NewRecord]]:
        _known(order, connection, patient)
        kept = consent
        if replaced:
            before = _one(order, connection, patient, replaced)
            kept = replace(consent, id=before.id, version=before.version + 1, patient=before.patient)
        store.add(connection, kept)
        return kept, [_record(order, Action.UPDATE if replaced else Action.CREATE, "consent recorded", kept)]

    return {"consent": shown(await order.change(work))}


async def withdraw(order: Order) -> Result:
    """Withdraw one consent of a patient, or all of them; what was decided stays readable."""
    patient, wanted = order.patient(), order.text("consent", "")

    def work(connection: sqlite3.Connection) -> tuple[list[Consent], Sequence[NewRecord]]:
        _known(order, connection, patient)
        found = _of(order, connection, patient)
        chosen = [_one(order, connection, patient, wanted)] if wanted else found
        active = [one for one in chosen if one.status is Status.ACTIVE]
        if not active:
            step = "look at what there is: xdsnode consent list --patient ID"
            raise refused("consent.none", wanted or patient, "there is no active consent to withdraw", step)
        now = order.services.clock()
        done = [store.change(connection, one, Status.WITHDRAWN, order.operator, now) for one in active]
        return done, [_record(order, Action.UPDATE, "consent withdrawn", one) for one in done]

    return {"consents": [shown(one) for one in await order.change(work)]}


async def find_all(order: Order) -> Result:
    """The consents of a patient as they stand."""
    return await _look(order, history=False)


async def show(order: Order) -> Result:
    """Every version of the consents of a patient, or of one of them."""
    return await _look(order, history=True)


def shown(consent: Consent) -> Result:
    """A consent for people and programs."""
    return {
        "id": consent.id,
        "version": consent.version,
        "patient": consent.patient,
        "status": str(consent.status),
        "from": timestamp(consent.start),
        "until": timestamp(consent.end) if consent.end else "",
        "recorded": timestamp(consent.recorded),
        "recorded_by": consent.recorded_by,
        "as": str(consent.capacity),
        "source": consent.source,
        "document": consent.document,
        "policy": consent.policy,
        "why": consent.why,
        "provisions": [store.as_plain(one) for one in consent.provisions],
    }


async def _look(order: Order, *, history: bool) -> Result:
    patient, wanted = order.patient(), order.text("consent", "")
    reader = order.services.reader
    _known(order, reader, patient)
    found = [one for one in _of(order, reader, patient, history=history) if wanted in {"", one.id}]
    await order.record([order.patient_record(Action.READ, "consents looked up", patient)])
    default = order.services.config.consent.default
    return {"patient": patient, "default": default, "consents": [shown(one) for one in found]}


def _of(order: Order, connection: sqlite3.Connection, patient: str, *, history: bool = False) -> tuple[Consent, ...]:
    return store.of_patient(connection, order.services.registry.on(connection).identities_of(patient), history=history)


def _known(order: Order, connection: sqlite3.Connection, patient: str) -> None:
    if PatientDirectory(connection).resolve(patient) is None:
        step = "make it known first: xdsnode patient add ID"
        raise refused("patient.unknown", order.command, f"{patient} is not known here", step)


def _one(order: Order, connection: sqlite3.Connection, patient: str, id_: str) -> Consent:
    found = [one for one in _of(order, connection, patient) if one.id == id_]
    if not found:
        step = "look for its id: xdsnode consent list --patient ID"
        raise refused("consent.unknown", order.command, f"{patient} has no consent {id_[:100]}", step)
    return found[0]


def _record(order: Order, action: Action, what: str, consent: Consent) -> NewRecord:
    version = AuditedObject(
        id=f"{consent.id}/{consent.version}", type_code="2", role="13", id_type=_ID_TYPE, name=str(consent.status)
    )
    return order.patient_record(action, what, consent.patient, version)


def _provision(order: Order) -> Provision:
    effect = Effect(_word(order, "effect", tuple(Effect), ""))
    purposes = _each(order, "purposes", lambda word: _one_of(order, "purpose", word, (*PURPOSES, ANY_PURPOSE)))
    if ANY_PURPOSE in purposes:
        meant: frozenset[str] = frozenset()
    elif not purposes and effect is Effect.PERMIT:
        meant = frozenset({TREATMENT})
    else:
        meant = jurisdiction.purposes(purposes)
    levels = tuple(LEVELS)
    categories = _each(order, "categories", lambda word: _one_of(order, "category", word, (*CATEGORIES, "all")))
    return Provision(
        effect=effect,
        purposes=meant,
        roles=jurisdiction.roles(_each(order, "roles", lambda word: _role(order, word))),
        users=frozenset(_each(order, "users", str)),
        organisations=frozenset(_each(order, "organisations", oid)),
        communities=frozenset(_each(order, "communities", lambda word: oid(home_of(order, word)))),
        author_institutions=frozenset(_each(order, "authors", oid)),
        confidentiality=frozenset(
            _each(order, "confidentiality", lambda word: _one_of(order, "confidentiality", word, levels))
        ),
        categories=frozenset(CATEGORIES if "all" in categories else categories),
        kinds=frozenset(_each(order, "kinds", lambda word: _code(order, word))),
        documents=frozenset(_each(order, "documents", str)),
        breakable=not order.flag("unbreakable"),
    )


def _each(order: Order, name: str, read: Callable[[str], T]) -> list[T]:
    values = order.arguments.get(name) or []
    if not isinstance(values, Iterable) or not all(isinstance(one, str) and one for one in values):
        raise misused("usage", name, "this is a list of texts", f"xdsnode {order.command} --help")
    return [read(one) for one in values]


def _word(order: Order, name: str, allowed: tuple[str, ...], default: str) -> str:
    return _one_of(order, name, order.text(name, default), allowed)


def _one_of(order: Order, name: str, word: str, allowed: tuple[str, ...]) -> str:
    if word not in allowed:
        raise misused(
            "consent.word", f"--{name} {word[:100]}", "this word is not known", f"one of: {', '.join(allowed)}"
        )
    return word


def _role(order: Order, word: str) -> str:
    return word if word in ROLES else "^".join(_code(order, word))


def _code(order: Order, word: str) -> tuple[str, str]:
    try:
        return readers.code_pair(word)
    except readers.Unusable as problem:
        words = ", ".join(ROLES)
        raise misused("consent.code", word[:100], problem.cause, f"write CODE^OID; roles also as: {words}") from None


def home_of(order: Order, word: str) -> str:
    """A connected institution by its name, or any community by its homeCommunityId."""
    named = [one.home for one in order.services.communities.all() if one.name == word]
    found = named[0] if len(named) == 1 else word
    try:
        return readers.oid_urn(found if found.startswith("urn:") else f"urn:oid:{found}")
    except readers.Unusable:
        step = "xdsnode peer list shows the names; or write its homeCommunityId, urn:oid:…"
        raise refused("consent.community", word[:100], "no single connected institution has this name", step) from None


def _moment(order: Order, name: str, default: datetime | None) -> datetime | None:
    text = order.text(name, "")
    if not text:
        return default
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise misused(
            "consent.time", f"--{name} {text[:50]}", "not a date", "write 2027-01-31, at the start of that day, UTC"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
