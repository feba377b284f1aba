"""Shares files one after the other, each in a submission set of its own, and never the same one twice.

One file, one submission: what was acknowledged stays acknowledged when a later file is refused, and a long list can be
continued after it was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from node.client import file_facts
from node.client.documents import Documents, NewUuid, failed
from node.client.report import DONE, SENDING, Line, Report
from node.documents.submission_builder import FileFacts, Source, Wishes, build
from node.faults import Exit, Fault, Faults, refused
from registry.errors import RegistryError, Severity
from registry.metadata.objects import DocumentEntry


@dataclass(slots=True, kw_only=True)
class Shared:
    """What became of one file."""

    file: str
    unique_id: str = ""
    entry_uuid: str = ""
    title: str = ""
    already: bool = False
    notes: tuple[str, ...] = ()
    faults: list[Fault] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether the document is registered."""
        return not self.faults


class Submitter:
    """Shares files of one patient."""

    def __init__(
        self,
        documents: Documents,
        source: Source,
        report: Report,
        *,
        clock: Callable[[], datetime],
        new_uuid: NewUuid,
    ) -> None:
        self._documents = documents
        self._source = source
        self._report = report
        self._clock = clock
        self._new_uuid = new_uuid

    def prepare(self, wishes: Wishes, *, replaces: str = "") -> Wishes:
        """Look up what the wishes refer to: the folder, the document that is replaced (by its uniqueId).

        Raises:
            Faults: the replaced document is not known here, or there are several.
        """
        if wishes.folder_title:
            wishes = replace(wishes, folder=self._documents.folder(wishes.patient, wishes.folder_title))
        if not replaces:
            return wishes
        found = self._documents.by_unique_id(replaces).documents
        if len(found) != 1:
            cause = "no document" if not found else f"{len(found)} documents"
            step = "look for its uniqueId: xdsnode find --patient ID (it must be held by this institution)"
            raise refused("replace.unknown", replaces, f"{cause} with this uniqueId here", step)
        return replace(wishes, replaces=found[0].entry_uuid)

    def share(self, path: Path, wishes: Wishes) -> Shared:
        """Share one file. What is wrong with it is part of the result.

        Raises:
            Faults: the node cannot be reached any more.
        """
        shared = Shared(file=str(path))
        try:
            facts = file_facts.read(path)
            last = self._report.last(str(path), wishes.patient, facts.sha1)
            if last and (last.state == DONE or self._arrived(last)):
                shared.unique_id, shared.entry_uuid, shared.already = last.unique_id, last.entry_uuid, True
                self._report.write(replace(last, state=DONE))
                return shared
            shared.notes = _notes(facts, wishes)
            self._send(path, facts, wishes, shared)
        except Faults as refusal:
            if refusal.status is Exit.UNREACHABLE:
                raise
            shared.faults = list(refusal.faults)
        return shared

    def _send(self, path: Path, facts: FileFacts, wishes: Wishes, shared: Shared) -> None:
        submission = build(
            facts,
            wishes,
            self._source,
            now=f"{self._clock():%Y%m%d%H%M%S}",
            new_uuid=lambda: self._new_uuid().int,
        )
        (entry,) = submission.documents
        line = _line(SENDING, path, wishes, facts, entry)
        self._report.write(line)
        head = self._documents.provide(submission, path)
        shared.faults = [_fault(path, error) for error in head.errors if error.severity is Severity.ERROR]
        if failed(head):
            return
        if not head.status.endswith(":Success"):
            step = "look at the node's log"
            shared.faults = [Fault("answer.status", str(path), f"the node answered {head.status or 'no status'}", step)]
            return
        self._report.write(replace(line, state=DONE))
        shared.unique_id, shared.entry_uuid = entry.unique_id or "", entry.entry_uuid
        shared.title = entry.title[0].value if entry.title else ""
        shared.notes += tuple(f"warning {error.code}: {error.context}" for error in head.errors)

    def _arrived(self, line: Line) -> bool:
        """Whether a document that was sent and not acknowledged is registered."""
        found = self._documents.by_unique_id(line.unique_id)
        return any(entry.entry_uuid == line.entry_uuid for entry in found.documents)


def _line(state: str, path: Path, wishes: Wishes, facts: FileFacts, entry: DocumentEntry) -> Line:
    return Line(
        state=state,
        file=str(path),
        patient=wishes.patient,
        sha1=facts.sha1,
        unique_id=entry.unique_id or "",
        entry_uuid=entry.entry_uuid,
    )


def _notes(facts: FileFacts, wishes: Wishes) -> tuple[str, ...]:
    """What the administrator may want to know before the document is looked for."""
    notes = []
    header = facts.header
    if header and header.replaces and not wishes.replaces:
        notes.append(
            f"the document says that it replaces {header.replaces[0]}; it was added beside it. "
            "To replace: --replace UNIQUE_ID"
        )
    if wishes.unique_id_from_cda and not (header and header.unique_id):
        notes.append("it is no CDA document with an id, so it got a fresh uniqueId")
    return tuple(notes)


_NEXT_STEPS = {
    "XDSUnknownPatientId": "make the patient known first: xdsnode patient add ID",
    "XDSRegistryMetadataError": "the codes of [submit] in node.toml must be ones that this affinity domain accepts",
    "XDSRepositoryOutOfResources": "make room on the disk: xdsnode check",
    "XDSRegistryOutOfResources": "make room on the disk: xdsnode check",
    "XDSNonIdenticalHash": "this uniqueId belongs to another document; leave --unique-id out",
    "XDSDuplicateUniqueIdInRegistry": "leave --unique-id out, so that a fresh one is made",
}


def _fault(path: Path, error: RegistryError) -> Fault:
    step = _NEXT_STEPS.get(error.code, "correct what the cause names; the node's log may have more")
    return Fault(error.code, str(path), error.context or "no reason given", step)


def outcome(results: Sequence[Shared]) -> Exit:
    """The exit status of a whole list."""
    done = sum(result.done for result in results)
    if done == len(results):
        return Exit.DONE
    return Exit.PARTLY if done else Exit.REFUSED
