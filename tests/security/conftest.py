"""The suite with outside tools runs only when it is asked for: `scripts/test --only security`, or `--security`."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--security", action="store_true", help="run the tests with openssl, xmlsec1 and sslyze")
    parser.addoption("--sslyze", default="", help="the command sslyze, in an environment of its own")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = config.getoption("--security", default=False)
    return True if collection_path.name.startswith("test_") and not asked else None
