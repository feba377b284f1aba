"""One running node for all pitfalls; each has patients of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.nodes import Node, free_base
from tests.pitfalls.registry import Registry

LENIENCIES = """
[[leniencies.applications]]
name = "strict"
refused = ["all"]
[[leniencies.applications]]
name = "old"
required = ["old-association-type", "short-status"]
"""


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("pitfalls")
    node = Node(folder / "node", free_base(), "Institution").init(folder / "ca")
    node.set("known_patients_required", "false")
    with (node.folder / "node.toml").open("a") as config:
        config.write(LENIENCIES)
    node.start()
    try:
        yield Registry(node)
    finally:
        node.stop()
