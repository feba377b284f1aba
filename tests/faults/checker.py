"""Compare a node with the history of its clients: the invariants of the fault suite, each a list that must be empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice

from tests.end_to_end.wire import APPROVED, DEPRECATED, SUCCESS, external_id, retrieve, slot
from tests.faults.clients import Kept, get_documents
from tests.faults.history import Fate, History, Person, Put, Submission

UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
TITLE = "Progress note"  # of every document as it is submitted


@dataclass
class Broken:
    """What an invariant forbids and was found, by the name that the fault suite gives it."""

    lost: list[str] = field(default_factory=list)  # I1: acknowledged, and not there or altered
    unaudited: list[str] = field(default_factory=list)  # I2: acknowledged, and not on record
    dangling: list[str] = field(default_factory=list)  # I3: metadata without bytes
    half: list[str] = field(default_factory=list)  # I7: a submission, or a change, of which a part took effect
    returned: list[str] = field(default_factory=list)  # removed, acknowledged, and there
    other: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.unaudited or self.dangling or self.half or self.returned or self.other)

    def __str__(self) -> str:
        return "; ".join(f"{row.name}: {found[:5]}" for row in fields(self) if (found := getattr(self, row.name)))


def _batches(items: Iterable[str], size: int = 40) -> Iterable[list[str]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


class Checker:
    """Asks one node."""

    def __init__(self, described: dict, history: History) -> None:
        """`history` knows what replaced what, and learns what was asked here: that must be on record as well."""
        self.client, self.history = Kept.of(described), history
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
                self.history.looked(*batch)
                found |= {external_id(entry, UNIQUE_ID): entry.get("status") for entry in answer.entries()}
        return found

    def content(self, unique_id: str) -> bytes | None:
        """The bytes of one document; None when the repository has none."""
        answer = self.client.send("iti-43", retrieve((None, self.repository, unique_id)))
        self.history.retrieved(unique_id)
        return answer.documents()[unique_id][1] if answer.status == SUCCESS else None

    def check(self, submissions: Sequence[Submission]) -> Broken:
        """The invariants for `submissions`."""
        broken = Broken()
        statuses = self.statuses(submissions)
        replaced = {one.replaces: one for one in self.history.submissions if one.replaces}
        for one in submissions:
            if one.command:
                self._commanded(one, statuses, broken)
                continue
            present = [put.unique_id in statuses for put in one.documents]
            if one.erased is Fate.DONE and any(present):
                broken.returned.append(f"{one.set_id}: {present.count(True)} of its entries")
            elif one.erased in (Fate.DONE, Fate.SENT) and not any(present):
                continue
            elif one.fate is Fate.DONE and not all(present):
                broken.lost.append(f"{one.set_id}: {present.count(False)} of its entries are gone")
            elif one.fate in (Fate.REFUSED, Fate.TURNED_AWAY) and any(present):
                broken.half.append(f"{one.set_id}: refused, and yet registered")
            elif any(present) and not all(present):
                broken.half.append(f"{one.set_id}: {present.count(True)} of {len(present)} entries")
            if any(present):
                self._documents(one, broken)
                self._status(one, statuses, replaced, broken)
            if one.replaces and one.replaces in statuses:
                self._replacement(one, any(present), statuses, broken)
        return broken

    def people(self, people: Sequence[Person], listed: Sequence[dict]) -> Broken:
        """Whom the node knows (`patient list`) against whom it was told of."""
        broken = Broken()
        known = {one["patient"]: one["subsumed_by"] or "" for one in listed}
        for one in people:
            allowed = {Fate.DONE: {one.into}, Fate.SENT: {"", one.into}}.get(one.merged, {""})
            if one.cx not in known:
                if one.known is Fate.DONE:
                    broken.lost.append(f"patient {one.cx}")
            elif known[one.cx] not in allowed:
                broken.lost.append(f"patient {one.cx} is merged into {known[one.cx] or 'nobody'}, not {one.into}")
        return broken

    def _commanded(self, one: Submission, statuses: dict[str, str], broken: Broken) -> None:
        """The one document of a submission that an administrator deprecated or took out."""
        (put,) = one.documents
        status = statuses.get(put.unique_id)
        changed = DEPRECATED if one.command == "deprecate" else None
        if status not in ({changed} if one.commanded is Fate.DONE else {changed, APPROVED}):
            broken.lost.append(f"{put.unique_id} is {status} after {one.command} ({one.commanded})")
        if status is not None:
            self._bytes(one, put, broken)
        elif self.content(put.unique_id) is not None:
            broken.half.append(f"{put.unique_id} is in quarantine, and its bytes are given out")

    def _documents(self, one: Submission, broken: Broken) -> None:
        for put in one.documents:
            if put.stored:
                self._bytes(one, put, broken)
            if put.amended is not None:
                self._versions(put, broken)

    def _versions(self, put: Put, broken: Broken) -> None:
        """An entry that was to get another title: it has its new version and the old one, or the old one alone."""
        answer = self.client.send("iti-18", get_documents(put.unique_id, more=slot("$MetadataLevel", "2")))
        assert answer.status == SUCCESS, answer.errors
        self.history.looked(put.unique_id)
        found = sorted(
            (
                entry.find("{*}VersionInfo").get("versionName"),
                entry.find("{*}Name/{*}LocalizedString").get("value"),
                entry.get("status"),
            )
            for entry in answer.entries()
        )
        before = [("1", TITLE, APPROVED)]
        after = [("1", TITLE, DEPRECATED), ("2", put.title, APPROVED)]
        if found not in {Fate.DONE: [after], Fate.SENT: [before, after]}.get(put.amended, [before]):
            (broken.lost if found == before else broken.half).append(
                f"{put.unique_id}, amended ({put.amended.value}): {found}"
            )

    def _bytes(self, one: Submission, put: Put, broken: Broken) -> None:
        content = self.content(put.unique_id)
        if put.stripped is Fate.DONE:
            if content is not None:
                broken.returned.append(f"{put.unique_id}: its bytes")
        elif content is None and put.stripped is Fate.SENT:
            return
        elif content is None:
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
