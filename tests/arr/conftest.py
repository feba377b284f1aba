"""The suite with Debian's rsyslog runs only when it is asked for: `scripts/test --only arr`, or `pytest tests/arr --arr`."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--arr", action="store_true", help="run the tests against a real rsyslogd")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = config.getoption("--arr", default=False)
    return True if collection_path.name.startswith("test_") and not asked else None
