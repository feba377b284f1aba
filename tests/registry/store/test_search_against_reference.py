"""Every stored query over random small registries: the SQL finds what the plain reference finds, and nothing else."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import XdsErrors
from registry.link_change import LinkChange, submission_set_of
from registry.metadata.objects import (
    APND,
    APPROVED,
    DEPRECATED,
    IS_SNAPSHOT_OF,
    OFFLINE,
    ON_DEMAND_DOCUMENT,
    ONLINE,
    ORIGINAL,
    RPLC,
    SIGNS,
    STABLE_DOCUMENT,
    XFRM,
    XFRM_RPLC,
    Association,
    DocumentEntry,
    Folder,
    Slot,
    SubmissionSet,
)
from registry.metadata.objects import UPDATE_AVAILABILITY_STATUS as ORDER
from registry.metadata.submission import Submission
from registry.queries.catalogue import OF_EVERY_QUERY, STORED_QUERIES, Kind
from registry.queries.criteria import criteria
from registry.queries.several_patients import MULTI_PATIENT_QUERIES
from registry.relinking import Recording
from registry.store.keys import ASSOCIATION_TYPES
from tests.registry.registry_bench import (
    P1,
    P2,
    P3,
    Bench,
    author,
    code,
    entry,
    filed,
    folder,
    member,
    relation,
    stored_query,
    submission,
    submission_set,
    uuid,
)
from tests.registry.store.reference_registry import Held, ReferenceRegistry

PATIENTS = (P1, P2, P3)
PERSONS = ("1^Welby^Marcus", "2^O'Hara^A_B", "3^Müller^100%")
PATTERNS = ("%Welby%", "%'%", "1^Welby^Marcus", "_^M_ller%", "%^%_^%", "nobody", "%", "%welby%")
REFERENCES = ("r1^^^&1.2&ISO^urn:ihe:iti:xds:2013:order", "r2^^^&1.2&ISO^urn:ihe:iti:xds:2013:accession")
TIMES = ("2023", "202306", "20230615", "20240101000000", "20240615120000", "202407")
BOUNDS = (2022, 2023, 202306, 20230615, 20240101, 20240615120000, 20240615120001, 2030)
CODES = ("A", "B", "C,'d")
SCHEMES = ("2.999.8.1", "2.999.8.2")
LOCALS = ("L-1^^^&2.999.5.1&ISO", "L-2^^^&2.999.5.1&ISO")
RELATIONS = (RPLC, XFRM, APND, XFRM_RPLC, SIGNS, IS_SNAPSHOT_OF)


class World:
    """A registry and its reference, going through the same random history."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        self.bench = Bench(path)
        self.reference = ReferenceRegistry()
        self.rng = rng
        self.count = 0

    def step(self) -> None:
        act = self.rng.choices(
            [
                *(self.submit, self.merge, self.unmerge, self.quarantine, self.release, self.deprecate),
                *(self.update, self.change_status, self.remove, self.move),
            ],
            [12, 1, 1, 2, 1, 1, 6, 2, 1, 4],
        )
        act[0]()

    def uuid(self) -> str:
        self.count += 1
        return uuid(self.count)

    def codes(self, most: int):
        return tuple({(c.code, c.scheme): c for c in (self.code() for _ in range(self.rng.randint(1, most)))}.values())

    def code(self):
        return code(self.rng.choice(CODES), self.rng.choice(SCHEMES))

    def times(self):
        return (self.rng.choice(TIMES),) if self.rng.random() < 0.6 else ()

    def approved(self, type_: type, patient: str | None = None) -> list[Held]:
        return [
            h
            for h in self.reference.visible(type_)
            if h.status == APPROVED and patient in {None, self.reference.survivor(h.patient)}
        ]

    def document(self, patient: str, *, on_demand: bool) -> DocumentEntry:
        rng = self.rng
        same_bytes = [h.obj for h in self.reference.held if h.is_a(DocumentEntry) and h.obj.hash and not h.old]
        self.count += 1
        unique_id = f"2.999.4.{self.count}"
        if same_bytes and not on_demand and rng.random() < 0.15:
            unique_id = rng.choice(same_bytes).unique_id
        absent = {"creation_time": (), "hash": (), "size": (), "object_type": ON_DEMAND_DOCUMENT} if on_demand else {}
        return entry(
            self.uuid(),
            patient=patient,
            unique_id=unique_id,
            **{
                "class_codes": (self.code(),),
                "type_codes": (self.code(),),
                "practice_setting_codes": (self.code(),),
                "healthcare_facility_type_codes": (self.code(),),
                "format_codes": (self.code(),),
                "confidentiality_codes": self.codes(2),
                "event_codes": self.codes(3) if rng.random() < 0.7 else (),
                "authors": tuple(author(p) for p in rng.sample(PERSONS, rng.randint(0, 2))),
                "reference_id_list": tuple(rng.sample(REFERENCES, rng.randint(0, 2))),
                "creation_time": (rng.choice(TIMES),),
                "source_patient_id": (rng.choice(LOCALS),),
                "service_start_time": self.times(),
                "service_stop_time": (),
            }
            | absent,
        )

    def submit(self) -> None:
        rng, reference = self.rng, self.reference
        patient = rng.choice([p for p in PATIENTS if p not in reference.merged])
        on_demand = rng.random() < 0.2
        set_id = self.uuid()
        documents = [self.document(patient, on_demand=on_demand) for _ in range(rng.randint(0, 2))]
        documents = list({d.unique_id: d for d in documents}.values())
        folders = [
            folder(self.uuid(), patient=patient, unique_id=f"2.999.5.{self.count}", codes=self.codes(2), last_update_time=("20200101000000",) if rng.random() < 0.3 else ())
            for _ in range(rng.randint(0, 1))
        ]  # fmt: skip
        also: list[Association] = []
        shelves = [f.entry_uuid for f in folders] + [h.id for h in self.approved(Folder, patient)]
        papers = [d.entry_uuid for d in documents] + [h.id for h in self.approved(DocumentEntry, patient)]
        pairs = {(rng.choice(shelves), rng.choice(papers)) for _ in range(rng.randint(0, 2)) if shelves and papers}
        for shelf, paper in pairs:
            also += filed(shelf, paper, set_id, self.uuid())
        related: set[str] = set()
        for document in documents:
            link = self.relation(document, related)
            also += [link] if link else []
        references = {h.id for h in rng.sample(self.approved(DocumentEntry), min(1, len(self.approved(DocumentEntry))))}
        if not (documents or folders or pairs):
            return
        own = submission_set(set_id, patient=patient, unique_id=f"2.999.6.{self.count}", authors=tuple(author(p) for p in rng.sample(PERSONS, rng.randint(0, 1))), submission_time=(rng.choice(TIMES),), source_id=rng.choice(("2.999.2.1", "2.999.2.2")), content_type_codes=(self.code(),))  # fmt: skip
        made = submission(*documents, folders=folders, set_=own, also=also, references=sorted(references))
        named = {a.entry_uuid: self.uuid() for a in made.associations if not a.entry_uuid.startswith("urn:uuid:")}
        made = _with_uuids(made, named)
        now = f"2024{rng.randint(10, 12)}{rng.randint(10, 28)}120000"
        self.bench.register(made, transaction="ITI-61" if on_demand and documents else "ITI-42", now=now)
        reference.register(made, now)

    def relation(self, document: DocumentEntry, related: set[str]) -> Association | None:
        rng = self.rng
        type_ = rng.choice((None, RPLC, RPLC, XFRM, APND, XFRM_RPLC, SIGNS, IS_SNAPSHOT_OF))
        targets = [h for h in self.approved(DocumentEntry, document.patient_id) if h.id not in related]
        if type_ in {SIGNS, IS_SNAPSHOT_OF} and document.object_type != STABLE_DOCUMENT:
            return None
        if type_ == IS_SNAPSHOT_OF:
            targets = [h for h in targets if h.obj.object_type == ON_DEMAND_DOCUMENT]
        if type_ == APND:
            transformed = {a.obj.source for a in self.reference.associations(XFRM)}
            targets = [h for h in targets if h.id not in transformed]
        if type_ in {XFRM, APND, RPLC, XFRM_RPLC}:  # nothing is made from what the same submission deprecates
            targets = [h for h in targets if not self.family(h.id) & related]
        if type_ in {RPLC, XFRM_RPLC}:  # folders may have gone to other patients with an unmerge
            targets = [h for h in targets if self.folders_agree(h, document.patient_id)]
        if type_ is None or not targets:
            return None
        target = rng.choice(targets)
        related.add(target.id)
        return relation(type_, document.entry_uuid, target.id)

    def family(self, id_: str) -> set[str]:
        """A document, all it was made from and all that was made from it, and so on."""
        links = [(a.obj.source, a.obj.target) for a in self.reference.associations(XFRM, APND)]
        found = {id_}
        while more := {end for link in links for end in link if found & set(link)} - found:
            found |= more
        return found

    def folders_agree(self, document: Held, patient: str) -> bool:
        return all(
            self.reference.survivor(self.reference.get(a.obj.source).patient) == patient
            for a in self.reference.associations()
            if a.obj.target == document.id and self.reference.get(a.obj.source).is_a(Folder)
        )

    def merge(self) -> None:
        free = [p for p in PATIENTS if p not in self.reference.merged]
        if len(free) > 1:
            survivor, subsumed = self.rng.sample(free, 2)
            self.bench.patients.merge(survivor, subsumed, "20240301")
            self.reference.merged[subsumed] = survivor

    def unmerge(self) -> None:
        if self.reference.merged:
            subsumed = self.rng.choice(sorted(self.reference.merged))
            self.bench.patients.unmerge(subsumed)
            del self.reference.merged[subsumed]

    def of_unique_id(self) -> list[Held]:
        documents = [h for h in self.reference.held if h.is_a(DocumentEntry)]
        chosen = self.rng.choice(documents).obj.unique_id if documents else None
        return [h for h in documents if h.obj.unique_id == chosen]

    def quarantine(self, *, on: bool = True) -> None:
        for held in (chosen := self.of_unique_id()):
            held.quarantined = on
        if chosen:
            self.bench.quarantine(chosen[0].obj.unique_id, on=on)

    def release(self) -> None:
        self.quarantine(on=False)

    def deprecate(self) -> None:
        for held in (chosen := self.of_unique_id()):
            held.status = DEPRECATED
        if chosen:
            with self.bench.transaction():
                self.bench.registry.deprecate(chosen[0].obj.unique_id)

    # --- updates

    def update(self) -> None:
        """A new version of a document or folder, with another code, its associations following it or not."""
        rng, reference = self.rng, self.reference
        free = [
            h
            for h in reference.visible(DocumentEntry, 2) + reference.visible(Folder, 2)
            if h.status == APPROVED and not h.old and h.patient not in reference.merged
        ]
        if not free:
            return
        old = rng.choice(free)
        propagate = rng.random() < 0.7
        if propagate and not reference.one_patient(old):
            return
        changed = {"codes": self.codes(2)} if old.is_a(Folder) else {
            "type_codes": (self.code(),),
            "confidentiality_codes": self.codes(2),
            "document_availability": rng.choice(((), (), (ONLINE,), (OFFLINE,))),
        }  # fmt: skip
        new = replace(old.obj, entry_uuid=self.uuid(), logical_id=reference.logical(old), patient_id=old.patient, version=None, **changed)  # fmt: skip
        self.count += 1
        own = submission_set(self.uuid(), patient=old.patient, unique_id=f"2.999.6.{self.count}", content_type_codes=(self.code(),))  # fmt: skip
        link = replace(
            member(own.entry_uuid, new.entry_uuid, ORIGINAL if old.is_a(DocumentEntry) else None, self.uuid()),
            extra=(
                Slot(name="PreviousVersion", values=(str(old.version),)),
                Slot(name="AssociationPropagation", values=("yes" if propagate else "no",)),
            ),
        )
        parts = {"folders": (new,)} if old.is_a(Folder) else {"documents": (new,)}
        made = Submission(submission_sets=(own,), associations=(link,), **parts)
        now = f"2025{rng.randint(10, 12)}{rng.randint(10, 28)}120000"
        self.bench.update(made, now=now)
        reference.update(old, made, propagate=propagate, now=now)

    def change_status(self) -> None:
        rng, reference = self.rng, self.reference
        free = [h for type_ in (DocumentEntry, Folder) for h in reference.visible(type_, 2) if not h.old and h.patient not in reference.merged]  # fmt: skip
        free += [h for h in reference.visible(Association, 2) if h.id.startswith("urn") and h.patient not in reference.merged and reference.survivor(h.patient) == h.patient and h.obj.association_type != ORDER and not reference.get(h.obj.source).is_a(SubmissionSet)]  # fmt: skip
        if not free:
            return
        held = rng.choice(free)
        after = DEPRECATED if held.status == APPROVED else APPROVED
        self.count += 1
        own = submission_set(self.uuid(), patient=held.patient, unique_id=f"2.999.6.{self.count}")
        order = replace(
            relation(ORDER, own.entry_uuid, held.id, self.uuid()),
            extra=(Slot(name="OriginalStatus", values=(held.status,)), Slot(name="NewStatus", values=(after,))),
        )
        made = Submission(submission_sets=(own,), associations=(order,))
        self.bench.update(made, now="20250101000000")
        reference.change_status(held, made, after)

    def remove(self) -> None:
        """A document with all that has to go with it."""
        documents = self.of_unique_id()
        if documents:
            with self.bench.transaction():
                objects = self.bench.registry.with_dependents(documents[0].obj.unique_id)
                self.bench.registry.remove_all(objects)
            named = {item.entry_uuid for item in objects}
            self.reference.remove({h.id for h in documents}, named)

    def move(self) -> None:
        """ITI-64, sometimes with a merge of local ids, sometimes within one patient."""
        rng, reference = self.rng, self.reference
        free = [p for p in PATIENTS if p not in reference.merged]
        patient, previous, local = rng.choice(free), rng.choice(free), rng.choice(LOCALS)
        subsumed = rng.choice(("", *LOCALS)) if patient != previous else rng.choice(LOCALS)
        documents = [
            h
            for h in reference.held
            if h.is_a(DocumentEntry) and h.status == APPROVED and not (h.old or h.quarantined)
            and reference.survivor(h.patient) == previous and h.obj.source_patient_id == (subsumed or local,)
        ]  # fmt: skip
        now = f"2026{rng.randint(10, 12)}{rng.randint(10, 28)}120000"
        with self.bench.transaction():
            asked = LinkChange(patient=patient, previous=previous, local=local, subsumed=subsumed)
            recording = Recording(source_id="2.999.2.2", now=now, new_uuid=self.uuid)
            moved = self.bench.registry.relinking().change(asked, recording)
        assert sorted({h.obj.unique_id for h in documents}) == sorted(moved.unique_ids)
        if documents:
            (set_id,) = self.bench.connection.execute("SELECT entry_uuid FROM submission_set WHERE unique_id = ?", (moved.submission_set,)).fetchone()  # fmt: skip
            made = submission_set_of(patient, unique_id=moved.submission_set, source_id="2.999.2.2", now=now, entry_uuid=set_id)  # fmt: skip
            reference.move(documents, local if subsumed else "", made, self.latest_names(), now)

    def latest_names(self) -> dict[str, str]:
        """entryUUID of the latest version of every document and folder that has several, by that of the version before."""
        rows = self.bench.connection.execute(
            "SELECT hex(v.key), v.version, coalesce(d.entry_uuid, f.entry_uuid) FROM object_version AS v "
            "LEFT JOIN document_entry AS d ON d.id = v.id LEFT JOIN folder AS f ON f.id = v.id"
        ).fetchall()
        named = {(key, version): entry_uuid for key, version, entry_uuid in rows}
        return {named[key, version - 1]: name for (key, version), name in named.items() if (key, version - 1) in named}

    # --- asking

    def some(self, values, most: int = 2):
        values = list(values)
        return tuple(self.rng.sample(values, min(len(values), self.rng.randint(1, most)))) or ("nothing",)

    def value(self, parameter):
        rng, kind = self.rng, parameter.kind
        type_ = {"document": DocumentEntry, "submission_set": SubmissionSet, "folder": Folder}.get(parameter.of, object)
        ids = [h for h in self.reference.held if h.is_a(type_)]
        values = {
            Kind.PATIENT: lambda: self.some((*PATIENTS, "nobody"), 3) if parameter.many else rng.choice(PATIENTS),
            Kind.ENTRY_UUID: lambda: self.some([h.id for h in ids if h.id.startswith("urn")], 3),
            Kind.UNIQUE_ID: lambda: self.some({h.obj.unique_id for h in ids}, 2),
            Kind.TEXT: lambda: self.some(("2.999.2.1", "2.999.2.2", "2.999.2.3")),
            Kind.STATUS: lambda: rng.choice(((APPROVED, DEPRECATED), self.some((APPROVED, DEPRECATED), 1))),
            Kind.OBJECT_TYPE: lambda: self.some((STABLE_DOCUMENT, ON_DEMAND_DOCUMENT, uuid(0))),
            Kind.CODE: lambda: self.some([f"{c}^^{s}" for c in (*CODES, "unheard of") for s in SCHEMES], 4),
            Kind.LIKE: lambda: self.some((*PATTERNS, *REFERENCES, "r_^^^%")),
            Kind.FROM: lambda: rng.choice(BOUNDS),
            Kind.TO: lambda: rng.choice(BOUNDS),
            Kind.ASSOCIATION_TYPE: lambda: self.some(RELATIONS, 4),
            Kind.ASSOCIATION_STATUS: lambda: self.some((APPROVED, DEPRECATED), 1),
            Kind.LOGICAL_ID: lambda: self.some([self.reference.logical(h) for h in ids if h.id.startswith("urn")], 3),
            Kind.LEVEL: lambda: rng.choice((1, 2)),
            Kind.AVAILABILITY: lambda: self.some((ONLINE, OFFLINE)),
        }
        value = values[kind]()
        return value if parameter.many or not isinstance(value, tuple) else value[0]

    def query(self, row):
        chosen = self.rng.choice(row.either) if row.either else None
        narrowing = self.rng.choice(row.at_least_one) if row.at_least_one else None
        likely = self.rng.choice((0, 0.05, 0.2))
        given = {"MetadataLevel": self.rng.choice((1, 2))}
        if chosen and chosen.endswith("LogicalID"):
            given["MetadataLevel"] = 2
        for parameter in (*row.parameters, *OF_EVERY_QUERY):
            if parameter.kind is Kind.LEVEL:
                continue
            if parameter.name in row.either:
                wanted = parameter.name == chosen
            else:
                wanted = parameter.required or parameter.name == narrowing or self.rng.random() < likely
            if wanted:
                value = self.value(parameter)
                again = parameter.repeatable and self.rng.random() < 0.4
                given[parameter.name[1:]] = [value, self.value(parameter)] if again else value
        return stored_query(row.id, returns=self.rng.choice(("LeafClass", "ObjectRef")), **given)

    def compare(self, query, sees=None) -> None:
        queries = MULTI_PATIENT_QUERIES if query.query_id in MULTI_PATIENT_QUERIES else STORED_QUERIES
        asked = criteria(query, queries)
        self.reference.withheld = {
            h.id
            for h in self.reference.held
            if sees and h.is_a(DocumentEntry) and not sees([(c.code, c.scheme) for c in h.obj.confidentiality_codes])
        }
        expected = self.reference.answer(asked)
        patients = {self.reference.survivor(h.patient) for h in expected if not h.is_a(Association)}
        if asked.leaf and asked.query.single_patient and len(patients) > 1:
            with pytest.raises(XdsErrors, match="XDSResultNotSinglePatient"):
                self.bench.registry.find(query, sees)
            return
        found = self.bench.registry.find(query, sees, None, queries).objects
        names = self.names()
        assert sorted(map(str, (names[item.entry_uuid] for item in found))) == sorted(
            str(self.reference.name(held)) for held in expected
        )
        for item in found:
            self.check(item, leaf=asked.leaf)

    def names(self) -> dict[str, object]:
        """The reference's name of every object in the database, by entryUUID."""
        named: dict[str, object] = {}
        rows = {row[0]: row for row in self.bench.connection.execute("SELECT entry_uuid, type, source_uuid, target_uuid FROM association")}  # fmt: skip

        def name(entry_uuid: str) -> object:
            row = rows.get(entry_uuid)
            return (ASSOCIATION_TYPES[row[1]], name(row[2]), name(row[3])) if row else entry_uuid

        for (entry_uuid,) in self.bench.connection.execute(
            "SELECT entry_uuid FROM document_entry UNION ALL SELECT entry_uuid FROM submission_set "
            "UNION ALL SELECT entry_uuid FROM folder UNION ALL SELECT entry_uuid FROM association"
        ):
            named[entry_uuid] = name(entry_uuid)
        return named

    def check(self, item, *, leaf: bool) -> None:
        held = next((h for h in self.reference.held if h.id == item.entry_uuid), None)
        if held is not None:
            assert item.status == held.status
            if not held.is_a(Association):
                assert item.patient_id == self.reference.survivor(held.patient)
            if held.is_a(DocumentEntry):
                assert sorted(item.confidentiality) == sorted(
                    (c.code, c.scheme) for c in held.obj.confidentiality_codes
                )
            if held.is_a(Folder):
                assert item.last_update_time == held.update_time
        if leaf:
            text = item.leaf().decode()
            assert f'id="{item.entry_uuid}"' in text
            assert f'status="{item.status}"' in text
            if item.kind != "association":
                assert f'value="{item.patient_id.replace("&", "&amp;")}"' in text


def _with_uuids(made, named):
    return replace(
        made,
        associations=tuple(
            replace(a, entry_uuid=named.get(a.entry_uuid, a.entry_uuid), target=named.get(a.target, a.target))
            for a in made.associations
        ),
    )


@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=pytest.mark.xdist_group(f"search-{part}")) for part in range(3)]
)  # so that several workers share the work
@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_every_query_finds_what_the_reference_finds(part, seed):
    with tempfile.TemporaryDirectory() as folder_:
        world = World(Path(folder_) / "node.db", random.Random(seed))
        try:
            for _ in range(3):
                for _ in range(6):
                    world.step()
                for row in (*STORED_QUERIES.values(), *MULTI_PATIENT_QUERIES.values()):
                    for _ in range(2):
                        query = world.query(row)
                        world.compare(query)
                        world.compare(query, lambda codes: ("A", SCHEMES[0]) not in codes)
                        world.compare(query, lambda _: False)
        finally:
            world.bench.close()
