"""Compare a node with the history of its clients: the invariants of the fault suite, each a list that must be empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from tests.end_to_end.wire import APPROVED, DEPRECATED, SUCCESS, external_id, retrieve
from tests.faults.clients import Kept, get_documents
from tests.faults.history import Fate, History, Put, Submission

UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"


@dataclass
class Broken:
    """What an invariant forbids and was found, by the name that the fault suite gives it."""

    lost: list[str] = field(default_factory=list)  # I1: acknowledged, and not there or altered
    unaudited: list[str] = field(default_factory=list)  # I2: acknowledged, and not on record
    dangling: list[str] = field(default_factory=list)  # I3: metadata without bytes
    half: list[str] = field(default_factory=list)  # I7: a submission of which a part took effect
    other: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.unaudited or self.dangling or self.half or self.other)

    def __str__(self) -> str:
        named = ("lost", self.lost), ("unaudited", self.unaudited), ("dangling", self.dangling), ("half", self.half)
        return "; ".join(f"{name}: {found[:5]}" for name, found in (*named, ("other", self.other)) if found)


def _batches(items: Iterable[str], size: int = 40) -> Iterable[list[str]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


class Checker:
    """Asks one node."""

    def __init__(self, described: dict) -> None:
        self.client = Kept.of(described)
        self.repository = described["repository_unique_id"]

    def statuses(self, submissions: Sequence[Submission]) -> dict[str, str]:
        """Status of each of their documents, and of those that they replace, that the registry knows."""
        wanted: dict[str, set[str]] = {}  # an answer is about one patient only
        for one in submissions:
            names = {put.unique_id for put in one.documents} | ({one.replaces} if one.replaces else set())
            wanted.setdefault(one.patient, set()).update(names)
        found = {}
        for unique_ids in wanted.values():
            for batch in _batches(unique_ids):
                answer = self.client.send("iti-18", get_documents(*batch))
                assert answer.status == SUCCESS, answer.errors
                found |= {external_id(entry, UNIQUE_ID): entry.get("status") for entry in answer.entries()}
        return found

    def content(self, unique_id: str) -> bytes | None:
        """The bytes of one document; None when the repository has none."""
        answer = self.client.send("iti-43", retrieve((None, self.repository, unique_id)))
        return answer.documents()[unique_id][1] if answer.status == SUCCESS else None

    def check(self, submissions: Sequence[Submission], history: History) -> Broken:
        """The invariants for `submissions`; `history` knows what replaced what."""
        broken = Broken()
        statuses = self.statuses(submissions)
        replaced = {one.replaces: one for one in history.submissions if one.replaces}
        for one in submissions:
            present = [put.unique_id in statuses for put in one.documents]
            if one.fate is Fate.DONE and not all(present):
                broken.lost.append(f"{one.set_id}: {present.count(False)} of its entries are gone")
            elif one.fate is Fate.REFUSED and any(present):
                broken.half.append(f"{one.set_id}: refused, and yet registered")
            elif any(present) and not all(present):
                broken.half.append(f"{one.set_id}: {present.count(True)} of {len(present)} entries")
            if any(present):
                self._documents(one, broken)
                self._status(one, statuses, replaced, broken)
            if one.replaces and one.replaces in statuses:
                self._replacement(one, any(present), statuses, broken)
        return broken

    def _documents(self, one: Submission, broken: Broken) -> None:
        for put in one.documents:
            if put.stored:
                self._bytes(one, put, broken)

    def _bytes(self, one: Submission, put: Put, broken: Broken) -> None:
        content = self.content(put.unique_id)
        if content is None:
            (broken.lost if one.fate is Fate.DONE else broken.dangling).append(f"{put.unique_id}: entry without bytes")
        elif content != put.content:
            broken.lost.append(f"{put.unique_id}: altered")

    @staticmethod
    def _status(one: Submission, statuses: dict[str, str], replaced: dict[str, Submission], broken: Broken) -> None:
        for put in one.documents:
            by = replaced.get(put.unique_id)
            if by is None and statuses.get(put.unique_id) not in (APPROVED, None):
                broken.other.append(f"{put.unique_id}: deprecated by nobody")

    @staticmethod
    def _replacement(one: Submission, present: bool, statuses: dict[str, str], broken: Broken) -> None:
        expected = DEPRECATED if present else APPROVED
        if statuses[one.replaces] != expected:
            broken.half.append(
                f"{one.set_id}: its document is {'there' if present else 'absent'}, the replaced one is not {expected}"
            )
