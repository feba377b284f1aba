"""How far one Audit Record Repository has got: a small file of its own, replaced as a whole.

It is no row of the database, because moving it would then cost a commit in the path of every request. A file that is
missing or cannot be read means the beginning of the log: everything is sent again, nothing is lost.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FIRST: Final = 1  # seq of the first entry of all


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """`next` is the seq of the first entry that is not believed to have arrived, `recent` the first one to repeat.

    Times are UTC as in records, "" for none: when it last had everything that there was, since when it is out of reach.
    """

    next: int = FIRST
    recent: int = FIRST
    delivered: str = ""
    failing: str = ""
    reason: str = ""


def path(data: Path, name: str) -> Path:
    """Where the position of the repository `name` lies below the node's data folder."""
    return data / "syslog" / f"{name}.json"


def read(file: Path) -> Position:
    """The position that `file` holds; that of the beginning when it holds none."""
    try:
        return Position(**json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return Position()


def write(file: Path, position: Position) -> None:
    """Replace the file: after a crash it holds the old position or the new one."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as target:
        json.dump(asdict(position), target)
        target.flush()
        os.fsync(target.fileno())
    fresh.replace(file)
