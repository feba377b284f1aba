"""Patient registry record nullified, PRPA_IN201303UV02: an identifier that was given for a correlation counts no more.

Written with the identifier alone: who the patient is, the other side knows or need not know. Pure.
Source: ITI TF-2: 3.55 (revoke, trial implementation); federation-wire 2.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from node.hl7v3.datatypes import V3, Ii, child, named, read_ii, write_ii
from node.hl7v3.person import write_patient
from node.hl7v3.wrapper import BadMessage, Wrapper, control_act, read_wrapper, write_message
from registry.patients.demographics import Demographics, Identifier

REVOKE: Final = "PRPA_IN201303UV02"
REVOKE_ROOT: Final = f"{{{V3}}}{REVOKE}"
_TRIGGER: Final = "PRPA_TE201303UV02"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One message: the identifiers that its sender gave and takes back."""

    wrapper: Wrapper
    ids: tuple[Identifier, ...]


def write_revocation(wrapper: Wrapper, patient: Identifier, *, now: datetime) -> bytes:
    """A whole PRPA_IN201303UV02."""
    own = write_ii("id", Ii(wrapper.sender.organization))
    organization = (
        f'<providerOrganization classCode="ORG" determinerCode="INSTANCE">{own}<contactParty classCode="CON"/>'
        "</providerOrganization>"
    )
    content = (
        '<subject typeCode="SUBJ"><registrationEvent classCode="REG" moodCode="EVN"><id nullFlavor="NA"/>'
        '<statusCode code="nullified"/><subject1 typeCode="SBJ">'
        f"{write_patient([patient], Demographics(), after=organization)}</subject1>"
        '<custodian typeCode="CST"><assignedEntity classCode="ASSIGNED">'
        f"{own}</assignedEntity></custodian></registrationEvent></subject>"
    )
    return write_message(
        REVOKE,
        id_=wrapper.id,
        now=now,
        sender=wrapper.sender,
        receiver=wrapper.receiver,
        accept="AL",
        act=control_act(_TRIGGER, content),
    )


def read_revocation(root: etree._Element) -> Revocation:
    """Read a PRPA_IN201303UV02.

    Raises:
        BadMessage: it is not about a patient who has an identifier.
    """
    wrapper = read_wrapper(root)
    patient = child(wrapper.act, "subject", "registrationEvent", "subject1", "patient")
    found = (read_ii(one).identifier for one in named(patient, "id")) if patient is not None else ()
    ids = tuple(one for one in found if one is not None)
    if not ids:
        raise BadMessage("the message has no patient with an id of an OID and an extension")
    return Revocation(wrapper=wrapper, ids=ids)
