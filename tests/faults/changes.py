"""A client under faults that changes and removes what it has registered: ITI-57, ITI-62, ITI-86."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.end_to_end.wire import (
    Answer,
    Document,
    adhoc,
    external_id,
    remove_documents,
    remove_metadata,
    set_id_of,
    slot,
    update,
)
from tests.faults.clients import Worker, fate_of, get_documents
from tests.faults.history import Fate, Submission

GET_ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"


@dataclass(eq=False)
class Changer(Worker):
    """Submits, and changes or removes some of it: each document or submission once, by nobody else."""

    def work(self) -> dict[Callable[[], None], int]:
        return {self.submit: 4, self.register: 1, self.fetch: 1, self.amend: 5, self.strip: 3, self.erase: 5}

    def amend(self) -> None:
        """ITI-57: another title, as a new version."""
        one = self._taken()
        if one is None:
            return
        put = self.chance.choice(one.documents)
        entries = self._entries(one)
        if not entries:
            return
        place = self.repository if put.stored else "2.999.3.77"
        put.title = f"Corrected {self.chance.random()}"
        document = Document(
            put.content, "application/octet-stream", put.unique_id, title=put.title, hash=True, repository=place
        )
        body = update(one.patient, document, entries[put.unique_id])
        put.amendment, put.amended = set_id_of(body), Fate.SENT
        put.amended = self._fate(self.client.send("iti-57", body))

    def strip(self) -> None:
        """ITI-86: the bytes of one document."""
        one = self._taken(lambda one: one.documents[0].stored)
        if one is None:
            return
        put = self.chance.choice(one.documents)
        put.stripped = Fate.SENT
        put.stripped = self._fate(self.client.send("iti-86", remove_documents((None, self.repository, put.unique_id))))

    def erase(self) -> None:
        """ITI-62: a whole submission, with all that holds it together."""
        one = self._taken(lambda one: not one.replaces)
        if one is None:
            return
        entries = [*self._entries(one).values()]
        named = "(" + ",".join(f"'{entry}'" for entry in entries) + ")"
        found = self.client.send("iti-18", adhoc(GET_ASSOCIATIONS, slot("$uuid", named)))
        if not entries or self._fate(found) is not Fate.DONE:
            return
        joins = list(found.body.iter("{*}Association"))
        sets = {join.get("sourceObject") for join in joins}
        ids = [*entries, *(join.get("id") for join in joins), *sets]
        one.erased = Fate.SENT
        one.erased = self._fate(self.client.send("iti-62", remove_metadata(*ids)))

    def _taken(self, possible: Callable[[Submission], bool] = lambda _: True) -> Submission | None:
        """One of the own submissions, for this change alone."""
        found = [one for one in self.mine if possible(one)]
        if not found:
            self.submit()
            return None
        one = self.chance.choice(found)
        self.mine.remove(one)
        return one

    def _entries(self, one: Submission) -> dict[str, str]:
        """entryUUID of each of its documents; empty when the node could not say."""
        wanted = [put.unique_id for put in one.documents]
        found = self.client.send("iti-18", get_documents(*wanted))
        if self._fate(found) is not Fate.DONE:
            return {}
        self.history.looked(*wanted)
        return {external_id(entry, UNIQUE_ID): entry.get("id") for entry in found.entries()}

    def _fate(self, answer: Answer) -> Fate:
        """What an answer says; each of these requests is right, and must be carried out if it is answered at all."""
        fate = fate_of(answer)
        if fate is Fate.REFUSED:
            self.wrong.append(f"refused: {answer.errors}")
        return fate
