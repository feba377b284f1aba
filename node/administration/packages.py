"""A patient's documents into a folder of files, and such a folder into this node: `export`, `import`.

Each submission set is one step: its folder is there whole or not at all, it is registered whole or not at all, with
its record before anything is written outside. So both can be stopped at any moment and run again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from node.administration.orders import Order, Result
from node.consents.documents import follow_documents, take_kept
from node.cx import patient_cx
from node.faults import Faults, refused
from node.packages import contents, layout
from node.records import document_object, submission_set_object
from node.soap.faults import SoapFault
from registry.document_registry import FoundObject
from registry.ebrim.messages import LEAF_CLASS, AdhocQuery
from registry.metadata.objects import APPROVED, DocumentEntry, Slot
from registry.queries.catalogue import GET_ASSOCIATIONS, GET_SUBMISSION_SET_AND_CONTENTS, StoredQuery
from registry.store.patients import PatientDirectory
from repository.provide import complete
from repository.store.staging import Staged
from trust.audit.event import Action, EventId, NewRecord
from trust.consent import store as consents
from trust.pki.keyfiles import sync_folder

_BOTH_TYPES: Final = "('urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1','urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248')"
_CHUNK: Final = 1 << 20
_PAGE: Final = 100  # patients


async def export_begin(order: Order) -> Result:
    """What there is of a patient: identifiers, consents, submission sets.

    Where none is named: the same of everybody known, beyond the number `after`, as many as fit into a page.
    """
    directory = PatientDirectory(order.services.reader)
    if not order.text("patient", ""):
        after = order.arguments.get("after")
        page = directory.page(after if isinstance(after, int) else 0, _PAGE)
        begun = [_begun(order, patient) for _, patient in page]
        await order.record([record for _, record in begun] or [_nobody(order)])
        patients = [{"number": number, **one} for (number, _), (one, _) in zip(page, begun, strict=True)]
        return {"total": directory.count(), "patients": patients}
    survivor = directory.resolve(order.patient())
    if survivor is None:
        step = "xdsnode patient list shows who is known"
        raise refused("patient.unknown", order.command, f"{order.patient()} is not known here", step)
    found, record = _begun(order, survivor)
    await order.record([record])
    return found


def _begun(order: Order, patient: str) -> tuple[Result, NewRecord]:
    """What there is of a surviving identity, and the record that it was told."""
    services = order.services
    identities = services.registry.identities_of(patient)
    kept = [consents.as_row(one) for one in consents.of_patient(services.reader, identities)]
    found = {
        "patient": patient,
        "identities": list(identities),
        "consents": kept,
        "sets": services.registry.keeping().submission_sets(patient),
    }
    what = f"export begun, {len(kept)} consents"
    return found, order.patient_record(Action.READ, what, patient, event=EventId.EXPORT)


def _nobody(order: Order) -> NewRecord:
    return order.patient_record(Action.READ, "export: no more patients", "", event=EventId.EXPORT)


async def export_set(order: Order) -> Result:
    """Write the folder of one submission set; on record before its first byte is."""
    services, patient = order.services, order.patient()
    own = services.config.node
    target = Path(order.text("folder"))
    found = _contents(order, order.text("set"))
    packed = contents.pack([one.leaf() for one in found], repository=own.repository_unique_id)
    if packed.empty:
        await order.record([order.patient_record(Action.READ, "nothing to export", patient, event=EventId.EXPORT)])
        return {"written": False, "documents": 0, "left_out": packed.left_out, "missing": [], "titles": []}
    documents = [one for one in found if one.kind == "document"]
    objects = [
        *(submission_set_object(one.unique_id) for one in found if one.kind == "submission_set"),
        *(document_object(one.unique_id, one.repository_unique_id, one.home) for one in documents),
    ]
    await order.record([order.patient_record(Action.READ, "exported", patient, *objects, event=EventId.EXPORT)])
    making = target.with_suffix(".TMP")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    hashes = {layout.METADATA: await asyncio.to_thread(_write, making / layout.METADATA, packed.metadata)}
    missing = []
    for name, entry in packed.files.items():
        digest = await _write_document(order, making / name, entry)
        if digest:
            hashes[name] = digest
        else:
            missing.append(entry.unique_id)
    await asyncio.to_thread(_write, making / layout.MANIFEST, layout.manifest(hashes).encode())
    await asyncio.to_thread(_in_place, making, target)
    return {
        "written": True,
        "documents": len(packed.files),
        "left_out": packed.left_out,
        "missing": missing,
        "titles": packed.titles,
    }


def _contents(order: Order, entry_uuid: str) -> list[FoundObject]:
    """A submission set with its contents, and what relates its documents to others."""
    found = _find(order, GET_SUBMISSION_SET_AND_CONTENTS, "$XDSSubmissionSetEntryUUID", f"'{entry_uuid}'")
    documents = [one.entry_uuid for one in found if one.kind == "document"]
    if documents:
        ids = "(" + ",".join(f"'{one}'" for one in documents) + ")"
        known = {one.entry_uuid for one in found}
        related = _find(order, GET_ASSOCIATIONS, "$uuid", ids)
        found += [one for one in related if one.entry_uuid not in known and one.source in documents]
    return found


def _find(order: Order, query: StoredQuery, name: str, value: str) -> list[FoundObject]:
    slots = [Slot(name=name, values=(value,))]
    if query is GET_SUBMISSION_SET_AND_CONTENTS:
        slots.append(Slot(name="$XDSDocumentEntryType", values=(_BOTH_TYPES,)))
    return list(order.services.registry.find(AdhocQuery(query.id, LEAF_CLASS, None, tuple(slots))).objects)


async def _write_document(order: Order, path: Path, entry: DocumentEntry) -> str:
    """SHA-256 of a document that was written; "" for one whose content is not here any more."""
    repository = order.services.repository
    stored = repository.locate(entry.unique_id or "")
    if stored is None:
        return ""
    with path.open("xb") as file:
        for frame in repository.open(stored).frames():
            file.write(frame)
            await asyncio.sleep(0)
        await asyncio.to_thread(_durable, file.fileno())
    return stored.sha256.hex()


def _write(path: Path, content: bytes) -> str:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        _durable(file.fileno())
    return sha256(content).hexdigest()


def _durable(descriptor: int) -> None:
    os.fsync(descriptor)


def _in_place(making: Path, target: Path) -> None:
    making.rename(target)
    sync_folder(target.parent)


async def import_patient(order: Order) -> Result:
    """Make a patient known and keep the consents, before any document of theirs can be seen."""
    patient, rows = _own_patient(order), order.arguments.get("consents") or []
    try:
        given = [replace(consents.from_row(row), patient=patient) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        step = "take the folder from whoever wrote it once more"
        raise refused("package.consents", order.command, f"{type(problem).__name__}: {problem}"[:200], step) from None

    def work(connection: sqlite3.Connection) -> tuple[int, Sequence[NewRecord]]:
        PatientDirectory(connection, order.services.config.node.assigning_authority).add(patient, order.now)
        new = [one for one in given if consents.get(connection, one.id) is None]
        for one in new:
            consents.add(connection, one)
        what = f"import begun, {len(new)} consents"
        return len(new), [order.patient_record(Action.CREATE, what, patient, event=EventId.IMPORT)]

    return {"patient": patient, "consents": await order.change(work)}


async def import_set(order: Order) -> Result:
    """Register one submission set with its documents; one that is here already is left as it is."""
    patient, folder = _own_patient(order), Path(order.text("folder"))
    root = Path(order.text("root", str(folder)))
    try:
        unpacked = contents.unpack((folder / layout.METADATA).read_bytes(), patient=patient)
        expected = _expected(folder)
    except (OSError, SoapFault, ValueError) as problem:
        step = "take the folder from whoever wrote it once more"
        raise refused("package.unreadable", str(folder), str(problem)[:200], step) from None
    unique_id = next((one.unique_id or "" for one in unpacked.submission.submission_sets), "")
    if order.services.registry.keeping().has_submission_set(unique_id):
        return {"state": "here already", "documents": 0, "deprecated": unpacked.deprecated}
    staged = await _staged(order, unpacked.files, folder, root, expected)
    own, exchange = order.services.config.node.repository_unique_id, order.exchange()

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        with_files = replace(
            unpacked.submission,
            documents=tuple(one for one in unpacked.submission.documents if one.entry_uuid in staged),
        )
        completed = {one.entry_uuid: one for one in complete(with_files, staged, own).documents}
        submission = contents.with_bytes(unpacked, completed)
        order.services.registry.on(connection).register(
            submission, unpacked.faults, transaction="ITI-42", now=order.now, new_uuid=order.services.new_uuid
        )
        kept = {
            id_: order.services.repository.keep(connection, one.unique_id or "", one.mime_type or "", staged[id_])
            for id_, one in completed.items()
        }
        take_kept(connection, submission, kept, exchange)
        order.services.actors.summaries.note(patient)
        objects = [submission_set_object(unique_id)]
        objects += [
            document_object(one.unique_id or "", next(iter(one.repository_unique_id), ""), None)
            for one in submission.documents
        ]
        return None, [order.patient_record(Action.CREATE, "imported", patient, *objects, event=EventId.IMPORT)]

    await order.change(work)
    return {"state": "imported", "documents": len(staged), "deprecated": unpacked.deprecated}


async def import_end(order: Order) -> Result:
    """Mark what was no longer current where it came from, now that what replaced it is here."""
    patient, wanted = _own_patient(order), [str(one) for one in order.arguments.get("deprecated") or []]

    def work(connection: sqlite3.Connection) -> tuple[int, Sequence[NewRecord]]:
        registry = order.services.registry.on(connection)
        known = registry.documents(wanted)
        current = [one for one, entries in known.items() if any(entry.status == APPROVED for entry in entries)]
        for one in current:
            registry.deprecate(one)
            follow_documents(connection, registry, one, by=order.operator, now=order.services.clock())
        what = f"import ended, {len(current)} documents deprecated"
        return len(current), [order.patient_record(Action.UPDATE, what, patient, event=EventId.IMPORT)]

    return {"deprecated": await order.change(work)}


def _own_patient(order: Order) -> str:
    """The patient under which it is kept here.

    Raises:
        Faults: it is not of this node's assigning authority.
    """
    authority = order.services.config.node.assigning_authority
    patient = patient_cx(order.text("patient"), authority)
    if not patient.endswith(f"&{authority}&ISO"):
        cause = f"{patient} is not of this node's assigning authority {authority}"
        raise refused("package.patient", order.command, cause, "say who that is here: xdsnode import FOLDER --as ID")
    return patient


def _expected(folder: Path) -> dict[str, str]:
    """SHA-256 by file, where the folder has a manifest; other systems write none."""
    path = folder / layout.MANIFEST
    return layout.read_manifest(path.read_text(encoding="utf-8")) if path.exists() else {}


async def _staged(
    order: Order, files: dict[str, str], folder: Path, root: Path, expected: dict[str, str]
) -> dict[str, Staged]:
    """Every document's bytes, durable and without a row; what is not registered is swept later.

    Raises:
        Faults: a file is missing, is none of the package, or has other content than the manifest says.
    """
    staged: dict[str, Staged] = {}
    for id_, name in files.items():
        staging = order.services.repository.begin()
        try:
            with _opened(folder, name, root) as file:
                while chunk := file.read(_CHUNK):
                    staging.write(chunk)
                    await asyncio.sleep(0)
            done = await staging.finish()
        except OSError as problem:
            step = "take the folder from whoever wrote it once more"
            raise refused("package.file", f"{folder / name}"[:300], str(problem)[:200], step) from None
        finally:
            staging.discard()
        if expected and expected.get(name) != done.sha256.hex():
            raise _changed(folder, name)
        staged[id_] = done
    return staged


def _changed(folder: Path, name: str) -> Faults:
    cause = "its SHA-256 is not that of the manifest: it was changed, or damaged on its way"
    return refused("package.changed", str(folder / name), cause, "take the folder from whoever wrote it once more")


def _opened(folder: Path, name: str, root: Path) -> Any:  # noqa: ANN401  a binary file
    """A regular file below the package, reached over no link."""
    path = Path(os.path.normpath(folder / name))
    if "\0" in name or not path.is_relative_to(root) or path.resolve() != path:
        raise OSError(f"{name[:100]!r} is no file of this package")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    return os.fdopen(descriptor, "rb")
