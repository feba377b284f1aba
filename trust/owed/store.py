"""Answers that are owed to others: taken, made, delivered; each step in a transaction of the caller's."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

_COLUMNS: Final = (
    "no, peer, message_id, reply_to, path, packaging, root_id, request, certificate, address, proof, received, answer,"
    " documents"
)


class Part(NamedTuple):
    """A document of an answer: its content id, what names it in the repository, media type, size in octets.

    `content` is base64 of one that lies in no repository, because it was made for this answer; "" for others.
    """

    content_id: str
    unique_id: str
    mime_type: str
    size: int
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """One question that was taken. `answer` is None until it is made; `documents` belong to it."""

    no: int = 0
    peer: str
    message_id: str
    reply_to: str
    path: str
    packaging: str
    root_id: str
    request: bytes
    certificate: bytes
    address: str
    proof: str
    received: datetime
    answer: bytes | None = None
    documents: tuple[Part, ...] = ()


def take(connection: sqlite3.Connection, owed: Owed) -> None:
    """Take a question.

    Raises:
        sqlite3.IntegrityError: the same was taken before.
    """
    connection.execute(
        "INSERT INTO owed_answer (peer, message_id, reply_to, path, packaging, root_id, request, certificate, address,"
        " proof, received, documents) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]')",
        (
            *(owed.peer, owed.message_id, owed.reply_to, owed.path, owed.packaging, owed.root_id, owed.request),
            *(owed.certificate, owed.address, owed.proof, owed.received.isoformat()),
        ),
    )


def made(connection: sqlite3.Connection, no: int, answer: bytes, documents: Sequence[Part]) -> None:
    """Keep an answer, in the transaction of its record: it is made once."""
    connection.execute(
        "UPDATE owed_answer SET answer = ?, documents = ? WHERE no = ?", (answer, json.dumps(documents), no)
    )


def done(connection: sqlite3.Connection, no: int) -> None:
    """The answer arrived, or was given up."""
    connection.execute("DELETE FROM owed_answer WHERE no = ?", (no,))


def peers(connection: sqlite3.Connection) -> list[str]:
    """Who waits for answers."""
    return [row[0] for row in connection.execute("SELECT DISTINCT peer FROM owed_answer")]


def held(connection: sqlite3.Connection, peer: str) -> tuple[int, int]:
    """How many answers one waits for, and the octets of questions and answers that are kept for it."""
    octets = "total(length(request)) + total(length(answer)) + total(length(documents))"
    row = connection.execute(f"SELECT count(*), {octets} FROM owed_answer WHERE peer = ?", (peer,)).fetchone()  # noqa: S608
    return int(row[0]), int(row[1])


def known(connection: sqlite3.Connection, peer: str, message_id: str) -> bool:
    """Whether this question was taken and is not answered yet."""
    found = connection.execute("SELECT 1 FROM owed_answer WHERE peer = ? AND message_id = ?", (peer, message_id))
    return found.fetchone() is not None


def following(connection: sqlite3.Connection, peer: str) -> Owed | None:
    """The oldest question of one that is not answered yet."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM owed_answer WHERE peer = ? ORDER BY no LIMIT 1",  # noqa: S608  own names
        (peer,),
    ).fetchone()
    if row is None:
        return None
    *facts, received, answer, documents = row
    no, peer_, message_id, reply_to, path, packaging, root_id, request, certificate, address, proof = facts
    return Owed(
        no=no,
        peer=peer_,
        message_id=message_id,
        reply_to=reply_to,
        path=path,
        packaging=packaging,
        root_id=root_id,
        request=request,
        certificate=certificate,
        address=address,
        proof=proof,
        received=datetime.fromisoformat(received),
        answer=answer,
        documents=tuple(Part(*one) for one in json.loads(documents)),
    )
