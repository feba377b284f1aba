"""Nodes for tests: made as `init` makes them, in a folder of the test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from node.configuration.config import Config
from node.making import Wanted, make
from tests.schema import give_schema


@pytest.fixture
def made_node(tmp_path: Path) -> Callable[..., Config]:
    """A function that makes a development node: `made_node("name", base=8000)`."""

    def made(name: str = "Klinik", *, base: int = 8000, authority: str = "2.999.1", development: bool = True) -> Config:
        wanted = Wanted(
            root=tmp_path / name,
            name=name,
            host="localhost",
            port_base=base,
            authority=authority,
            home="",
            public_url="",
            ca=tmp_path / "ca" if development else None,
            development=development,
        )
        config = make(wanted, now=datetime.now(UTC), new_uuid=uuid4).config
        give_schema(config.folder.database)
        return config

    return made
