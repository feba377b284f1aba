"""A real registry on a real SQLite file, and small builders of what is put into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from registry.document_registry import DocumentRegistry, Found, Registered, RegistrySettings
from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.errors import XdsErrors
from registry.metadata.affinity_domain import ANY
from registry.metadata.objects import (
    APPROVED,
    DEPRECATED,
    HAS_MEMBER,
    ON_DEMAND_DOCUMENT,
    ORIGINAL,
    REFERENCE,
    STABLE_DOCUMENT,
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    LocalizedString,
    Slot,
    SubmissionSet,
)
from registry.metadata.submission import Submission
from registry.queries.catalogue import STORED_QUERIES
from registry.store.patients import PatientDirectory
from registry.store.tables import metadata

AUTHORITY = "2.999.1.1"
HOME = "urn:oid:2.999.9"
NOW = "20240301120000"
LATER = "20240302130000"
P1, P2, P3 = (f"P{number}^^^&{AUTHORITY}&ISO" for number in (1, 2, 3))
FOREIGN = "P1^^^&2.999.77&ISO"
SHA1 = "e4419ade7d13d4aebc4e7e559188131f9ea84566"
BOTH_STATUSES = (APPROVED, DEPRECATED)
BOTH_TYPES = (STABLE_DOCUMENT, ON_DEMAND_DOCUMENT)
QUERY_ID = {query.name: query.id for query in STORED_QUERIES.values()}


def uuid(number: int) -> str:
    """A UUID URN of its own for each number."""
    return f"urn:uuid:00000000-0000-4000-8000-{number:012x}"


def code(value: str, scheme: str = "2.999.8.1") -> Code:
    return Code(code=value, scheme=scheme, display=(LocalizedString(value=f"{value} shown"),))


def author(person: str = "1375^Welby^Marcus^^MD^Dr^^^&2.999.6&ISO") -> Author:
    return Author(persons=(person,), institutions=("Some Hospital^^^^^^^^^2.999.7.1",))


def entry(
    id_: str = "Document01", *, patient: str = P1, unique_id: str = "2.999.4.1.1", **given: object
) -> DocumentEntry:
    """A stable DocumentEntry with everything that a registry requires."""
    values: dict[str, object] = {
        "mime_type": "text/plain",
        "class_codes": (code("NOTE"),),
        "type_codes": (code("PROG"),),
        "format_codes": (code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3"),),
        "healthcare_facility_type_codes": (code("HOSP"),),
        "practice_setting_codes": (code("CARD"),),
        "confidentiality_codes": (code("N", "2.16.840.1.113883.5.25"),),
        "authors": (author(),),
        "title": (LocalizedString(value="Progress note"),),
        "creation_time": ("20240229101500",),
        "hash": (SHA1,),
        "size": ("9",),
        "language_code": ("en-US",),
        "repository_unique_id": ("2.999.3.1",),
        "source_patient_id": ("L-77^^^&2.999.5.1&ISO",),
    }
    return DocumentEntry(entry_uuid=id_, patient_id=patient, unique_id=unique_id, **(values | given))  # type: ignore[arg-type]


def on_demand(id_: str = "Document01", **given: object) -> DocumentEntry:
    """An on-demand DocumentEntry: no creationTime, hash or size."""
    absent = {"creation_time": (), "hash": (), "size": ()}
    return entry(id_, object_type=ON_DEMAND_DOCUMENT, **(absent | given))


def submission_set(
    id_: str = "SubmissionSet01", *, patient: str = P1, unique_id: str = "2.999.4.2.1", **given: object
) -> SubmissionSet:
    values: dict[str, object] = {
        "source_id": "2.999.2.1",
        "content_type_codes": (code("VISIT", "2.999.8.5"),),
        "authors": (author(),),
        "title": (LocalizedString(value="Visit submission"),),
        "submission_time": ("20240229101800",),
    }
    return SubmissionSet(entry_uuid=id_, patient_id=patient, unique_id=unique_id, **(values | given))  # type: ignore[arg-type]


def folder(id_: str = "Folder01", *, patient: str = P1, unique_id: str = "2.999.4.3.1", **given: object) -> Folder:
    values: dict[str, object] = {"codes": (code("EPISODE", "2.999.8.6"),), "title": (LocalizedString(value="Episode"),)}
    return Folder(entry_uuid=id_, patient_id=patient, unique_id=unique_id, **(values | given))  # type: ignore[arg-type]


def relation(type_: str, source: str, target: str, id_: str = "") -> Association:
    return Association(
        entry_uuid=id_ or f"{type_.rpartition(':')[2]} {source} {target}",
        association_type=type_,
        source=source,
        target=target,
    )


def member(source: str, target: str, status: str | None = None, id_: str = "") -> Association:
    return replace(relation(HAS_MEMBER, source, target, id_), submission_set_status=(status,) if status else ())


def filed(
    folder_id: str, document_id: str, set_id: str = "SubmissionSet01", id_: str = ""
) -> tuple[Association, Association]:
    """A document in a folder: FD-DE and the SS-HM that it needs."""
    link = member(folder_id, document_id, id_=id_ or f"{document_id} in {folder_id}")
    return link, member(set_id, link.entry_uuid)


def submission(
    *documents: DocumentEntry,
    folders: Sequence[Folder] = (),
    set_: SubmissionSet | None = None,
    also: Iterable[Association] = (),
    references: Iterable[str] = (),
) -> Submission:
    """One submission set with its members, and associations beside."""
    own = set_ or submission_set()
    return Submission(
        submission_sets=(own,),
        documents=documents,
        folders=tuple(folders),
        associations=(
            *(member(own.entry_uuid, item.entry_uuid, ORIGINAL) for item in documents),
            *(member(own.entry_uuid, item.entry_uuid) for item in folders),
            *(member(own.entry_uuid, target, REFERENCE) for target in references),
            *also,
        ),
    )


def stored_query(name: str, *, returns: str = LEAF_CLASS, home: str | None = None, **parameters: object) -> AdhocQuery:
    """A stored query by name. A parameter is `XDSDocumentEntryStatus=("a", "b")`; a list of tuples repeats the slot.

    Text is quoted, tuples become lists, numbers stay bare.
    """
    slots = []
    for parameter, value in parameters.items():
        for one in value if isinstance(value, list) else [value]:
            slots.append(Slot(name=f"${parameter}", values=(coded(one),)))
    return AdhocQuery(QUERY_ID.get(name, name), returns, home, tuple(slots))


def coded(value: object) -> str:
    if isinstance(value, tuple):
        return "(" + ",".join(map(coded, value)) + ")"
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


SCHEMA = (
    "BEGIN;"
    + ";".join(
        str(made.compile(dialect=sqlite.dialect()))
        for table in metadata.sorted_tables
        for made in (CreateTable(table), *(CreateIndex(index) for index in table.indexes))
    )
    + ";COMMIT"
)


class Bench:
    """A registry with its own database; every change is a transaction of its own, undone when it fails."""

    def __init__(self, path: Path, **settings: object) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.executescript(SCHEMA)
        self.settings = RegistrySettings(
            **({"home_community_id": HOME, "assigning_authority": AUTHORITY, "max_results": 1000} | settings)  # type: ignore[arg-type]
        )
        self.registry = DocumentRegistry(self.connection, ANY, self.settings)
        self.patients = PatientDirectory(self.connection, AUTHORITY)
        self.ids = 0
        for patient in (P1, P2, P3):
            self.patients.add(patient, NOW)

    def close(self) -> None:
        self.connection.close()

    def new_uuid(self) -> str:
        self.ids += 1
        return uuid(0xF0000000 + self.ids)

    @contextmanager
    def transaction(self):
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def register(self, submitted: Submission, *, transaction: str = "ITI-42", now: str = NOW) -> Registered:
        with self.transaction():
            return self.registry.register(
                submitted,
                (),
                transaction=transaction,
                now=now,
                new_uuid=self.new_uuid,  # type: ignore[arg-type]
            )

    def update(self, submitted: Submission, *, transaction: str = "ITI-57", now: str = NOW, permits=lambda _: ()):
        with self.transaction():
            return self.registry.update(
                submitted, (), transaction=transaction, permits=permits, now=now, new_uuid=self.new_uuid
            )

    def update_refusal(self, submitted: Submission, **given: object) -> list[tuple[str, str]]:
        """(code, location) of each error that an update is refused with; nothing may have changed."""
        before = self.dump()
        try:
            self.update(submitted, **given)  # type: ignore[arg-type]
        except XdsErrors as refused:
            assert self.dump() == before, "a refused update changed something"
            return [(str(error.code), error.location) for error in refused.errors]
        raise AssertionError("the update was carried out")

    def refusal(self, submitted: Submission, **given: object) -> list[tuple[str, str]]:
        """(code, location) of each error that a submission is refused with; nothing may have changed."""
        before = self.dump()
        try:
            self.register(submitted, **given)  # type: ignore[arg-type]
        except XdsErrors as refused:
            assert self.dump() == before, "a refused submission changed something"
            return [(str(error.code), error.location) for error in refused.errors]
        raise AssertionError("the submission was accepted")

    def dump(self) -> list[str]:
        return list(self.connection.iterdump())

    def quarantine(self, unique_id: str, *, on: bool = True) -> None:
        with self.transaction():
            self.registry.quarantine(unique_id, on)

    def find(self, name: str, **parameters: object) -> Found:
        return self.registry.find(stored_query(name, **parameters))  # type: ignore[arg-type]

    def find_documents(self, patient: str = P1, **parameters: object) -> list[str]:
        """entryUUIDs of the Approved and Deprecated documents of a patient."""
        given = {"XDSDocumentEntryPatientId": patient, "XDSDocumentEntryStatus": BOTH_STATUSES} | parameters
        return sorted(item.entry_uuid for item in self.find("FindDocuments", **given).objects)

    def statuses(self) -> dict[str, str]:
        """availabilityStatus of every document, by entryUUID."""
        rows = self.connection.execute("SELECT entry_uuid, deprecated FROM document_entry")
        return {entry_uuid: BOTH_STATUSES[deprecated] for entry_uuid, deprecated in rows}


def kinds(found: Found) -> dict[str, list[str]]:
    """What was found: kind -> sorted entryUUIDs."""
    result: dict[str, list[str]] = {}
    for item in found.objects:
        result.setdefault(item.kind, []).append(item.entry_uuid)
    return {kind: sorted(ids) for kind, ids in result.items()}
