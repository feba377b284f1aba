"""How each institution ended, heard while the own node still asks the others."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from node.client.session import NodeSession
from node.outcome_words import Outcome, Word

Tell = Callable[[Outcome], None]


@contextlib.contextmanager
def listening(session: NodeSession, message_id: UUID, tell: Tell) -> Iterator[None]:
    """Around a query with this MessageID: `tell` is called in another thread, and no more when this has ended."""
    response = session.listen(f"/federation/outcomes/{message_id}")
    if response is None or not response.readline():  # an older node, or too many listeners: the answer says it all
        yield
        return
    thread = threading.Thread(target=_hear, args=(response, tell), daemon=True)
    thread.start()
    try:
        yield
        thread.join(5)  # the node ends the list before it answers
    finally:
        session.hush()  # a query that was refused has no list that ends
        with contextlib.suppress(OSError):
            response.close()


def _hear(response: http.client.HTTPResponse, tell: Tell) -> None:
    with contextlib.suppress(http.client.HTTPException, OSError, ValueError, AttributeError):
        while line := response.readline():
            tell(_outcome(json.loads(line)))


def _outcome(said: dict[str, Any]) -> Outcome:
    return Outcome(
        home=said["home_community_id"],
        name=said["institution"],
        word=Word(said["outcome"]),
        count=said["count"],
        seconds=said["seconds"],
        reason=said["reason"],
        code=said["code"],
        incomplete=said["incomplete"],
    )
