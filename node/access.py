"""Who may see what: documents of the registry as labels, one caller's view of them during one request.

The rule itself is `trust.consent.decision`. Here a document becomes `ResourceLabels`, the consents of its own patient
are read once, and what was denied or broken is kept for the record (interfaces: Who may call what).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from trust.consent import reviews, store
from trust.consent.decision import (
    ADMINISTRATOR,
    EVERYTHING,
    Decision,
    Reason,
    Step,
    decide,
    within_clearance,
)
from trust.consent.matching import institutions, oid
from trust.consent.policy import Consent, Default, Jurisdiction, Pair, Provision, ResourceLabels
from trust.consent.words import is_emergency, kinds_of, purpose
from trust.identity.caller import Caller, Role

if TYPE_CHECKING:
    from node.exchange import Exchange
    from registry.document_registry import DocumentRegistry, Labels, RegisteredDocument

_MOST_REASONS: Final = 8
_PLAIN: Final = (("N", "2.16.840.1.113883.5.25"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the configuration says. `applications`: whether the institution's own applications are bound as well.

    `meanings`: what the policies mean that consent documents refer to, by their OID or URI.
    """

    jurisdiction: Jurisdiction
    applications: bool = False
    meanings: Mapping[str, Provision] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Patient:
    """Somebody whose documents are judged: the surviving identity, and the consents under any of them."""

    name: str
    consents: tuple[Consent, ...]
    by_document: bool  # whether any of them tells documents with the same labels apart, by uniqueId
    by_author: bool  # or by who wrote them


class Access:
    """What one caller may see, at one instant. Without `sees` and `judge` that is everything."""

    def __init__(
        self, caller: Caller, policy: Policy, registry: DocumentRegistry, reader: sqlite3.Connection, now: datetime
    ) -> None:
        self._caller = caller
        self._rules = policy.jurisdiction
        self._registry = registry
        self._reader = reader
        self._now = now
        self._institutions = institutions(caller, self._rules)
        self._emergency = is_emergency(purpose(caller.purpose))
        self._bound = _is_bound(caller, policy)
        self._patients: dict[int, _Patient] = {}
        self._decided: dict[tuple[object, ...], Decision] = {}
        self.denied: dict[str, Counter[str]] = {}  # reasons by patient, for the record; "" by confidentiality alone
        self.broken: dict[str, set[int]] = {}  # documents shown only because the glass was broken, by patient

    @property
    def sees(self) -> Callable[[Sequence[Pair]], bool] | None:
        """The bound by confidentiality, for the registry's `Sight`; None: no bound at all."""
        return partial(self._within) if self._bound else None

    @property
    def judge(self) -> Callable[[Labels], bool] | None:
        """The judge of single documents; None where nothing any patient said could matter."""
        if not self._bound:
            return None
        by_default = self._rules.default is Default.OPT_OUT and (
            self._caller.purpose is None or not self._rules.purposes.isdisjoint(kinds_of(purpose(self._caller.purpose)))
        )
        return None if by_default and not store.any_kept(self._reader) else self._judged

    def may_see(self, documents: Sequence[RegisteredDocument]) -> bool:
        """Whether all of these documents may be seen: each is judged on its own patient."""
        if not self._bound:
            return True
        if not all(self._within(one.confidentiality) for one in documents):
            return False
        judge = self.judge
        return judge is None or all(map(judge, self._registry.labels([one.id for one in documents])))

    def decision(self, labels: Labels) -> Decision:
        """The decision about one document, with its reasons."""
        patient = self._patient(labels.patient)
        if patient.by_author:
            return self._decide(labels, patient, self._authors(labels))
        found = None if patient.by_document else self._decided.get(labels.alike)
        if found is None:
            found = self._decided[labels.alike] = self._decide(labels, patient, ())
        if self._institutions and (not found.permit or found.broken):
            # Who wrote it can only change a denial here, and is read for these documents alone.
            authors = self._authors(labels)
            return self._decide(labels, patient, authors) if self._institutions & {*authors} else found
        return found

    def may_know(self, patient: str) -> bool:
        """Whether the caller may learn that a patient (CX) is known here: if any plain document could be seen."""
        if not self._bound:
            return True
        consents = store.of_patient(self._reader, self._registry.identities_of(patient) or (patient,))
        resource = ResourceLabels(patient=patient, document="", confidentiality=_PLAIN)
        decision = decide(self._caller, resource, consents, self._rules, self._now)
        if not decision.permit:
            self._deny(patient, decision.reasons[0].line())
        return decision.permit

    def may_be_told(self, resource: ResourceLabels) -> bool:
        """Whether the caller may see a document that is not registered here, by its labels."""
        if not self._bound:
            return True
        if not self._within(resource.confidentiality):
            return False
        consents = store.of_patient(self._reader, self._registry.identities_of(resource.patient) or (resource.patient,))
        decision = decide(self._caller, resource, consents, self._rules, self._now)
        if not decision.permit:
            self._deny(resource.patient, decision.reasons[0].line())
        return decision.permit and not decision.broken

    def may_use_copy(self, patient: str, unique_id: str) -> bool:
        """Whether a copy of a document that another community holds may be used: no patient here denies it now.

        The holder has decided about the document itself, which is not known well enough here to decide it again:
        where this institution's applications are bound by consent, copies are not used.
        """
        if self._bound:
            return False
        consents = store.of_patient(self._reader, self._registry.identities_of(patient) or (patient,))
        resource = ResourceLabels(patient=patient, document=unique_id, confidentiality=_PLAIN)
        decision = decide(self._caller, resource, consents, self._rules, self._now)
        denied = not decision.permit and decision.reasons[0].step is Step.DENIAL
        if denied:
            self._deny(patient, decision.reasons[0].line())
        return not denied

    def explain(self, labels: Labels) -> Decision:
        """What a request would meet, for a dry run."""
        if not self._bound:
            text = "applications of this institution see what it holds"
            return Decision(permit=True, reasons=(Reason(step=Step.CLEARANCE, text=text, who=ADMINISTRATOR),))
        return self.decision(labels)

    def notes(self, patients: Sequence[str]) -> list[dict[str, str]]:
        """What the records of the answer say of all this: reasons, with the number of documents each kept back.

        There is a record for each of `patients`, "" for one about nobody or about several. What was decided for one
        patient never stands in the record of another.
        """
        if not self.denied and not self.broken:
            return [{} for _ in patients]
        others = (self.denied.keys() | self.broken.keys()) - {*patients}
        unnamed = [""] if "" not in patients else []
        return [self._note({patient, *unnamed} if patient else {*others, ""}) for patient in patients]

    def _note(self, patients: Iterable[str]) -> dict[str, str]:
        said = {}
        denied = sum((self.denied[patient] for patient in patients if patient in self.denied), Counter[str]())
        if denied:
            said["policy"] = "; ".join(f"{reason} ({count})" for reason, count in denied.most_common(_MOST_REASONS))
        if broken := sum(len(self.broken[patient]) for patient in patients if patient in self.broken):
            said["emergency"] = f"{broken} documents by breaking the glass: {self._caller.reason.strip()[:500]}"
        return said

    def put_on_review(self, connection: sqlite3.Connection) -> None:
        """Keep the accesses in an emergency for review. In the transaction that records the answer."""
        for patient, documents in self.broken.items():
            reviews.note(connection, self._caller, patient, len(documents), self._now)

    def _within(self, confidentiality: Sequence[Pair]) -> bool:
        within = within_clearance(self._caller, confidentiality, self._rules)
        if not within:
            self._deny("", "1 above the clearance, or of unknown confidentiality")
        return within

    def _judged(self, labels: Labels) -> bool:
        found = self.decision(labels)
        if not found.permit:
            self._deny(self._patient(labels.patient).name, found.reasons[0].line())
        elif found.broken:
            self.broken.setdefault(self._patient(labels.patient).name, set()).add(labels.id)
        return found.permit

    def _deny(self, patient: str, reason: str) -> None:
        self.denied.setdefault(patient, Counter())[reason] += 1

    def _decide(self, labels: Labels, patient: _Patient, authors: Sequence[str]) -> Decision:
        resource = ResourceLabels(
            patient=patient.name,
            document=labels.unique_id,
            confidentiality=labels.confidentiality,
            kinds=labels.kinds,
            author_institutions=tuple(authors),
        )
        waiting = reviews.waiting(self._reader, self._caller, patient.name) if self._emergency else 0
        return decide(self._caller, resource, patient.consents, self._rules, self._now, unreviewed=waiting)

    def _patient(self, number: int) -> _Patient:
        found = self._patients.get(number)
        if found is None:
            names = self._registry.identities(number)
            consents = store.of_patient(self._reader, names)
            provisions = [part for one in consents if one.in_force(self._now) for part in one.provisions]
            found = self._patients[number] = _Patient(
                names[0],
                consents,
                by_document=any(part.documents for part in provisions),
                by_author=any(part.author_institutions for part in provisions),
            )
        return found

    def _authors(self, labels: Labels) -> tuple[str, ...]:
        return authors(self._registry, labels.id)


def authors(registry: DocumentRegistry, id_: int) -> tuple[str, ...]:
    """Names and OIDs of the institutions that wrote a document (XON: name, …, id)."""
    found: list[str] = []
    for xon in registry.author_institutions(id_):
        parts = [*xon.split("^"), *[""] * 10]
        found += [part for part in (parts[0], oid(parts[9])) if part]
    return tuple(found)


def of(exchange: Exchange) -> Access:
    """The view of who asks in this exchange; what it denies and breaks goes on record with the answer."""
    actors = exchange.actors
    if exchange.access is None:
        exchange.access = Access(exchange.caller, actors.policy, actors.registry, actors.reader, exchange.now)
    return exchange.access


def _is_bound(caller: Caller, policy: Policy) -> bool:
    """Peers are, but for the test community of development nodes: conformance data carries policy codes."""
    if caller.role is Role.PEER:
        return caller.clearance != EVERYTHING
    return policy.applications
