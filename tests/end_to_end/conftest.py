"""A running federation of three real nodes, shared by the tests of this folder."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.crowd import World, crowd
from tests.end_to_end.nodes import AUTHORITY, Node, federation


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Three connected nodes."""
    with federation(Path(tmp_path_factory.mktemp("federation"))) as started:
        yield started


_NUMBERS = itertools.count(1)


@pytest.fixture
def patient(nodes: list[Node]) -> str:
    """A fresh patient, known to all three institutions."""
    identifier = f"E2E{next(_NUMBERS)}^^^&{AUTHORITY}&ISO"
    for node in nodes:
        node.know(identifier)
    return identifier


@pytest.fixture
def new_patient() -> Callable[[], str]:
    """Ids of patients that nobody knows yet."""
    return lambda: f"E2E{next(_NUMBERS)}^^^&{AUTHORITY}&ISO"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One node and nine simulated communities."""
    with crowd(tmp_path_factory.mktemp("crowd")) as made:
        yield made
