"""Clients under faults: each keeps one connection, does a mix of work, and writes down what it was told."""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.end_to_end.wire import (
    SUCCESS,
    Answer,
    Client,
    Document,
    adhoc,
    find_documents,
    oid,
    provide,
    read_answer,
    retrieve,
    set_id_of,
    slot,
    submission,
    urn,
)
from tests.faults.history import Fate, History, Put, Submission

GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
GONE = (OSError, http.client.HTTPException)


@dataclass
class Kept(Client):
    """A client that keeps its connection and takes a new one after a failure."""

    connection: http.client.HTTPSConnection | None = None

    def post(self, url: str, content_type: str, payload: bytes) -> Answer:
        parts = urlsplit(url)
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(parts.netloc, context=self.context(), timeout=self.timeout)
        try:
            path = parts.path + ("?" + parts.query if parts.query else "")
            self.connection.request("POST", path, payload, {"Content-Type": content_type})
            response = self.connection.getresponse()
            return read_answer(response.status, response.getheader("Content-Type") or "", response.read())
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def get_documents(*unique_ids: str, more: str = "") -> str:
    values = "(" + ",".join(f"'{one}'" for one in unique_ids) + ")"
    return adhoc(GET_DOCUMENTS, slot("$XDSDocumentEntryUniqueId", values) + more)


def fate_of(answer: Answer) -> Fate:
    """What an answer to a submission says about it."""
    if answer.http_status != 200:
        return Fate.TURNED_AWAY
    return Fate.DONE if answer.status == SUCCESS else Fate.REFUSED


def _content(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice([0, 1, 300, 5_000, 70_000, 300_000]))


@dataclass
class Worker(threading.Thread):
    """Mixed work until it is told to stop or the node is gone: submit, replace, register, find, fetch, mistakes."""

    described: dict
    patients: list[str]
    history: History
    chance: random.Random
    repository: str
    stopped: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)
    refused: int = 0
    tolerant: bool = False  # the disk may be full: then an answer need not even be a SOAP message

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.client = Kept.of(self.described)
        self.client.timeout = 20
        self.mine: list[Submission] = []

    def __hash__(self) -> int:
        return id(self)

    def work(self) -> dict[Callable[[], None], int]:
        """What it does, each with its weight."""
        return {self.submit: 5, self.register: 2, self.replace: 2, self.find: 3, self.fetch: 3, self.wrongly: 1}

    def run(self) -> None:
        work = self.work()
        try:
            while not self.stopped.is_set():
                self._once(self.chance.choices([*work], [*work.values()])[0])
        except GONE:
            pass  # the node was killed: what was sent stays uncertain
        except Exception as problem:
            self.wrong.append(f"{type(problem).__name__}: {problem}")
        finally:
            self.client.leave()

    def _once(self, step: Callable[[], None]) -> None:
        try:
            step()
        except SyntaxError:
            if not self.tolerant:
                raise
            self.refused += 1

    def _send(self, transaction: str, body: str, parts: list[tuple[str, str, bytes]], made: Submission) -> None:
        answer = self.client.send(transaction, body, parts)
        good = answer.http_status == 200 and answer.status == SUCCESS
        alone = len(made.documents) == 1 and made.documents[0].stored and not made.replaces
        made.left = good and alone and self.chance.random() < 0.4
        self.history.answered(made, fate_of(answer))
        if good and not made.left:
            self.mine.append(made)
        self.refused += not good

    def _documents(self, *, hashed: bool = False) -> list[Document]:
        count = self.chance.choice([1, 1, 2, 3])
        made = [Document(_content(self.chance), mime="application/octet-stream") for _ in range(count)]
        for number, document in enumerate(made):
            document.id = f"Document{number + 1:02d}"
            if hashed:
                document.hash, document.repository = True, "2.999.3.77"
        return made

    def _invoke(
        self, patient: str, documents: list[Document], body: str, *, stored: bool, replaces: str = ""
    ) -> Submission:
        puts = [Put(document.unique_id, document.content, stored) for document in documents]
        return self.history.invoke(Submission(patient, set_id_of(body), puts, replaces))

    def submit(self) -> None:
        patient, documents = self.chance.choice(self.patients), self._documents()
        body, parts = provide(patient, documents, inline=self.chance.random() < 0.2)
        self._send("iti-41", body, parts, self._invoke(patient, documents, body, stored=True))

    def wrongly(self) -> None:
        """Two documents, one of which is not what its metadata says: refused as a whole, and on record."""
        patient, documents = self.chance.choice(self.patients), self._documents()[:1]
        documents.append(Document(b"changed on the way", id="Document09", slots=slot("hash", "0" * 40)))
        body, parts = provide(patient, documents)
        made = self._invoke(patient, documents, body, stored=True)
        self._send("iti-41", body, parts, made)
        if made.fate is Fate.DONE:
            self.wrong.append(f"{made.set_id} was accepted with a wrong hash")

    def register(self) -> None:
        patient, documents = self.chance.choice(self.patients), self._documents(hashed=True)
        body = submission(patient, documents)
        self._send("iti-42", body, [], self._invoke(patient, documents, body, stored=False))

    def replace(self) -> None:
        """Replace one of the own documents; nobody else does, so the outcome is known."""
        olds = [one for one in self.mine if one.documents[0].stored and not one.replaces]
        if not olds:
            return self.submit()
        old = olds[self.chance.randrange(len(olds))]
        target = old.documents[0].unique_id
        found = self.client.send("iti-18", get_documents(target))
        if self.tolerant and found.http_status != 200:
            self.refused += 1
            return None
        self.history.looked(target)
        self.mine.remove(old)
        uuid = found.entries()[0].get("id")
        documents = self._documents()[:1]
        link = (
            f'<rim:Association id="{urn()}" associationType="urn:ihe:iti:2007:AssociationType:RPLC" '
            f'sourceObject="{documents[0].id}" targetObject="{uuid}"/>'
        )
        body, parts = provide(old.patient, documents, associations=link)
        made = self._invoke(old.patient, documents, body, stored=True, replaces=target)
        return self._send("iti-41", body, parts, made)

    def find(self) -> None:
        marker = oid()
        if self.chance.random() < 0.5:
            answer = self.client.send(
                "iti-18", find_documents(self.chance.choice(self.patients), return_type="ObjectRef")
            )
        else:
            answer = self.client.send("iti-18", get_documents(marker))
            if answer.http_status == 200 and answer.status == SUCCESS:
                self.history.queried(marker)
        if answer.http_status != 200:
            self.refused += 1

    def fetch(self) -> None:
        stored = [put for one in self.mine for put in one.documents if put.stored]
        if not stored:
            return
        wanted = self.chance.choice(stored)
        answer = self.client.send("iti-43", retrieve((None, self.repository, wanted.unique_id)))
        if answer.http_status != 200 or answer.status != SUCCESS:
            self.refused += 1
            return
        self.history.retrieved(wanted.unique_id)
        if answer.documents()[wanted.unique_id][1] != wanted.content:
            self.wrong.append(f"document {wanted.unique_id} came back altered")
