"""The Document Registry actor: registers submissions, answers stored queries (ITI TF-2: 3.18, 3.42, 3.61).

Its verbs are synchronous and run on the connection they are given; transactions begin and end outside. Who may see
which document is decided outside as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from registry import lifecycle
from registry.conflicts import conflicts
from registry.ebrim.fragments import Fragments, train
from registry.ebrim.messages import AdhocQuery
from registry.errors import RegistryError, Severity, UnknownPatientId, XdsErrors
from registry.lifecycle import Referred
from registry.link_change import LinkChange, Moved
from registry.metadata.affinity_domain import AffinityDomain
from registry.metadata.identifiers import assign_ids
from registry.metadata.objects import DocumentEntry, SubmissionSet
from registry.metadata.rules import violations
from registry.metadata.submission import Submission
from registry.patients.demographics import Identifier
from registry.patients.identity import identifier_refusal
from registry.queries.catalogue import STORED_QUERIES, StoredQuery
from registry.queries.criteria import criteria
from registry.relinking import Relinking
from registry.store import dictionaries, labels
from registry.store import documents as stored_documents
from registry.store.codes import CodeBook
from registry.store.conditions import prepare
from registry.store.documents import UnknownDocument
from registry.store.found import Found, FoundObject, RegisteredDocument
from registry.store.keeping import Keeping
from registry.store.labels import Judge, Labels
from registry.store.master_index import MasterIndex
from registry.store.patients import PatientDirectory
from registry.store.references import References
from registry.store.removal import Removal, RemovedObject
from registry.store.search import Search
from registry.store.sight import Sees, Sight
from registry.store.submissions import write
from registry.store.updates import UpdateReferences, write_update
from registry.update_changes import update_changes
from registry.update_conflicts import update_conflicts
from registry.update_proposals import Proposed, propositions
from registry.updates import Transaction as UpdateTransaction
from registry.updates import read_update

__all__ = [
    "DocumentRegistry",
    "Found",
    "FoundObject",
    "Labels",
    "LinkChange",
    "Moved",
    "Permits",
    "Proposed",
    "Registered",
    "RegisteredDocument",
    "RegistrySettings",
    "RemovedObject",
    "UnknownDocument",
    "Updated",
]

Transaction = Literal["ITI-41", "ITI-42", "ITI-61"]
_NEW = 0  # the number of a patient that is about to become known


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """What an affinity domain decides.

    Without `known_patients_required` (development) a patient of the domain becomes known with its first submission.
    """

    home_community_id: str  # urn:oid:…
    assigning_authority: str  # bare OID
    max_results: int
    known_patients_required: bool = True
    unknown_patient_is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What became of a submission. `entry_uuids` leads from each symbolic id to its UUID."""

    warnings: tuple[RegistryError, ...]
    patient_id: str
    submission_set_unique_id: str
    entry_uuids: dict[str, str]
    documents: tuple[DocumentEntry, ...]  # as registered, with their entryUUIDs
    submission_set: SubmissionSet  # likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What became of a metadata update. `changed`: the documents and folders it was about, as they were."""

    patient_id: str
    submission_set_unique_id: str
    entry_uuids: dict[str, str]
    changed: tuple[Proposed, ...]
    documents: tuple[DocumentEntry, ...]  # the new versions as registered, with their entryUUIDs
    submission_set: SubmissionSet  # as registered


Permits = Callable[[Sequence[Proposed]], Iterable[RegistryError]]


class DocumentRegistry:
    """The registry over one connection. `on` gives the same registry over another, sharing what is remembered."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        domain: AffinityDomain,
        settings: RegistrySettings,
        *,
        codes: CodeBook | None = None,
        fragments: Fragments | None = None,
    ) -> None:
        self._connection = connection
        self._domain = domain
        self._settings = settings
        self._codes = codes or CodeBook(connection)
        self._fragments = fragments or Fragments(dictionaries.learned(connection))
        self._search = Search(
            connection, self._codes, self._fragments, home=settings.home_community_id, limit=settings.max_results
        )
        prepare(connection)

    def on(self, connection: sqlite3.Connection) -> DocumentRegistry:
        """This registry over another connection to the same database, for instance the one that writes."""
        return DocumentRegistry(connection, self._domain, self._settings, codes=self._codes, fragments=self._fragments)

    def register(
        self,
        submission: Submission,
        faults: Sequence[RegistryError],
        *,
        transaction: Transaction,
        now: str,
        new_uuid: Callable[[], str],
    ) -> Registered:
        """Register a submission, whole or not at all. The connection is in a writing transaction.

        Args:
            submission: as it was read; ids may be symbolic.
            faults: what reading it found wrong.
            transaction: which rules apply.
            now: 14 digits, UTC.
            new_uuid: gives UUID URNs.

        Raises:
            XdsErrors: everything that is wrong with it; nothing has been written.

        Source: ITI TF-2: 3.42.4.1.3.
        """
        referred = References(self._connection).load(submission, authority=self._settings.assigning_authority)
        referred = self._acquainted(submission, referred)
        found = [
            *faults,
            *violations(submission, self._domain, transaction=transaction),
            *conflicts(submission, referred),
        ]
        if any(fault.severity is Severity.ERROR for fault in found):
            raise XdsErrors(found)
        patient = submission.submission_set.patient_id or ""
        assigned, entry_uuids = assign_ids(submission, new_uuid)
        changes = lifecycle.changes(assigned, referred, now=now, new_uuid=new_uuid)
        number = referred.known_patients[patient] or self._made_known(patient, now)
        write(self._connection, self._codes, self._fragments, changes, referred, patient=number)
        return Registered(
            warnings=tuple(found),
            patient_id=patient,
            submission_set_unique_id=assigned.submission_set.unique_id or "",
            entry_uuids=entry_uuids,
            documents=assigned.documents,
            submission_set=assigned.submission_set,
        )

    def _acquainted(self, submission: Submission, referred: Referred) -> Referred:
        """In development a patient of this domain need not be known before; one that was subsumed stays unknown."""
        if self._settings.known_patients_required:
            return referred
        directory = PatientDirectory(self._connection)
        new = {
            patient: _NEW
            for patient in {item.patient_id or "" for item in lifecycle.identified(submission)}
            if identifier_refusal(patient, self._settings.assigning_authority) is None
            and directory.resolve(patient) is None
        }
        return replace(referred, known_patients={**referred.known_patients, **new})

    def _made_known(self, patient: str, now: str) -> int:
        MasterIndex(self._connection, self._settings.assigning_authority).store(Identifier.of(patient), None, now)
        return PatientDirectory(self._connection).chain(patient)[0]

    def update(
        self,
        submission: Submission,
        faults: Sequence[RegistryError],
        *,
        transaction: UpdateTransaction,
        permits: Permits,
        now: str,
        new_uuid: Callable[[], str],
    ) -> Updated:
        """Carry a metadata update out, whole or not at all. The connection is in a writing transaction.

        Args:
            submission: as it was read; ids may be symbolic.
            faults: what reading it found wrong.
            transaction: which rules apply.
            permits: asked what speaks against it beyond the rules; told what each document was and is to be.
            now: 14 digits, UTC.
            new_uuid: gives UUID URNs.

        Raises:
            XdsErrors: everything that is wrong with it; nothing has been written.

        Source: ITI TF-2: 3.57.4.1.3, 3.92.4.1.3.
        """
        update, found = read_update(submission, self._domain, transaction)
        references = UpdateReferences(self._connection, self._codes, self._fragments)
        referred = references.load(update, authority=self._settings.assigning_authority)
        found = [*faults, *found, *update_conflicts(update, referred, transaction)]
        proposed = tuple(propositions(update, referred))
        if not found:
            found = list(permits(proposed))
        if found:
            raise XdsErrors(found)
        changes = update_changes(update, referred, now=now, new_uuid=new_uuid)
        patient = submission.submission_set.patient_id or ""
        number = referred.named.known_patients[patient]
        write_update(self._connection, self._codes, self._fragments, changes, referred, patient=number)
        return Updated(
            patient_id=patient,
            submission_set_unique_id=submission.submission_set.unique_id or "",
            entry_uuids=changes.entry_uuids,
            changed=proposed,
            documents=changes.submission.documents,
            submission_set=changes.submission.submission_set,
        )

    def relinking(self) -> Relinking:
        """Moves what a local patient id brought to another patient (ITI-64), over this registry's connection."""
        return Relinking(self._connection, self._codes, self._fragments, self._settings.assigning_authority)

    def find(
        self,
        query: AdhocQuery,
        sees: Sees | None = None,
        judge: Judge | None = None,
        queries: Mapping[str, StoredQuery] = STORED_QUERIES,
    ) -> Found:
        """Answer a stored query, one of `queries`, to somebody who may see only what `sees` allows by confidentiality.

        With a `judge` only those of them that it lets pass.

        Raises:
            XdsErrors: what is wrong with the query, or with its result: XDSTooManyResults, XDSResultNotSinglePatient.

        Source: ITI TF-2: 3.18.4.1.3.
        """
        asked = criteria(query, queries)
        found = self._search.find(asked, sees, judge)
        if found is None and self._settings.unknown_patient_is_error:
            raise UnknownPatientId(f"patient {asked.patient} is not known here")
        objects, withheld = found or ([], 0)
        return Found(query, query.return_type, objects, asked.patient, withheld)

    def documents(self, unique_ids: Sequence[str]) -> dict[str, list[RegisteredDocument]]:
        """Every entry of each documentUniqueId that is registered; those in quarantine are marked, not left out."""
        return stored_documents.documents(self._connection, self._codes, unique_ids)

    def labels(self, ids: Sequence[int]) -> list[Labels]:
        """What a rule about access may look at of these documents (`RegisteredDocument.id`)."""
        return labels.read(self._connection, self._codes, ids)

    def labels_of_patient(self, patient: str) -> list[Labels]:
        """The same for every document of a surviving identity and of all that it subsumes, but for quarantined ones."""
        chain = PatientDirectory(self._connection).chain(patient)
        return labels.of_patients(self._connection, self._codes, chain)

    def newest(
        self, patient: str, most: int, sees: Sees | None = None, judge: Judge | None = None
    ) -> list[RegisteredDocument]:
        """The newest stable documents of a surviving identity that somebody may see (as in `find`), newest first."""
        directory = PatientDirectory(self._connection)
        sight = Sight(self._connection, self._codes, sees, judge) if sees else None
        return stored_documents.newest(self._connection, self._codes, directory.chain(patient), most, sight)

    def patient_info(self, id_: int) -> Sequence[str]:
        """The sourcePatientInfo values of a document."""
        return labels.slot_values(self._connection, self._fragments.expand, id_, "sourcePatientInfo")

    def author_institutions(self, id_: int) -> Sequence[str]:
        """The authorInstitution values (XON) of a document."""
        return labels.author_institutions(self._connection, self._fragments.expand, id_)

    def identities_of(self, patient: str) -> Sequence[str]:
        """Every identity of the person with this one, the surviving one first; empty where it is not known."""
        directory = PatientDirectory(self._connection)
        number = directory.number(patient) or directory.number(directory.resolve(patient) or "")
        return directory.identities(number) if number else ()

    def identities(self, patient: int) -> Sequence[str]:
        """Every identity (CX) of the person behind a patient number (`Labels.patient`), the surviving one first."""
        return PatientDirectory(self._connection).identities(patient)

    def deprecate(self, unique_id: str) -> None:
        """Deprecate a document, every entry of it. The connection is in a writing transaction.

        Raises:
            UnknownDocument: it is not registered.
        """
        stored_documents.deprecate(self._connection, unique_id)

    def quarantine(self, unique_id: str, on: bool) -> None:  # noqa: FBT001  the verb takes it so
        """Take a document, every entry of it, out of every answer at once, or put it back.

        Raises:
            UnknownDocument: it is not registered.
        """
        stored_documents.quarantine(self._connection, unique_id, on=on)

    def remove(self, entry_uuids: Sequence[str]) -> tuple[RemovedObject, ...]:
        """Remove objects for good, all or none, and say what they were. The connection is in a writing transaction.

        Raises:
            XdsErrors: what speaks against it (`store.removal`); nothing has been written.

        Source: ITI TF-2: 3.62.4.1.3.
        """
        removal = Removal(self._connection)
        objects = removal.plan(entry_uuids)
        removal.carry_out(objects)
        return objects

    def keeping(self) -> Keeping:
        """What is kept, and what may go."""
        return Keeping(self._connection, self._codes)

    def with_dependents(self, unique_id: str) -> tuple[RemovedObject, ...]:
        """Every entry of a document and all that would have to go with it, for `remove_all`.

        Raises:
            UnknownDocument: it is not registered.
        """
        entries = self.documents([unique_id]).get(unique_id)
        if not entries:
            raise UnknownDocument(unique_id)
        removal = Removal(self._connection, anything=True)
        return removal.plan(removal.closure([entry.entry_uuid for entry in entries]))

    def remove_all(self, objects: Sequence[RemovedObject]) -> None:
        """Remove what `with_dependents` gave. The connection is in the same writing transaction."""
        Removal(self._connection, anything=True).carry_out(objects)

    def trained(self) -> bytes | None:
        """A dictionary for stored metadata, made of what is registered; None when there is no use for another one.

        Blocking for up to a second, a few times in the life of a registry: for a thread with a connection of its own.
        """
        stored = dictionaries.sample(self._connection)
        return train([self._fragments.expand(template) for template in stored]) if stored else None

    def keep_dictionary(self, content: bytes, now: str) -> None:
        """Keep what `trained` made. The connection is in a writing transaction; `use_dictionary` after its commit."""
        dictionaries.keep(self._connection, content, now)

    def use_dictionary(self, content: bytes) -> None:
        """Write with a dictionary that is durable, here and in every registry made of this one by `on`."""
        self._fragments.learn(content)
