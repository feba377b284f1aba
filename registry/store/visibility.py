"""What an association is left out of answers for: it follows from what it joins, so it is worked out anew each time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from registry.metadata.objects import UPDATE_AVAILABILITY_STATUS
from registry.store.keys import ASSOCIATION_NUMBER, Hidden

_ENDS: Final = """
    SELECT hidden FROM document_entry WHERE id IN (a.source, a.target)
    UNION ALL SELECT hidden FROM folder WHERE id IN (a.source, a.target)
    UNION ALL SELECT hidden FROM association WHERE id IN (a.source, a.target)
"""
_FOLLOW: Final = f"""
UPDATE association AS a SET hidden =
    EXISTS (SELECT 1 FROM ({_ENDS}) WHERE hidden & {Hidden.QUARANTINED} != 0)
    | {Hidden.OLD} * (
        a.deprecated != 0 OR a.type = {ASSOCIATION_NUMBER[UPDATE_AVAILABILITY_STATUS]}
        OR EXISTS (SELECT 1 FROM ({_ENDS}) WHERE hidden & ~{Hidden.QUARANTINED} != 0)
    )
"""  # noqa: S608  own names and numbers
_TOUCHING: Final = f"{_FOLLOW} WHERE a.source = :id OR a.target = :id"
_MEMBERSHIPS: Final = f"{_FOLLOW} WHERE a.target IN (SELECT id FROM association WHERE source = :id OR target = :id)"  # noqa: S608
_ITSELF: Final = f"{_FOLLOW} WHERE a.id = :id"


def follow(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """After these objects changed: associations that lead to them, and the SS-HM of these. Never commits.

    An association among `ids` is worked out itself first.
    """
    for id_ in ids:
        for statement in (_ITSELF, _TOUCHING, _MEMBERSHIPS):
            connection.execute(statement, {"id": id_})
