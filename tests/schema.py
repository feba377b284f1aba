"""The newest schema as a file, made once for each process: a node of a test that has it pays for no migration."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from node.database import migrate
from trust.pki.keyfiles import write_private


def give_schema(database: Path) -> None:
    """Put the empty database where a node would migrate its own."""
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(database, _migrated())
    database.chmod(0o600)


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node.db"
        migrate(path)
        return path.read_bytes()
