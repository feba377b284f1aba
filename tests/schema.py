"""The newest schema as a file, made once for each process: a node of a test that has it pays for no migration."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from node.configuration.config import Config
from node.database import migrate
from trust.pki.keyfiles import write_private


def give_schema(config: Config) -> None:
    """Put the empty database where a node that was just made would migrate its own."""
    write_private(config.folder.database, _migrated())
    config.folder.database.chmod(0o600)


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.db"
        migrate(path)
        return path.read_bytes()
