"""Patient identities of the affinity domain and what may be merged (ITI TF-2: 3.8.4.2.3; ITI TF-1: 10.1.2). Pure.

A merge is a link from the subsumed identity to the surviving one and touches nothing else; links chain. Every refusal
has a reason of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registry.metadata.values import Cx


class Refusal(StrEnum):
    """Why a change of patient identities is refused."""

    NOT_AN_IDENTIFIER = "not an identifier of the form ID^^^&OID&ISO"
    OTHER_AUTHORITY = "not an identifier of this domain's assigning authority"
    SAME = "the surviving and the subsumed identifier are the same"
    UNKNOWN_SURVIVOR = "the surviving identifier is not known"
    UNKNOWN_SUBSUMED = "the subsumed identifier is not known"
    SURVIVOR_SUBSUMED = "the surviving identifier has itself been subsumed"
    ALREADY_SUBSUMED = "the subsumed identifier has already been subsumed"
    UNKNOWN = "the identifier is not known"
    NOT_SUBSUMED = "the identifier has not been subsumed"


class PatientIdentityError(Exception):
    """A change of patient identities that was refused; nothing has changed."""

    def __init__(self, reason: Refusal, identifier: str) -> None:
        self.reason = reason
        self.identifier = identifier
        super().__init__(f"{identifier}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientIdentity:
    """One identity: its CX, when it was added (14 digits, UTC) and what it was merged with.

    `subsumed_by` is the identity it was merged into, None while it survives; `subsumes` are those merged into it
    directly.
    """

    patient: str
    added: str
    subsumed_by: str | None = None
    subsumed: str | None = None
    subsumes: tuple[str, ...] = ()


def identifier_refusal(patient: str, authority: str | None) -> Refusal | None:
    """Why `patient` cannot be an identity of the domain whose assigning authority is this OID (None: any)."""
    cx = Cx.parse(patient)
    if cx is None:
        return Refusal.NOT_AN_IDENTIFIER
    if authority is not None and cx.authority != authority:
        return Refusal.OTHER_AUTHORITY
    return None


def refuse_merge(
    survivor: str, subsumed: str, known: dict[str, PatientIdentity], *, authority: str | None = None
) -> None:
    """Check that `subsumed` may be merged into `survivor`; `known` holds those of the two that are known.

    Raises:
        PatientIdentityError: with the first rule that is broken.

    Source: ITI TF-2: 3.8.4.2.3.
    """
    for patient in (survivor, subsumed):
        refusal = identifier_refusal(patient, authority)
        if refusal:
            raise PatientIdentityError(refusal, patient)
    if survivor == subsumed:
        raise PatientIdentityError(Refusal.SAME, survivor)
    if survivor not in known:
        raise PatientIdentityError(Refusal.UNKNOWN_SURVIVOR, survivor)
    if subsumed not in known:
        raise PatientIdentityError(Refusal.UNKNOWN_SUBSUMED, subsumed)
    if known[survivor].subsumed_by is not None:
        raise PatientIdentityError(Refusal.SURVIVOR_SUBSUMED, survivor)
    if known[subsumed].subsumed_by is not None:
        raise PatientIdentityError(Refusal.ALREADY_SUBSUMED, subsumed)
