"""Attacks on the log: I6 (injection, overlong values) and the log part of I23 (secrets and patient data)."""

from __future__ import annotations

import io
import json
import logging
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import logs

KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIG8=CANARYKEY\n-----END PRIVATE KEY-----"


@pytest.fixture
def sink() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter("Klinik Süd"))
    logger = logging.Logger("test.attacks")  # noqa: LOG001  outside of the hierarchy: pytest must not carry it
    logger.propagate = False
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger, stream
    logger.removeHandler(handler)


def entries(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param('x\r\n{"level":"CRITICAL","message":"forged"}', id="I6-CRLF"),
        pytest.param("x\x1b[2J\x1b]0;owned\x07", id="I6-ANSI"),
        pytest.param("x\x9b31m", id="I6-C1-CSI"),
        pytest.param("x\u2028{}\u2029\x85{}", id="I6-U+2028"),
        pytest.param("x\u202egnp.exe", id="I6-bidi"),
        pytest.param("\x00\x0b\x1c\r", id="I6-MLLP-frame"),
        pytest.param('<34>1 2026-01-01T00:00:00Z host app - - - "forged', id="I6-syslog-frame"),
        pytest.param("\ud800", id="I6-lone-surrogate"),
        pytest.param("%s %d %(x)s {}", id="I6-format-string"),
    ],
)
def test_a_hostile_value_stays_inside_its_line(sink, value: str) -> None:
    logger, stream = sink
    logger.info("asked by %s", value, extra={"reason": value})
    (entry,) = entries(stream)
    assert entry["level"] == "INFO"
    assert entry["reason"] == value
    written = stream.getvalue().removesuffix("\n")
    assert not [character for character in written if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"}]


def test_i6_a_value_of_one_megabyte_is_cut(sink) -> None:
    logger, stream = sink
    logger.info("%s", "信" * 1_000_000, extra={"reason": "x" * 1_000_000})
    (entry,) = entries(stream)
    assert len(stream.getvalue().encode()) < 3_000
    assert entry["reason"] == "x" * 1024 + "…[cut]"
    assert entry["message"].startswith("信" * 300)


@given(st.text())
def test_i6_every_text_is_one_line_that_reads_back(value: str) -> None:
    written = logs.line({"value": value})
    assert json.loads(written) == {"value": value}
    assert len(written.splitlines()) == 1
    assert "\x1b" not in written


@given(st.text())
def test_i6_no_value_is_longer_than_a_kilobyte(value: str) -> None:
    cut = logs.clean(value * 300)
    assert len(cut.encode("utf-8", "surrogatepass")) <= 1024 + len("…[cut]".encode())


@pytest.mark.parametrize(
    ("value", "canary"),
    [
        pytest.param("unknown patient CANARY-4711^^^&2.999.1&ISO", "CANARY", id="I23-patient-id"),
        pytest.param("unknown patient CANARY-4711^^^NORTH&2.999.1&ISO", "CANARY", id="I23-patient-id-with-namespace"),
        pytest.param("['CANARY^^^&2.999.1&ISO', 'CANARY2^^^&2.999.1&ISO']", "CANARY", id="I23-list-of-patient-ids"),
        pytest.param("MSH|^~\\&|A\rPID|||7||CANARY^NORA\rPV1||I", "CANARY", id="I23-HL7-segment"),
        pytest.param("MRG|CANARY^^^&1.2&ISO", "CANARY", id="I23-merge-segment"),
        pytest.param(KEY, "CANARYKEY", id="I23-private-key"),
        pytest.param(KEY[:-10], "CANARYKEY", id="I23-truncated-private-key"),
        pytest.param("x" * 900 + KEY, "CANARYKEY", id="I23-private-key-at-the-cut"),
    ],
)  # fmt: skip
def test_secrets_and_patients_are_masked(sink, value: str, canary: str) -> None:
    logger, stream = sink
    logger.warning(value, extra={"reason": value})
    logger.warning("%s", value.encode())
    assert len(entries(stream)) == 2
    assert canary not in stream.getvalue()


def test_i23_the_text_of_an_exception_is_left_out(sink) -> None:
    logger, stream = sink
    try:
        try:
            raise ValueError("CANARY Nora Halvorsen 19720415")
        except ValueError as cause:
            raise RuntimeError("CANARY of CANARY") from cause
    except RuntimeError:
        logger.exception("unexpected failure", extra={"incident": "a1b2"})
    (entry,) = entries(stream)
    assert "CANARY" not in stream.getvalue()
    assert entry["incident"] == "a1b2"
    assert [error["type"] for error in entry["exception"]] == ["RuntimeError", "ValueError"]
    assert "test_i23_the_text_of_an_exception_is_left_out" in entry["exception"][0]["at"][0]


def test_i23_fields_that_are_not_listed_are_dropped(sink) -> None:
    logger, stream = sink
    logger.info("x", extra={"patient_name": "CANARY", "password": "CANARY", "count": 3})
    (entry,) = entries(stream)
    assert entry["count"] == 3
    assert "CANARY" not in stream.getvalue()


def test_arguments_that_do_not_fit_do_not_cost_the_entry() -> None:
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "only %s %s", ("one",), None)
    assert json.loads(logs.JsonFormatter("node").format(record))["message"] == "only %s %s"
