"""The patient identity feed of HL7 v3: PRPA_IN201301UV02 (added), 201302 (revised), 201304 (duplicates resolved). Pure.

Source: ITI TF-2: 3.44.4; federation-wire 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from lxml import etree

from node.hl7v3.datatypes import child, named, read_ii
from node.hl7v3.person import read_patient
from node.hl7v3.wrapper import BadMessage, Wrapper, read_wrapper
from registry.patients.demographics import Demographics, Identifier

Kind = Literal["add", "revise", "merge"]
KINDS: Final[dict[str, Kind]] = {
    "PRPA_IN201301UV02": "add",
    "PRPA_IN201302UV02": "revise",
    "PRPA_IN201304UV02": "merge",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMessage:
    """One message about one patient.

    `ids` are those of the patient, `person` is who it is (its identifiers are `ids` and then those beside), `priors`
    the ids that a merge subsumes.
    """

    wrapper: Wrapper
    kind: Kind
    ids: tuple[Identifier, ...]
    person: Demographics
    priors: tuple[Identifier, ...] = ()


def read_feed(root: etree._Element) -> FeedMessage:
    """Read one message.

    Raises:
        BadMessage: it is not about one patient who has an identifier, or a merge names none that is subsumed.
    """
    wrapper = read_wrapper(root)
    kind = KINDS[wrapper.interaction]
    subjects = named(wrapper.act, "subject") if wrapper.act is not None else []
    if len(subjects) != 1:
        raise BadMessage("the message is not about one patient: it has not exactly one subject")
    event = child(subjects[0], "registrationEvent")
    patient = child(event, "subject1", "patient")
    if patient is None:
        raise BadMessage("the message has no patient")
    ids = _identifiers(patient)
    if not ids:
        raise BadMessage("the patient has no id with an OID and an extension")
    priors: tuple[Identifier, ...] = ()
    if kind == "merge":
        role = child(event, "replacementOf", "priorRegistration", "subject1", "priorRegisteredRole")
        priors = _identifiers(role) if role is not None else ()
        if not priors:
            raise BadMessage("the message does not say which id was subsumed (priorRegisteredRole)")
    return FeedMessage(wrapper=wrapper, kind=kind, ids=ids, person=read_patient(patient), priors=priors)


def _identifiers(element: etree._Element) -> tuple[Identifier, ...]:
    found = (read_ii(one).identifier for one in named(element, "id"))
    return tuple(one for one in found if one is not None)
