"""The fault suite runs only when it is asked for: `scripts/test --faults`, or `pytest tests/faults --cycles N`."""

from __future__ import annotations

import random
import secrets
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cycles", type=int, default=None, help="how often the node is killed")
    parser.addoption("--seed", type=int, default=None, help="repeat a run with the seed that it printed")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = config.getoption("--cycles", default=None) is not None
    return True if collection_path.name.startswith("test_") and not asked else None


@pytest.fixture(scope="session")
def cycles(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--cycles")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """One seed for everything that happens at random; printed, so that a failing run can be repeated."""
    given = request.config.getoption("--seed")
    chosen: int = secrets.randbits(32) if given is None else given
    print(f"\nseed {chosen}", flush=True)
    return chosen


@pytest.fixture
def chance(seed: int) -> random.Random:
    return random.Random(seed)
