"""Documents that are stored and registered nowhere: their metadata were removed (ITI-62), they were not (ITI-86).

Registry and repository are two actors, and a document administrator removes from each. What is left is in no answer,
and is still somebody's document. What was pushed and waits in the inbox has names of its own and is none of it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from node import database
from node.configuration.config import Config
from node.health import Finding, Level
from node.migrations import REVISIONS
from repository.store.inbox import HELD_NAMES

_NAMED: Final = 5
_UNREGISTERED: Final = """
SELECT unique_id FROM stored_document AS stored WHERE substr(unique_id, 1, length(?)) <> ?
AND NOT EXISTS (SELECT 1 FROM document_entry WHERE unique_id = stored.unique_id) ORDER BY unique_id
"""


def found(connection: sqlite3.Connection) -> list[str]:
    """Their uniqueIds. It looks through all documents: not for the event loop."""
    return [unique_id for (unique_id,) in connection.execute(_UNREGISTERED, (HELD_NAMES, HELD_NAMES))]


def unregistered(config: Config, _now: datetime) -> Iterator[Finding]:
    """What an administrator should know of them: `check`."""
    if database.revision(config.folder.database) != REVISIONS[-1]:
        return
    with contextlib.closing(database.open_reader(config.folder.database)) as connection:
        left = found(connection)
    if left:
        named = " ".join(left[:_NAMED]) + (" …" if len(left) > _NAMED else "")
        what = f"{len(left)} are stored and registered nowhere, so nobody gets them: {named}"
        yield Finding(Level.WARN, "documents", what, "xdsnode document erase UNIQUE_ID, where it is to be gone")
