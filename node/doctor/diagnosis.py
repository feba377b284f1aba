"""Observations of the way in, rows out: name, reach, encryption, their identity, our identity, clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from node.doctor.identity import judged
from node.doctor.observations import CONNECT_SECONDS, SECONDS, Connected, Expected, Heard, Seen, Shaken
from node.doctor.steps import Level, Row, Step, ok
from node.doctor.table import finding

TOLERANCE: Final = timedelta(seconds=30)
_OLD: Final = ("SSLv3", "TLSv1", "TLSv1.1")
_NAMES: Final = {"EAI_NONAME": "name.unknown", "EAI_NODATA": "name.unknown", "EAI_AGAIN": "name.no-answer"}
_CONNECTS: Final = {
    "forbidden": "reach.forbidden",
    "ECONNREFUSED": "reach.refused",
    "timeout": "reach.silent",
    "ETIMEDOUT": "reach.silent",
    "EHOSTUNREACH": "reach.no-route",
    "ENETUNREACH": "reach.no-route",
}
# Alerts about our certificate, as OpenSSL names them behind TLSV1_ALERT_, SSLV3_ALERT_ or TLSV13_ALERT_.
_ALERTS: Final = {
    "UNKNOWN_CA": "ours.unknown-ca",
    "CERTIFICATE_EXPIRED": "ours.said-ended",
    "CERTIFICATE_REVOKED": "ours.said-revoked",
    "BAD_CERTIFICATE": "ours.said-bad",
    "UNSUPPORTED_CERTIFICATE": "ours.said-usage",
    "CERTIFICATE_UNKNOWN": "ours.said-unknown",
    "CERTIFICATE_REQUIRED": "ours.not-received",
    "ACCESS_DENIED": "ours.denied",
    "DECRYPT_ERROR": "ours.key",
}
_HANDSHAKES: Final = {
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls.old",
    "UNSUPPORTED_PROTOCOL": "tls.old",
    "TLSV1_UNRECOGNIZED_NAME": "tls.name",
    "TLSV1_ALERT_INTERNAL_ERROR": "tls.internal",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "tls.ciphers",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "tls.ciphers",
    "NO_SHARED_CIPHER": "tls.ciphers",
    "WRONG_VERSION_NUMBER": "tls.not-tls",
    "RECORD_LAYER_FAILURE": "tls.not-tls",
    "PACKET_LENGTH_TOO_LONG": "tls.not-tls",
    "HTTP_REQUEST": "tls.not-tls",
    "timeout": "tls.silent",
    "closed": "tls.closed",
}
_STATUSES: Final = {
    "401": "ours.not-added",
    "403": "ours.not-added",
    "421": "answer.misdirected",
    "502": "answer.down",
    "503": "answer.down",
    "504": "answer.down",
}


def diagnose(seen: Seen, expected: Expected) -> list[Row]:
    """Every row of the first six steps, up to the first hard failure."""
    rows: list[Row] = []
    for row in _rows(seen, expected):
        rows.append(row)
        if row.level is Level.FAIL:
            break
    return rows


def _rows(seen: Seen, expected: Expected) -> Iterator[Row]:
    place = f"{seen.host}:{seen.port}"
    yield from _named(seen, place)
    yield from _connected(seen, place)
    code, words = seen.own
    if code in ("ours.none", "ours.files"):  # without them nobody can be called at all
        yield finding(code, place, quoted=words)
    if seen.shaken is None:
        return
    about_us = _alert(seen.shaken.trouble)
    if not about_us:
        yield from _encrypted(seen, seen.shaken, place)
    else:
        yield ok(Step.ENCRYPTION, "they speak TLS with us", place)
    if about_us and not seen.shaken.shown:
        yield ok(Step.IDENTITY, "nothing was wrong with it as far as the handshake came", place)
    else:
        yield from judged(seen.shaken, expected, seen.host, place)
    if code:
        yield finding(code, place, quoted=words)
    if about_us:
        yield finding(about_us, place)
    if seen.heard is not None:
        yield from _heard(seen.heard, place)
        yield _clock(seen.heard, seen, place)


def _named(seen: Seen, place: str) -> Iterator[Row]:
    named = seen.named
    if named.trouble == "timeout":
        yield finding("name.slow", place, host=seen.host, seconds=f"{SECONDS:.0f}")
    elif named.trouble or not named.addresses:
        code = _NAMES.get(named.trouble, "name.failed" if named.trouble else "name.unknown")
        yield finding(code, place, host=seen.host, quoted=named.words)
    else:
        yield ok(Step.NAME, f"{seen.host} is {', '.join(named.addresses)}", place)


def _connected(seen: Seen, place: str) -> Iterator[Row]:
    good = [one for one in seen.connected if not one.trouble]
    bad = [one for one in seen.connected if one.trouble]
    if not good:
        worst = next(
            (one for one in bad if one.trouble == "forbidden"), bad[0] if bad else Connected(address=seen.host)
        )
        code = _CONNECTS.get(worst.trouble, "reach.failed")
        quoted = worst.words if worst.trouble == "forbidden" else _attempts(bad, seen.port, alike=len(bad) == 1)
        yield finding(code, place, quoted=quoted, port=seen.port, seconds=f"{CONNECT_SECONDS:.0f}")
        return
    yield ok(Step.REACH, f"{', '.join(one.address for one in good)} port {seen.port} connects", place)
    if bad:
        yield finding("reach.partly", place, quoted=_attempts(bad, seen.port))


def _attempts(attempts: list[Connected], port: int, *, alike: bool = False) -> str:
    """Every address, and what came of it unless the sentence says so."""
    return "; ".join(f"{one.address} port {port}" + ("" if alike else f" ({one.words})") for one in attempts)


def _alert(trouble: str) -> str:
    """The code of an alert about our certificate, "" for anything else."""
    return _ALERTS.get(trouble.partition("_ALERT_")[2], "")


def _encrypted(seen: Seen, shaken: Shaken, place: str) -> Iterator[Row]:
    if shaken.trouble in ("", "CERTIFICATE"):
        yield ok(Step.ENCRYPTION, f"{shaken.version} {shaken.cipher}".strip() or "TLS", place)
        return
    if shaken.version in _OLD:
        yield finding("tls.old", place, quoted=shaken.version)
    elif shaken.version and shaken.trouble != "timeout" and not _safe(shaken.cipher):
        yield finding("tls.ciphers", place, quoted=f"{shaken.version} {shaken.cipher}")
    else:
        code = _HANDSHAKES.get(shaken.trouble, "tls.failed")
        known = {"tls.old": "TLS below 1.2", "tls.ciphers": "none of ours"}
        quoted = known.get(code, shaken.words or shaken.trouble)
        yield finding(code, place, host=seen.host, place=place, quoted=quoted)


def _safe(cipher: str) -> bool:
    """Whether it is one of those that this node takes: those of TLS 1.3, ECDHE with AEAD in 1.2."""
    return cipher.startswith("TLS_") or (cipher.startswith("ECDHE-") and ("GCM" in cipher or "CHACHA20" in cipher))


def _heard(heard: Heard, place: str) -> Iterator[Row]:
    """With TLS 1.3 a refusal of our certificate shows only now."""
    words = heard.line.split(" ", 2)
    if about_us := _alert(heard.trouble):
        yield finding(about_us, place)
    elif heard.trouble == "timeout":
        yield finding("ours.silent", place, place=place)
    elif heard.trouble or not heard.line:
        yield finding("ours.closed", place)
    elif not heard.line.startswith("HTTP/1.") or len(words) < 2:
        yield finding("answer.not-http", place, place=place, quoted=ascii(heard.line[:40]))
    elif words[1] in _STATUSES:
        yield finding(_STATUSES[words[1]], place, place=place, host=place.rpartition(":")[0], quoted=heard.line[:60])
    else:
        yield ok(Step.OURS, f"they accept our certificate (HTTP {words[1]})", place)


def _clock(heard: Heard, seen: Seen, place: str) -> Row:
    try:
        theirs = parsedate_to_datetime(heard.date) if heard.date else None
    except ValueError:
        theirs = None
    if theirs is None or theirs.tzinfo is None or seen.at is None:
        return finding("clock.unknown", place)
    return _compared(theirs, seen.at, place, synchronised=seen.synchronised)


def _compared(theirs: datetime, ours: datetime, place: str, *, synchronised: bool) -> Row:
    difference = theirs - ours
    if abs(difference) <= TOLERANCE:
        return ok(Step.CLOCK, f"the clocks differ by {_span(difference)}", place)
    ahead = "clock.ahead" if difference > timedelta(0) else "clock.behind"
    return finding(ahead if synchronised else "clock.ours", place, quoted=_span(difference))


def _span(difference: timedelta) -> str:
    seconds = round(abs(difference.total_seconds()))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    parts = ((hours, "h"), (minutes, "min"), (seconds % 60, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "less than 1 s"
