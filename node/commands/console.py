"""What a command prints: data to the standard output, messages and progress to the error output.

Titles and names come from other institutions, so whatever could steer a terminal is made visible before it is shown.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

from node.amounts import duration, size
from node.faults import Faults

_REWRITTEN = 0.5  # seconds between two lines on a terminal
_LOGGED = 60.0  # and elsewhere
_HIDDEN = "\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f"
_STEERING = re.compile(f"[\x00-\x08\x0a-\x1f{_HIDDEN}]")
_STEERING_IN_JSON = re.compile(f"[{_HIDDEN}]")  # it escapes those below a space itself


def safe(text: object) -> str:
    """Text for a terminal: control and direction characters become visible escapes."""
    return _STEERING.sub(_visible, str(text))


def _visible(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def out(text: str = "") -> None:
    """One line of data."""
    sys.stdout.write(safe(text) + "\n")


def raw(text: str) -> None:
    """Data of several lines, as it is."""
    sys.stdout.write(text)


def _escaped(found: re.Match[str]) -> str:
    """A character as JSON escapes it, so that whoever reads it has it back."""
    return json.dumps(found.group())[1:-1]


def emit(value: Any) -> None:  # noqa: ANN401  anything JSON can say
    """One JSON object, and nothing else; what could steer a terminal stands there escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    sys.stdout.write(_STEERING_IN_JSON.sub(_escaped, text) + "\n")


def note(text: str) -> None:
    """A message for the administrator."""
    sys.stdout.flush()
    sys.stderr.write("".join(safe(line) + "\n" for line in text.split("\n")))
    sys.stderr.flush()


def complain(refusal: Faults) -> None:
    """Every fault with its place, cause and next step."""
    for fault in refusal.faults:
        note(fault.text())


def table(rows: Iterable[Sequence[object]], headings: Sequence[str]) -> None:
    """Columns with headings; the headings go to the error output, so that the data can be piped."""
    shown = [[safe(cell) for cell in row] for row in rows]
    widths = [max([len(heading), *(len(row[at]) for row in shown)]) for at, heading in enumerate(headings)]
    if shown:
        note("  ".join(heading.ljust(width) for heading, width in zip(headings, widths, strict=True)).rstrip())
    for row in shown:
        out("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class Progress:
    """Progress of long work on the error output: at most twice a second, and one line at the end.

    On a terminal the line is rewritten in place; a log file gets a line each minute. Long work says when it will end.
    """

    def __init__(self, what: str, total: int, unit: str = "") -> None:
        self._what = what
        self._total = total
        self._unit = unit
        self._done = 0
        self._began = time.monotonic()
        self._shown = 0.0 if sys.stderr.isatty() else self._began
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def advance(self, by: int = 1) -> None:
        """`by` more are done."""
        self._done += by
        now = time.monotonic()
        if now - self._shown < (_REWRITTEN if self._live else _LOGGED):
            return
        self._shown = now
        if self._live:
            sys.stderr.write(f"\r\x1b[K{self._text()}{self._left(now)}")
            sys.stderr.flush()
        else:
            note(f"{self._text()}{self._left(now)}")

    def _left(self, now: float) -> str:
        seconds = now - self._began
        if seconds < _LOGGED or not self._total:
            return ""
        return f", {duration(seconds / self._done * (self._total - self._done))} left"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")
        note(self._text())

    def _text(self) -> str:
        if not self._total:
            return f"{self._what}: {_amount(self._done, self._unit)}"
        done = _amount(self._done, "bytes") if self._unit == "bytes" else self._done
        return f"{self._what}: {done} of {_amount(self._total, self._unit)}"


def _amount(number: int, unit: str) -> str:
    if unit != "bytes":
        return f"{number} {unit}".strip()
    return size(number)
