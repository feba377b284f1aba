"""Reading every stored document again, slowly and for ever: damage is found before a reader asks for the document.

A round begins a week after the last one began. It runs in one thread at a bounded rate and goes on where it was after a
restart. The thread keeps the usual priority: a low one would hold the interpreter's lock while requests wait for it.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from node.database import open_reader
from node.documents.damages import Damages
from repository.document_repository import DocumentRepository, Scrubbed

ROUND: Final = timedelta(days=7)
BYTES_PER_SECOND: Final = 16 << 20  # some 3 % of one core
_LEAST: Final = 256 * 1024  # a short document costs as much as this: a row, an open, two hashes
_PIECE: Final = 1 << 20  # octets between two pauses
_SAVE_EVERY: Final = 500  # documents


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the scrub is. Times are ISO 8601, UTC; `position` is the last uniqueId that was read, "" between rounds."""

    began: str = ""
    ended: str = ""
    position: str = ""
    documents: int = 0  # of the round under way, or the last one

    @classmethod
    def read(cls, path: Path) -> Progress:
        """What the file says; nothing of it matters enough to refuse a start."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, path: Path) -> None:
        """Replace the file, whole."""
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(asdict(self)))
        new.replace(path)


class _StoppedError(Exception):
    """The node stops, or the scrub was told to."""


class Scrubber:
    """The scrub of one node."""

    def __init__(
        self,
        *,
        database: Path,
        state: Path,
        repository: DocumentRepository,
        damages: Damages,
        clock: Callable[[], datetime],
        new_uuid: Callable[[], str],
        bytes_per_second: float = BYTES_PER_SECOND,
    ) -> None:
        self._database = database
        self._state = state
        self._repository = repository
        self._damages = damages
        self._clock = clock
        self._new_uuid = new_uuid
        self._rate = bytes_per_second
        self._stop = threading.Event()
        self._owed = 0
        self._progress = Progress()

    def stop(self) -> None:
        """End `run` within one piece; where it is stays written down."""
        self._stop.set()

    def run(self) -> bool:
        """Go on with the round under way, or begin one that is due. Blocking; whether there was something to do."""
        progress = self._progress = Progress.read(self._state)
        now = self._clock()
        if not progress.position:
            with contextlib.suppress(ValueError):
                if progress.began and now < datetime.fromisoformat(progress.began) + ROUND:
                    return False
            self._progress = Progress(began=now.isoformat(), ended=progress.ended)
        try:
            self._round()
            self._progress = replace(self._progress, position="", ended=self._clock().isoformat())
        except _StoppedError:
            pass
        finally:
            self._progress.write(self._state)
        return True

    def _round(self) -> None:
        connection = open_reader(self._database)
        try:
            for item in self._repository.scrub(connection, after=self._progress.position, pace=self._pace):
                self._tell(item)
                self._pace(max(0, _LEAST - item.stored.size))
        finally:
            connection.close()

    def _tell(self, item: Scrubbed) -> None:
        if item.damage:
            self._damages.found(item.stored, self._new_uuid())
        elif item.again:
            self._damages.sound(item.stored, self._new_uuid())
        if not item.again:
            done = self._progress.documents + 1
            self._progress = replace(self._progress, position=item.stored.unique_id, documents=done)
            if done % _SAVE_EVERY == 0:
                self._progress.write(self._state)

    def _pace(self, octets: int) -> None:
        self._owed += octets
        if self._owed >= _PIECE:
            owed, self._owed = self._owed, 0
            if self._stop.wait(owed / self._rate):
                raise _StoppedError
