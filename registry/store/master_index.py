"""The master patient index: records by identifier, merges, links by matching and by decision (ITI TF-1: 5, 8).

Patients of the own assigning authority are patients of the `PatientDirectory` besides, which alone decides for whom
documents are taken; this index never moves a document.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from registry.patients.demographics import Demographics, Identifier
from registry.patients.identity import PatientIdentityError, Refusal, identifier_refusal
from registry.patients.matching import Bars, Match, Verdict, match
from registry.patients.profile import Profile, profile
from registry.patients.records import Hit, Origin, PairState, Record, Stored
from registry.patients.stored import from_text, to_text
from registry.store import correlations, locations
from registry.store.candidates import Candidates
from registry.store.pairs import Pairs
from registry.store.patients import PatientDirectory

MOST_LINKS: Final = 20  # that one change of a record makes
_ASKED: Final = frozenset({"birth date", "sex", "identifier", "mother's maiden name", "generation"})
_NAMES: Final = frozenset({"family name", "given name"})
_RECORD: Final = "SELECT no, authority, id, person, changed, subsumed_by FROM patient_identity "


class MasterIndex:
    """The index over one connection. Methods that change something need a transaction that the caller commits.

    `authority` is the OID of the own assigning authority, `others` those whose patients are indexed besides.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        authority: str,
        others: Iterable[str] = (),
        bars: Bars | None = None,
    ) -> None:
        self._connection = connection
        self._authority = authority
        self._others = frozenset(others)
        self._bars = bars or Bars()
        self._directory = PatientDirectory(connection, authority)
        self._candidates = Candidates(connection)
        self.pairs = Pairs(connection)

    def store(self, identifier: Identifier, person: Demographics | None, now: str) -> Stored:
        """Make a record known and, unless `person` is None, replace what it says; link it to others that are this one.

        Raises:
            PatientIdentityError: not an identifier, or of an authority that is not indexed.
        """
        refusal = identifier_refusal(identifier.cx, None)
        if refusal or not self.indexes(identifier.authority):
            raise PatientIdentityError(refusal or Refusal.OTHER_AUTHORITY, identifier.cx)
        new = identifier.authority == self._authority and self._directory.add(identifier.cx, now)
        added = self._connection.execute(
            "INSERT INTO patient_identity (authority, id, changed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (identifier.authority, identifier.id, now),
        )
        record = self._known(identifier)
        new = new or added.rowcount == 1
        if new or (person is not None and person != record.person):
            locations.due(self._connection, record.no)
        if person is not None and _somebody_else(record.person, person):
            self._withdraw(identifier)
        if person is None or (not new and person == record.person):
            return Stored(new=new)
        self._candidates.unfile(record.no, profile(record.whole), record.person.identifiers)
        record = replace(record, person=person, changed=now)
        self._connection.execute(
            "UPDATE patient_identity SET person = ?, changed = ? WHERE no = ?", (to_text(person), now, record.no)
        )
        prepared = profile(record.whole)
        self._candidates.file(record.no, prepared, person.identifiers)
        return self._matched(record, prepared, new=new, now=now)

    def merge(self, survivor: Identifier, subsumed: Identifier, now: str) -> None:
        """Merge one record, and all that it has subsumed, into another of the same authority.

        Raises:
            PatientIdentityError: ITI TF-2: 3.8.4.2.3; nothing has changed.
        """
        if survivor.authority == self._authority:
            self._directory.merge(survivor.cx, subsumed.cx, now)
        one, other = self._mergeable(survivor, subsumed)
        self._connection.execute("UPDATE patient_identity SET subsumed_by = ? WHERE no = ?", (one.no, other.no))
        locations.due(self._connection, one.no, other.no)
        self._withdraw(subsumed)

    def unmerge(self, subsumed: Identifier) -> Identifier:
        """Undo one merge exactly; returns the identifier that it had been merged into.

        Raises:
            PatientIdentityError: it is not known or not subsumed.
        """
        if subsumed.authority == self._authority:
            self._directory.unmerge(subsumed.cx)
        record = self._known(subsumed)
        if record.subsumed_by is None:
            raise PatientIdentityError(Refusal.NOT_SUBSUMED, subsumed.cx)
        self._connection.execute("UPDATE patient_identity SET subsumed_by = NULL WHERE no = ?", (record.no,))
        locations.due(self._connection, record.subsumed_by, record.no)
        survivor = self._read([record.subsumed_by])[0].identifier
        self._withdraw(survivor, subsumed)
        return survivor

    def decide(self, one: Identifier, other: Identifier, state: PairState, now: str) -> bool:
        """Decide for good whether two records are one person; returns whether that is new.

        Records that are two persons may still be joined by others: then the links that the matching made of either are
        put up for review.

        Raises:
            PatientIdentityError: one is not known, or both are the same.
        """
        first, second = self._known(one), self._known(other)
        if first.no == second.no:
            raise PatientIdentityError(Refusal.SAME, one.cx)
        if self.pairs.state(first.no, second.no) == (state, Origin.DECIDED):
            return False
        weight = self._compared(first, second).weight
        self.pairs.put(first.no, second.no, state, Origin.DECIDED, weight, now)
        if state is PairState.DISTINCT:
            self._withdraw(one, other)
        if state is PairState.DISTINCT and second.no in self.pairs.person(first.no):
            self.pairs.doubt(first.no)
            self.pairs.doubt(second.no)
        return True

    def compare(self, one: Identifier, other: Identifier) -> Match:
        """What the matching says of two records now.

        Raises:
            PatientIdentityError: one is not known.
        """
        return self._compared(self._known(one), self._known(other))

    def indexes(self, authority: str) -> bool:
        """Whether records of this authority are taken."""
        return authority == self._authority or authority in self._others

    def rank(self, identifier: Identifier) -> tuple[bool, str, str]:
        """Order among identifiers of one person: those of the own assigning authority first."""
        return identifier.authority != self._authority, identifier.authority, identifier.id

    def knows_authority(self, authority: str) -> bool:
        """Whether identifiers of this authority are taken, or occur beside others."""
        return self.indexes(authority) or any(
            self._connection.execute(f"SELECT 1 FROM {table} WHERE authority = ? LIMIT 1", (authority,)).fetchone()  # noqa: S608
            for table in ("patient_identity", "patient_identifier")
        )

    def show(self, identifier: Identifier) -> Record | None:
        """The record of one identifier."""
        found = self._rows("WHERE authority = ? AND id = ?", (identifier.authority, identifier.id))
        return found[0] if found else None

    def numbered(self, record: int) -> Record | None:
        """One record by its number."""
        found = self._read([record])
        return found[0] if found else None

    def records(self, identifier: Identifier) -> Sequence[Record]:
        """Every record of the person with this identifier, be it a record's own or one beside; empty: unknown."""
        numbers = {no for start in self._candidates.with_identifiers([identifier]) for no in self.pairs.person(start)}
        return self._read(sorted(numbers))

    def person(self, record: int) -> Sequence[Record]:
        """Every record of one person."""
        return self._read(self.pairs.person(record))

    def resembling(self, person: Demographics) -> list[Hit]:
        """Records that may be this person, the likeliest first; those below the bar for a review are left out."""
        prepared = profile(person)
        hits = self._hits(prepared, self._candidates.resembling(prepared))
        return [hit for hit in hits if hit.match.verdict is not Verdict.NONE]

    def having(self, person: Demographics, words: Sequence[tuple[str, bool]]) -> list[Hit]:
        """Records that hold every word in their names (True: or one that begins with it) and contradict nothing else.

        Where there are no words, or nobody has them: records with names that are nearly the same.
        """
        prepared = profile(person)
        numbers = self._candidates.with_words(words) if words else ()
        fields = _ASKED if numbers else _ASKED | _NAMES
        hits = self._hits(prepared, numbers or self._candidates.resembling(prepared))
        return [hit for hit in hits if not any(item.field in fields and item.weight < 0 for item in hit.match.evidence)]

    def _matched(self, record: Record, prepared: Profile, *, new: bool, now: str) -> Stored:
        """Link the record, or put pairs up for review; what was decided stays."""
        self.pairs.forget_automatic(record.no)
        decided = self.pairs.decided(record.no) | {record.no}
        numbers = [no for no in self._candidates.resembling(prepared) if no not in decided]
        linked: list[Identifier] = []
        doubtful: list[Identifier] = []
        for hit in self._hits(prepared, numbers)[:MOST_LINKS]:
            if hit.match.verdict is Verdict.NONE:
                break
            other = hit.record
            link = hit.match.verdict is Verdict.LINK and self._joinable(record.no, other.no)
            state = PairState.LINKED if link else PairState.REVIEW
            self.pairs.put(record.no, other.no, state, Origin.AUTOMATIC, hit.match.weight, now)
            (linked if link else doubtful).append(other.identifier)
        return Stored(new=new, linked=tuple(linked), doubtful=tuple(doubtful))

    def _joinable(self, one: int, other: int) -> bool:
        """Whether a link would not make one person, by whatever detour, of two patients of one authority.

        Nor of two whom somebody keeps apart.
        """
        mine, theirs = self.pairs.person(one), self.pairs.person(other)
        if other in mine:
            return True
        return not self.pairs.kept_apart(mine, theirs) and set(self.pairs.authorities(one)).isdisjoint(
            self.pairs.authorities(other)
        )

    def _hits(self, prepared: Profile, numbers: Sequence[int]) -> list[Hit]:
        common = self._candidates.shared_by_many(prepared.contacts)
        prepared = replace(prepared, contacts=prepared.contacts - common) if common else prepared
        hits = [
            Hit(record=record, match=match(prepared, profile(record.whole), self._bars, self._candidates.is_slip))
            for record in self._read(numbers)
        ]
        return sorted(hits, key=lambda hit: (-hit.match.weight, hit.record.no))

    def _compared(self, one: Record, other: Record) -> Match:
        return match(profile(one.whole), profile(other.whole), self._bars, self._candidates.is_slip)

    def _mergeable(self, survivor: Identifier, subsumed: Identifier) -> tuple[Record, Record]:
        one, other = self.show(survivor), self.show(subsumed)
        if survivor == subsumed:
            raise PatientIdentityError(Refusal.SAME, survivor.cx)
        if one is None:
            raise PatientIdentityError(Refusal.UNKNOWN_SURVIVOR, survivor.cx)
        if other is None:
            raise PatientIdentityError(Refusal.UNKNOWN_SUBSUMED, subsumed.cx)
        if survivor.authority != subsumed.authority:
            raise PatientIdentityError(Refusal.OTHER_AUTHORITY, subsumed.cx)
        if one.subsumed_by is not None:
            raise PatientIdentityError(Refusal.SURVIVOR_SUBSUMED, survivor.cx)
        if other.subsumed_by is not None:
            raise PatientIdentityError(Refusal.ALREADY_SUBSUMED, subsumed.cx)
        return one, other

    def _withdraw(self, *identifiers: Identifier) -> None:
        """What others were told of our patients with these identifiers may be wrong now."""
        correlations.withdraw(self._connection, *(one.cx for one in identifiers if one.authority == self._authority))

    def _known(self, identifier: Identifier) -> Record:
        found = self.show(identifier)
        if found is None:
            raise PatientIdentityError(Refusal.UNKNOWN, identifier.cx)
        return found

    def _read(self, numbers: Sequence[int]) -> list[Record]:
        return self._rows(f"WHERE no IN ({','.join('?' * len(numbers))}) ORDER BY no", tuple(numbers))

    def _rows(self, where: str, parameters: tuple[object, ...]) -> list[Record]:
        return [
            Record(
                no=no,
                identifier=Identifier(id_, authority),
                person=from_text(person) if person else Demographics(),
                changed=changed,
                subsumed_by=subsumed_by,
            )
            for no, authority, id_, person, changed, subsumed_by in self._connection.execute(
                _RECORD + where, parameters
            )
        ]


def _somebody_else(before: Demographics, after: Demographics) -> bool:
    """Whether a record says something else of who this is; what nothing was said of before is no change."""
    pairs = ((before.names, after.names), (before.birth_date, after.birth_date), (before.sex, after.sex))
    return any(old and old != new for old, new in pairs)
