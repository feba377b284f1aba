"""A registry as plainly as it can be said: a list of objects, and every query a comprehension over it.

Written from the tables of ITI TF-2: 3.18.4.1.2.3.7 and ITI TF-3: 4.2.2, not from the code it is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from registry.metadata.objects import (
    APND,
    APPROVED,
    DEPRECATED,
    HAS_MEMBER,
    OFFLINE,
    ONLINE,
    RPLC,
    UPDATE_AVAILABILITY_STATUS,
    XFRM,
    XFRM_RPLC,
    Association,
    DocumentEntry,
    Folder,
    RegistryObject,
    SubmissionSet,
)
from registry.metadata.submission import Submission
from registry.queries.catalogue import Kind
from registry.queries.criteria import Condition, Criteria


@dataclass(eq=False)
class Held:
    """One registered object with what changes about it."""

    obj: RegistryObject
    patient: str
    status: str = APPROVED
    quarantined: bool = False
    update_time: str = ""
    version: int = 1
    old: bool = False  # not the latest version
    left: bool = False  # by a link change: it is still found by its patient

    @property
    def id(self) -> str:
        return self.obj.entry_uuid

    def is_a(self, type_: type) -> bool:
        return isinstance(self.obj, type_)


@dataclass
class ReferenceRegistry:
    held: list[Held] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)  # subsumed -> survivor
    made: int = 0
    withheld: set[str] = field(default_factory=set)  # documents that whoever asks may not see
    by_id: dict[str, Held] = field(default_factory=dict)
    level: int = 1  # of the query that is answered
    statuses: tuple[str, ...] = ()  # of the associations that it looks at
    judged: dict[str, bool] | None = None  # while one query is answered: what is hidden and what is not

    # --- what happens to it

    def register(self, submission: Submission, now: str) -> None:
        patient = submission.submission_set.patient_id
        first = len(self.held)
        self.held += [Held(obj, patient) for obj in submission.objects()]
        for association in submission.associations:
            if association.association_type in {RPLC, XFRM_RPLC}:
                self._replace(self.get(association.target), association.source, submission.submission_set.entry_uuid)
        for link in self.held[first:]:
            if link.is_a(Association) and link.obj.association_type == HAS_MEMBER:
                source = self.get(link.obj.source)
                if source.is_a(Folder) and self.get(link.obj.target).is_a(DocumentEntry):
                    source.update_time = now
        for new in self.held[first:]:
            if new.is_a(Folder) and not new.update_time:
                new.update_time = new.obj.last_update_time[0] if new.obj.last_update_time else now

    def _replace(self, old: Held, new: str, submission_set: str) -> None:
        self._deprecate_with_children(old)
        for shelf in [h for h in self.held if h.is_a(Folder) and h.status == APPROVED]:
            links = [a for a in self.associations(HAS_MEMBER) if a.obj.source == shelf.id and a.status == APPROVED]
            holds = {a.obj.target for a in links}
            if old.id in holds and new not in holds:
                self.made += 1
                link = Association(
                    entry_uuid=f"made {self.made}", association_type=HAS_MEMBER, source=shelf.id, target=new
                )
                record = Association(
                    entry_uuid=f"record {self.made}",
                    association_type=HAS_MEMBER,
                    source=submission_set,
                    target=link.entry_uuid,
                )
                self.held += [Held(link, shelf.patient), Held(record, shelf.patient)]

    def _deprecate_with_children(self, document: Held) -> None:
        document.status = DEPRECATED
        for association in self.associations(XFRM, APND):
            child = self.get(association.obj.source)
            if association.obj.target == document.id and child.status == APPROVED:
                self._deprecate_with_children(child)
            elif association.obj.target == document.id:
                self._descend(child)

    def _descend(self, document: Held) -> None:
        """A deprecated child's own children are deprecated too."""
        for association in self.associations(XFRM, APND):
            if association.obj.target == document.id:
                self._deprecate_with_children(self.get(association.obj.source))

    # --- updates

    def logical(self, held: Held) -> str:
        return held.obj.logical_id if held.version > 1 else held.id

    def versions(self, held: Held) -> list[Held]:
        return [h for h in self.held if not h.is_a(Association) and self.logical(h) == self.logical(held)]

    def heirlooms(self, held: Held) -> list[Held]:
        """Associations that a new version inherits."""
        return [
            a
            for a in self.associations()
            if held.id in {a.obj.source, a.obj.target}
            and a.status == APPROVED
            and not self.get(a.obj.source).is_a(SubmissionSet)
        ]

    def one_patient(self, held: Held) -> bool:
        ends = {end for a in self.heirlooms(held) for end in (a.obj.source, a.obj.target)}
        return all(self.survivor(self.get(end).patient) == self.survivor(held.patient) for end in ends)

    def update(self, old: Held, submission: Submission, *, propagate: bool, now: str) -> None:
        heirlooms = self.heirlooms(old) if propagate else []
        old.status, old.old = DEPRECATED, True
        patient = submission.submission_set.patient_id
        for obj in submission.objects():
            new = Held(obj, patient)
            if isinstance(obj, DocumentEntry | Folder):
                new.version = old.version + 1
                new.update_time = now if isinstance(obj, Folder) else ""
                successor = new
            self.held.append(new)
        for a in heirlooms:
            self.made += 1
            ends = [successor.id if end == old.id else end for end in (a.obj.source, a.obj.target)]
            link = Association(
                entry_uuid=f"inherited {self.made}",
                association_type=a.obj.association_type,
                source=ends[0],
                target=ends[1],
            )
            self.held.append(Held(link, patient))
            if self.get(ends[0]).is_a(Folder):
                self.get(ends[0]).update_time = now

    def move(self, documents: list[Held], source: str, made: SubmissionSet, names: dict[str, str], now: str) -> None:
        """ITI-64: documents and the folders that hold nothing else go to the patient of `made`, as new versions."""
        patient, moving, follow = made.patient_id, list(documents), []
        for shelf in [h for h in self.held if h.is_a(Folder) and h.status == APPROVED and not h.old]:
            links = [a for a in self.heirlooms(shelf) if a.obj.source == shelf.id]
            held = [h for h in (self.get(a.obj.target) for a in links) if h.status == APPROVED]
            moving += (
                [shelf]
                if {h.id for h in documents} & {h.id for h in held} and all(h in documents for h in held)
                else []
            )
        heirlooms = {a.id: a for h in moving for a in self.heirlooms(h)}
        references = [a for a in self.associations(HAS_MEMBER) for h in documents if a.obj.target == h.id and a.status == APPROVED and a.obj.submission_set_status == ("Reference",)]  # fmt: skip
        new = {h.id: names[h.id] for h in moving}
        self.held.append(Held(made, patient))
        for h in moving:
            changed = {"source_patient_id": (source,)} if source and h.is_a(DocumentEntry) else {}
            obj = replace(h.obj, entry_uuid=new[h.id], logical_id=self.logical(h), **changed)
            self.held.append(Held(obj, patient, version=h.version + 1, update_time=now if h.is_a(Folder) else ""))
            follow.append((made.entry_uuid, new[h.id]))
        for a in [*heirlooms.values(), *references]:
            ends = [a.obj.source, a.obj.target]
            owners = {patient if end in new else self.survivor(self.get(end).patient) for end in ends}
            if a in references or owners == {patient}:
                self.made += 1
                link = replace(a.obj, entry_uuid=f"moved {self.made}", source=new.get(ends[0], ends[0]), target=new.get(ends[1], ends[1]))  # fmt: skip
                self.held.append(Held(link, patient))
                follow += [(made.entry_uuid, link.entry_uuid)] if self.get(ends[0]).is_a(Folder) else []
        for a in references:
            a.status = DEPRECATED
        for h in moving:
            h.status, h.old, h.left = DEPRECATED, True, True
        for source_, target in follow:
            self.made += 1
            member = Association(entry_uuid=f"brings {self.made}", association_type=HAS_MEMBER, source=source_, target=target)  # fmt: skip
            self.held.append(Held(member, patient))

    def change_status(self, held: Held, submission: Submission, after: str) -> None:
        held.status = after
        self.held += [Held(obj, submission.submission_set.patient_id) for obj in submission.objects()]

    def remove(self, ids: set[str], expected: set[str]) -> None:
        """These, their versions, what joins them to anything, what had nothing else; `expected` went in the registry."""
        gone = set(ids)
        while True:
            more = {h.id for one in gone if not self.get(one).is_a(Association) for h in self.versions(self.get(one))}
            more |= {a.id for a in self.associations() if {a.obj.source, a.obj.target} & gone}
            if more <= gone:
                more = self._alone(gone)
            if more <= gone:
                break
            gone |= more
        assert {one for one in gone if one.startswith("urn")} == {
            one for one in expected if one in {h.id for h in self.held}
        }
        self.held = [h for h in self.held if h.id not in gone]
        self.by_id = {}

    def _alone(self, gone: set[str]) -> set[str]:
        alone = set()
        for a in self.associations(HAS_MEMBER):
            if a.id not in gone or not self.get(a.obj.source).is_a(SubmissionSet):
                continue
            left = [other for other in self.associations() if other.id not in gone]
            if not any(other.obj.source == a.obj.source for other in left):
                alone.add(a.obj.source)
            holding = [o for o in left if o.obj.target == a.obj.target and o.obj.association_type == HAS_MEMBER]
            if not any(self.get(other.obj.source).is_a(SubmissionSet) for other in holding):
                alone.add(a.obj.target)
        return alone

    # --- what can be seen

    def get(self, id_: str) -> Held:
        if id_ not in self.by_id:
            self.by_id = {h.id: h for h in self.held}
        return self.by_id[id_]

    def associations(self, *types: str) -> list[Held]:
        return [h for h in self.held if h.is_a(Association) and (not types or h.obj.association_type in types)]

    def hidden(self, held: Held) -> bool:
        if self.judged is None:
            return self._hidden(held)
        if held.id not in self.judged:
            self.judged[held.id] = self._hidden(held)
        return self.judged[held.id]

    def _hidden(self, held: Held) -> bool:
        if held.is_a(DocumentEntry):
            return held.quarantined or self._away(held) or self._withheld(held)
        if held.is_a(Association):
            return self._away(held) or any(self.hidden(self.get(end)) for end in (held.obj.source, held.obj.target))
        newer = held.is_a(Folder) and held.old and self._hides_all(self._latest(held))
        return self._away(held) or newer or self._hides_all(held)

    def _withheld(self, document: Held) -> bool:
        return bool({document.id, self._latest(document).id} & self.withheld)

    def _away(self, held: Held) -> bool:
        """What metadata level 1 leaves out."""
        if self.level > 1:
            return False
        if held.is_a(Association):
            return held.status == DEPRECATED or held.obj.association_type == UPDATE_AVAILABILITY_STATUS
        offline = held.is_a(DocumentEntry) and held.obj.document_availability == (OFFLINE,)
        return held.old or offline or (held.is_a(Folder) and held.status == DEPRECATED)

    def _hides_all(self, package: Held) -> bool:
        """A submission set or folder with members, none of which may be seen by whoever asks."""
        links = self.associations(HAS_MEMBER) if self.withheld else []
        links = [a for a in links if a.obj.source == package.id and not self._quarantined(a) and not self._gone(a)]
        members = [self.get(a.obj.target) for a in links]
        return bool(members) and all(self.hidden(h) for h in members)

    def _quarantined(self, held: Held) -> bool:
        ends = [self.get(held.obj.source), self.get(held.obj.target)] if held.is_a(Association) else []
        return held.quarantined or any(self._quarantined(end) for end in ends)

    def _gone(self, held: Held) -> bool:
        """Left out at this level, or an association with an end that is."""
        ends = [self.get(held.obj.source), self.get(held.obj.target)] if held.is_a(Association) else []
        return self._away(held) or any(self._gone(end) for end in ends)

    def visible(self, type_: type, level: int | None = None) -> list[Held]:
        before, self.level = self.level, level or self.level
        found = [h for h in self.held if h.is_a(type_) and not self.hidden(h)]
        self.level = before
        if type_ is Association and self.statuses:
            found = [h for h in found if h.status in self.statuses]
        return found

    def survivor(self, patient: str) -> str:
        while patient in self.merged:
            patient = self.merged[patient]
        return patient

    def name(self, held: Held) -> object:
        """The entryUUID, or for an association what it joins: the registry gives ids of its own to some."""
        if not held.is_a(Association):
            return held.id
        obj = held.obj
        return (obj.association_type, self.name(self.get(obj.source)), self.name(self.get(obj.target)))

    # --- the queries

    def answer(self, criteria: Criteria) -> list[Held]:
        if criteria.patient and (criteria.patient in self.merged):
            return []
        self.judged, self.level, self.statuses = {}, criteria.level, criteria.association_statuses
        try:
            return getattr(self, "_" + criteria.query.name)(criteria)
        finally:
            self.judged, self.level, self.statuses = None, 1, ()

    def _of_patient(self, type_: type, criteria: Criteria, conditions: tuple[Condition, ...]) -> list[Held]:
        return [
            h
            for h in (*self.visible(type_), *self._left(type_))
            if self.survivor(h.patient) == criteria.patient and self._all(conditions, h)
        ]

    def _left(self, type_: type) -> list[Held]:
        """What link changes left behind and level 1 finds by its patient all the same."""
        left = [h for h in self.held if h.left and h.is_a(type_)] if self.level == 1 else []
        return [h for h in left if not self._out_of_sight(h)]

    def _out_of_sight(self, held: Held) -> bool:
        """Whether something that a link change left behind is not even found by its patient."""
        if held.is_a(Folder):
            return self._hides_all(self._latest(held))
        return held.quarantined or held.obj.document_availability == (OFFLINE,) or self._withheld(held)

    def _latest(self, held: Held) -> Held:
        return next(h for h in self.versions(held) if not h.old)

    def _named(self, type_: type, criteria: Criteria) -> list[Held]:
        return [
            h
            for h in self.visible(type_)
            if h.id in criteria.entry_uuids
            or h.obj.unique_id in criteria.unique_ids
            or self.logical(h) in criteria.logical_ids
        ]

    def _touching(self, ids: set[str]) -> list[Held]:
        return [a for a in self.visible(Association) if a.obj.source in ids or a.obj.target in ids]

    def _memberships(self) -> list[Held]:
        return [a for a in self.visible(Association) if a.obj.association_type == HAS_MEMBER]

    def _FindDocuments(self, c: Criteria) -> list[Held]:
        return self._of_patient(DocumentEntry, c, c.documents)

    _FindDocumentsByReferenceId = _FindDocuments

    def _of_several(self, type_: type, c: Criteria, conditions: tuple[Condition, ...]) -> list[Held]:
        asked = {name for name in c.patients if name not in self.merged}
        left = self._left(type_) if c.patients else []
        return [
            h
            for h in (*self.visible(type_), *left)
            if (not c.patients or self.survivor(h.patient) in asked) and self._all(conditions, h)
        ]

    def _FindDocumentsForMultiplePatients(self, c: Criteria) -> list[Held]:
        return self._of_several(DocumentEntry, c, c.documents)

    _FindDocumentsByReferenceIdForMultiplePatients = _FindDocumentsForMultiplePatients

    def _FindFoldersForMultiplePatients(self, c: Criteria) -> list[Held]:
        return self._of_several(Folder, c, c.folders)

    def _FindSubmissionSets(self, c: Criteria) -> list[Held]:
        return self._of_patient(SubmissionSet, c, c.submission_sets)

    def _FindFolders(self, c: Criteria) -> list[Held]:
        return self._of_patient(Folder, c, c.folders)

    def _GetAll(self, c: Criteria) -> list[Held]:
        objects = self._FindDocuments(c) + self._FindSubmissionSets(c) + self._FindFolders(c)
        return objects + self._touching({h.id for h in objects})

    def _GetDocuments(self, c: Criteria) -> list[Held]:
        return self._named(DocumentEntry, c)

    def _GetFolders(self, c: Criteria) -> list[Held]:
        return self._named(Folder, c)

    def _GetAssociations(self, c: Criteria) -> list[Held]:
        return self._touching(set(c.entry_uuids))

    def _GetDocumentsAndAssociations(self, c: Criteria) -> list[Held]:
        documents = self._named(DocumentEntry, c)
        return documents + self._touching({h.id for h in documents})

    def _GetSubmissionSets(self, c: Criteria) -> list[Held]:
        links = [
            a
            for a in self._memberships()
            if a.obj.target in c.entry_uuids
            and not self.get(a.obj.target).is_a(Association)
            and self.get(a.obj.source).is_a(SubmissionSet)
        ]
        return links + [h for h in self.visible(SubmissionSet) if h.id in {a.obj.source for a in links}]

    def _GetSubmissionSetAndContents(self, c: Criteria) -> list[Held]:
        sets = self._named(SubmissionSet, c)
        links = [a for a in self._memberships() if a.obj.source in {h.id for h in sets}]
        targets = {a.obj.target for a in links}
        documents = [h for h in self.visible(DocumentEntry) if h.id in targets and self._all(c.documents, h)]
        folders = [h for h in self.visible(Folder) if h.id in targets]
        there = {h.id for h in documents + folders}
        inner = [
            a for a in self.visible(Association) if a.id in targets and a.obj.source in there and a.obj.target in there
        ]
        there |= {a.id for a in inner}
        return sets + documents + folders + inner + [a for a in links if a.obj.target in there]

    def _GetFolderAndContents(self, c: Criteria) -> list[Held]:
        folders = self._named(Folder, c)
        links = [a for a in self._memberships() if a.obj.source in {h.id for h in folders}]
        documents = [
            h
            for h in self.visible(DocumentEntry)
            if h.id in {a.obj.target for a in links} and self._all(c.documents, h)
        ]
        return folders + documents + [a for a in links if a.obj.target in {h.id for h in documents}]

    def _GetFoldersForDocument(self, c: Criteria) -> list[Held]:
        documents = {h.id for h in self._named(DocumentEntry, c)}
        holding = {a.obj.source for a in self._memberships() if a.obj.target in documents}
        return [h for h in self.visible(Folder) if h.id in holding]

    def _GetRelatedDocuments(self, c: Criteria) -> list[Held]:
        named = {h.id for h in self._named(DocumentEntry, c)}
        suitable = named | {h.id for h in self.visible(DocumentEntry) if self._all(c.documents, h)}
        links = [
            a
            for a in self._touching(named)
            if a.obj.association_type in c.association_types
            and self.get(a.obj.source).is_a(DocumentEntry)
            and self.get(a.obj.target).is_a(DocumentEntry)
            and {a.obj.source, a.obj.target} <= suitable
        ]
        ends = {end for a in links for end in (a.obj.source, a.obj.target)}
        return links + [h for h in self.visible(DocumentEntry) if h.id in ends]

    # --- conditions

    def _all(self, conditions: tuple[Condition, ...], held: Held) -> bool:
        return all(self._holds(condition, held) for condition in conditions)

    def _holds(self, condition: Condition, held: Held) -> bool:
        name, values, obj = condition.attribute, condition.values, held.obj
        if name == "availability_status":
            return held.status in values
        if name == "document_availability":
            return (obj.document_availability or (ONLINE,))[0] in values
        if name == "last_update_time":
            times = (held.update_time,)
        elif condition.kind in {Kind.FROM, Kind.TO}:
            times = getattr(obj, name)
        if condition.kind is Kind.FROM:
            return all(padded(time) >= values[0] for time in times)
        if condition.kind is Kind.TO:
            return all(padded(time) < values[0] for time in times)
        if condition.kind is Kind.CODE:
            return any((code.code, code.scheme) in values for code in getattr(obj, name))
        if name == "author_persons":
            return any(matches(p, person) for p in values for author in obj.authors for person in author.persons)
        if name == "reference_id_list":
            return any(matches(p, text) for p in values for text in obj.reference_id_list)
        return getattr(obj, name) in values  # object_type, source_id


def padded(time: str) -> int:
    return int(time + "00000101000000"[len(time) :])


def matches(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(matches(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in {"_", text[0]} and matches(pattern[1:], text[1:])
