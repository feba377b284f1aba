"""The report of a submission: which documents were acknowledged, so that nothing is sent twice.

A line is written before a document is sent and one after it was acknowledged, each at once on disk. A line of the
first kind without one of the second means: it may have arrived. Whoever continues asks the registry for its uniqueId.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from node.faults import misused

SENDING: Final = "sending"
DONE: Final = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a report."""

    state: str
    file: str
    patient: str
    sha1: str
    unique_id: str
    entry_uuid: str


class Report:
    """A report file; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: dict[tuple[str, str, str], Line] = {}
        self._descriptor = -1

    def __enter__(self) -> Report:
        if self._path is None:
            return self
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise misused("report.unusable", str(self._path), str(problem), "name another file with --report") from None
        whole, _, torn = text.rpartition("\n")
        if torn:  # the machine stopped while this line was written
            os.ftruncate(self._descriptor, len(whole.encode()) + (1 if whole else 0))
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                found = Line(**json.loads(line))
            except (ValueError, TypeError):
                place, step = f"{self._path}:{number}", "name another file with --report"
                raise misused("report.unusable", place, "this is not a line of a report", step) from None
            self._lines[found.file, found.patient, found.sha1] = found
        return self

    def last(self, file: str, patient: str, sha1: str) -> Line | None:
        """The last line about this content of this file for this patient."""
        return self._lines.get((file, patient, sha1))

    def write(self, line: Line) -> None:
        """Add a line; it is on disk when this returns."""
        self._lines[line.file, line.patient, line.sha1] = line
        if self._descriptor >= 0:
            os.write(self._descriptor, (json.dumps(asdict(line), ensure_ascii=False) + "\n").encode())
            os.fsync(self._descriptor)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
