"""The one database of a node: its connections and its schema.

One connection writes, under the node's lock; every other one can only read. WAL with synchronous=FULL: an answer
leaves only after its commit is on disk. The schema is changed by Alembic, each step in one transaction, so that a
process that dies while migrating leaves the old schema or the new one.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Final

from node.faults import Fault, Faults
from node.migrations import REVISIONS

# In older versions two committing connections can corrupt a WAL database; one writer rules that out.
SAFE_SQLITE: Final = (3, 51, 3)

_WAL_LIMIT: Final = 64 << 20
_LEAST_FREE: Final = 1 << 20
_WAL_PAGES: Final = 4000  # 16 MB between checkpoints of the write-ahead log: fewer, larger ones keep p99 low


def open_writer(path: Path) -> sqlite3.Connection:
    """The writing connection. The caller holds the node's lock and begins and ends every transaction itself."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is erased must not stay in free pages
        "busy_timeout=5000",
        "cache_size=-32768",
        "temp_store=MEMORY",  # what a job changed, to undo it alone, is not written to a file: 20 of 50 writes of a job
        f"wal_autocheckpoint={_WAL_PAGES}",
        f"journal_size_limit={_WAL_LIMIT}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write or checkpoint, whatever is executed on it."""
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    for pragma in ("query_only=ON", "busy_timeout=5000", "cache_size=-32768"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def revision(path: Path) -> str | None:
    """The revision of the schema, None where there is no database yet."""
    if not path.exists():
        return None
    try:
        with contextlib.closing(open_reader(path)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as problem:
        if "no such table" in str(problem):
            return None
        raise Faults([_damaged(path, problem)]) from None
    return str(row[0]) if row else None


def migrate(path: Path, report: Callable[[str], None] = lambda _: None) -> str:
    """Bring the schema to the newest revision; the caller holds the node's lock.

    Args:
        path: the database; it is made when it is not there.
        report: told what is done, when there is something to do.

    Raises:
        Faults: the database is of a newer program, or not a database.
    """
    found = revision(path)
    if found == REVISIONS[-1]:
        return found
    if found is not None and found not in REVISIONS:
        raise Faults([_newer(path, found)])
    report(f"database: schema {found or 'new'} to {REVISIONS[-1]}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _upgrade(path)
    return REVISIONS[-1]


def _upgrade(path: Path) -> None:
    # Alembic and SQLAlchemy cost a third of a second to import; a start that has nothing to migrate does not pay it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import URL, create_engine, event  # noqa: PLC0415

    engine = create_engine(URL.create("sqlite", database=str(path)))

    @event.listens_for(engine, "connect")
    def _manual(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction before DDL by itself
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    with resources.as_file(resources.files("node.migrations")) as scripts, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def _newer(path: Path, found: str) -> Fault:
    return Fault(
        "database.newer",
        str(path),
        f"its schema is {found}, this program knows {', '.join(REVISIONS)}: a newer program has worked with it",
        "start the newer program again, or restore a backup that this version made",
    )


def _damaged(path: Path, problem: Exception) -> Fault:
    if shutil.disk_usage(path.parent).free < _LEAST_FREE:  # SQLite cannot even make its shared index then
        return Fault(
            "disk.full",
            str(path.parent),
            f"the disk is full, so that the database cannot be opened ({problem})",
            "free some space and start again; nothing that was acknowledged is lost",
        )
    return Fault(
        "database.damaged",
        str(path),
        f"SQLite cannot read it: {problem}",
        "do not start the node; keep a copy of the file and restore the last backup into a new folder",
    )
