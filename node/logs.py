"""Structured logs: one JSON object a line, without patient data; the incident id links answer, log and audit entry.

What may be logged is a list (`FIELDS`), not a habit: other extras are dropped. The text of exceptions is left out,
because it may quote a message; type and places remain, and the audit record, which is protected, has the rest.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final

MOST_BYTES: Final = 1024
FIELDS: Final = (
    "incident",  # links this line to the answer and to the audit entry
    "transaction",
    "community",
    "address",
    "code",
    "status",
    "reason",
    "count",
    "seconds",
    "path",
    "fingerprint",
    "command",
    "issuer",  # its short name in node.toml
    "port",
    "submission_set",
)
# A patient id in its HL7 form, in case somebody logs one all the same; the OID alone tells nothing about a person.
_PATIENT_ID = re.compile(r"[^\s'\"(),;|~]*\^\^\^[^&\s]*&[0-9.]*&ISO", re.ASCII)
# Segments that carry persons, whatever the separator after them.
_SEGMENT = re.compile(r"(PID|MRG|NK1|PD1|GT1|IN1)\|[^\r\n]*")
_SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
# What could end a line, move a cursor or turn the reading direction, beyond what JSON escapes by itself.
_UNSAFE = re.compile(
    "[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(value: object) -> str:
    """`value` as text that is safe to log: patient ids and keys taken out, at most 1 kB of UTF-8."""
    text = value if isinstance(value, str) else repr(value) if isinstance(value, bytes) else str(value)
    # First a rough cut, so that a value of many megabytes costs nothing; what is masked lies within it or is dropped.
    text = text[: 4 * MOST_BYTES]
    text = _SECRET.sub("[private key]", text)
    text = _SEGMENT.sub(r"\1|[left out]", text)
    text = _PATIENT_ID.sub("[patient id]", text)
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) <= MOST_BYTES:
        return text
    return encoded[:MOST_BYTES].decode("utf-8", "ignore") + "…[cut]"


def line(fields: dict[str, object]) -> str:
    """One JSON object on one line, without a character that could end the line or steer a terminal."""
    return _UNSAFE.sub(_escaped, json.dumps(fields, ensure_ascii=False, separators=(",", ":")))


def _escaped(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


class JsonFormatter(logging.Formatter):
    """LogRecord -> line."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:  # type: ignore[explicit-override]
        """One line for one record."""
        moment = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, object] = {
            "time": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
            "level": record.levelname,
            "node": clean(self._node),
            "logger": record.name,
            "message": clean(_message(record)),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None and value != "":
                fields[name] = value if isinstance(value, int | float) else clean(value)
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = _chain(record.exc_info[1])
        return line(fields)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return str(record.msg)  # arguments that do not fit must not cost the entry


def _chain(error: BaseException | None) -> list[dict[str, object]]:
    """Type and places of an exception and of its causes; never its text."""
    found: list[dict[str, object]] = []
    while error is not None and len(found) < 5:
        found.append({"type": type(error).__name__, "at": _places(error.__traceback__)})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-8:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def configure(node: str, level: str = "INFO", file: Path | None = None) -> None:
    """Send every log of this process to `file`, or to the error output, as JSON lines."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        from logging.handlers import WatchedFileHandler  # noqa: PLC0415  only where a file is wanted

        handler = WatchedFileHandler(file, encoding="utf-8")  # reopened when logrotate moves it
    handler.setFormatter(JsonFormatter(node))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False
    # The access log would name every URL; the audit record and the metrics know the requests already.
    logging.getLogger("aiohttp.access").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    sys.excepthook = _unhandled


def _unhandled(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("node").critical("the process ends: unexpected failure", exc_info=(kind, error, trace))
