"""The stored queries of ITI-51 as data: those of ITI-18 by patient, about several or anybody (ITI TF-2: 3.51)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from registry.ebrim.messages import AdhocQuery
from registry.queries.catalogue import (
    FIND_DOCUMENTS,
    FIND_DOCUMENTS_BY_REFERENCE_ID,
    FIND_FOLDERS,
    StoredQuery,
    stored_query,
)
from registry.queries.parameters import MalformedValue, scan

MOST_PATIENTS: Final = 500  # of one query: each is a look-up of its own, and a record in the audit log


def _of_several(query: StoredQuery, query_id: str, narrowing: tuple[str, ...]) -> StoredQuery:
    """A query by patient as ITI-51 has it: patients are optional and many, but something narrows it."""
    patient, *others = query.parameters
    return replace(
        query,
        id=query_id,
        name=f"{query.name}ForMultiplePatients",
        section="ITI TF-2: 3.51.4.1.2.3",
        parameters=(replace(patient, required=False, many=True), *others),
        at_least_one=narrowing,
        several_patients=True,
    )


MULTI_PATIENT_QUERIES: Final[dict[str, StoredQuery]] = {
    query.id: query
    for query in (
        _of_several(
            FIND_DOCUMENTS,
            "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f",
            (
                "$XDSDocumentEntryPatientId",
                "$XDSDocumentEntryClassCode",
                "$XDSDocumentEntryEventCodeList",
                "$XDSDocumentEntryHealthcareFacilityTypeCode",
            ),
        ),
        _of_several(
            FIND_FOLDERS,
            "urn:uuid:50d3f5ac-39a2-11de-a1ca-b366239e58df",
            ("$XDSFolderPatientId", "$XDSFolderCodeList"),
        ),
        _of_several(FIND_DOCUMENTS_BY_REFERENCE_ID, "urn:uuid:1191642d-86c4-42d8-b784-f95445f9f0d5", ()),
    )
}


def patients_of(query: AdhocQuery) -> tuple[str, ...]:
    """The patient ids that a query of ITI-51 asks for, each once, as far as they can be read; none of too many.

    Of a query that ITI-51 does not have, those of any of its parameters for patients.
    """
    row = stored_query(query.query_id, MULTI_PATIENT_QUERIES)
    rows = (row,) if row else MULTI_PATIENT_QUERIES.values()
    slots = {one.patient_parameter.name for one in rows if one.patient_parameter}
    found: dict[str, None] = {}
    for slot in query.slots:
        if slot.name.strip() in slots:
            for value in slot.values:
                try:
                    found |= dict.fromkeys(scan(value))
                except MalformedValue:
                    continue
    return tuple(found) if len(found) <= MOST_PATIENTS else ()
