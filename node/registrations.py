"""What ITI-41 and ITI-42 share: the request, the result, its encoding and its audit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from node.bindings import AuditFact, Tolerant
from node.exchange import Exchange
from node.http.overriding import override
from node.records import submission_set_object
from registry.document_registry import Registered
from registry.ebrim.messages import registry_response
from registry.ebrim.tolerances import Tolerance, with_required
from registry.errors import RegistryError
from registry.metadata.submission import Submission
from repository.store.staging import Staged


@dataclass(frozen=True, slots=True)
class RegisterRequest(Tolerant):
    """A submission, the faults that reading it found, what was tolerated; `documents` are those of ITI-41."""

    submission: Submission
    faults: tuple[RegistryError, ...] = ()
    documents: Sequence[Any] = field(default=())
    tolerated: frozenset[Tolerance] = frozenset()

    @override
    def with_required(self, required: Collection[str]) -> RegisterRequest:
        """The same, of a sender of whom these deviations are taken too."""
        submission, found = with_required(self.submission, required)
        return replace(self, submission=submission, tolerated=self.tolerated | found)


@dataclass(frozen=True, slots=True)
class Taken:
    """Documents of ITI-41 by their id in the metadata: durable bytes, and the content of consent documents."""

    staged: dict[str, Staged]
    consents: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """What was registered; `errors` holds warnings only."""

    registered: Registered
    errors: tuple[RegistryError, ...] = ()
    documents: tuple[()] = ()


def encode_errors(errors: Sequence[RegistryError]) -> bytes:
    """Write the Failure answer: nothing was registered."""
    return registry_response(errors)


def encode(result: RegisterResult) -> bytes:
    """Write rs:RegistryResponse."""
    return registry_response(result.errors)


def registration_facts(request: RegisterRequest, result: RegisterResult | None, _exchange: Exchange) -> list[AuditFact]:
    """One record for each patient of the submission, with the submission set."""
    submission = request.submission
    named = [item.patient_id for item in submission.submission_sets]
    named += [item.patient_id for item in submission.documents]
    patients = sorted({patient for patient in named if patient})
    unique_id = next((item.unique_id for item in submission.submission_sets if item.unique_id), "")
    return [
        AuditFact(patient=patient, objects=(submission_set_object(unique_id),), errors=result.errors if result else ())
        for patient in patients or [""]
    ]
