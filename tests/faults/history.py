"""What clients were told, kept outside the node: the model that the node's state is compared with afterwards."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256


class Fate(Enum):
    """What a client knows about its request."""

    SENT = "sent, never answered"
    DONE = "acknowledged"
    REFUSED = "refused"  # by an answer of its own, which is on record
    TURNED_AWAY = "turned away"  # before anybody looked at it: nothing could be recorded, nothing may have happened


@dataclass
class Put:
    """One document on its way in."""

    unique_id: str
    content: bytes
    stored: bool = True  # ITI-41; False: registered only (ITI-42), its bytes are elsewhere
    stripped: Fate | None = None  # ITI-86: its bytes are to go
    amended: Fate | None = None  # ITI-57: its entry is to have another title
    title: str = ""  # that one
    amendment: str = ""  # uniqueId of the submission set that brings it

    @property
    def digest(self) -> str:
        return sha256(self.content).hexdigest()


@dataclass
class Submission:
    """One ITI-41 or ITI-42 request: all of it, or nothing."""

    patient: str
    set_id: str
    documents: list[Put]
    replaces: str = ""  # uniqueId of the document that becomes deprecated
    fate: Fate = Fate.SENT
    left: bool = False  # one document, left to the administrator: nobody else reads or replaces it
    command: str = ""  # deprecate or quarantine, given about that document
    commanded: Fate | None = None
    erased: Fate | None = None  # ITI-62: its metadata is to go, all of it


@dataclass
class Person:
    """A patient made known by the feed or by a command, perhaps merged into another."""

    cx: str
    by: type
    known: Fate = Fate.SENT
    merged: Fate | None = None
    into: str = ""
    survives: bool = False

    @property
    def id(self) -> str:
        return self.cx.partition("^")[0]


@dataclass
class History:
    """Everything that was asked of the node. Appended to by several threads."""

    submissions: list[Submission] = field(default_factory=list)
    read_markers: list[str] = field(default_factory=list)  # of acknowledged queries: each must be on record
    read_documents: list[str] = field(default_factory=list)  # uniqueIds of acknowledged retrieves
    looked_at: list[str] = field(default_factory=list)  # uniqueIds in acknowledged queries, of the checker too
    people: list[Person] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, submission: Submission) -> Submission:
        with self.lock:
            self.submissions.append(submission)
        return submission

    def answered(self, submission: Submission, fate: Fate) -> None:
        with self.lock:
            submission.fate = fate

    def queried(self, marker: str) -> None:
        with self.lock:
            self.read_markers.append(marker)

    def retrieved(self, unique_id: str) -> None:
        with self.lock:
            self.read_documents.append(unique_id)

    def looked(self, *unique_ids: str) -> None:
        with self.lock:
            self.looked_at.extend(unique_ids)

    def met(self, person: Person) -> Person:
        with self.lock:
            self.people.append(person)
        return person

    def done(self) -> list[Submission]:
        return [one for one in list(self.submissions) if one.fate is Fate.DONE]

    def answered_ones(self) -> list[Submission]:
        return [one for one in self.submissions if one.fate in (Fate.DONE, Fate.REFUSED)]

    def uncertain(self) -> list[Submission]:
        return [one for one in self.submissions if one.fate is Fate.SENT]
