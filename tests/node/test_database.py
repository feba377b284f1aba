"""The schema is what the tables say; a newer one is refused; connections keep to one writer."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from node import database, migrations
from node.faults import Faults
from node.migrations import REVISIONS
from node.web import tables as web_tables
from registry.store import tables as registry_tables
from repository.store import tables as repository_tables
from trust.accounts import tables as accounts_tables
from trust.consent import tables as consent_tables
from trust.directory import tables as directory_tables
from trust.findings import tables as findings_tables
from trust.ledger import tables as ledger_tables
from trust.owed import tables as owed_tables
from trust.pki import tables as pki_tables

METADATA = [
    module.metadata
    for module in (
        registry_tables,
        repository_tables,
        ledger_tables,
        pki_tables,
        consent_tables,
        directory_tables,
        accounts_tables,
        web_tables,
        owed_tables,
        findings_tables,
    )
]


def schema(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'")
    # The order of a table's constraints differs and means nothing.
    found = {name: ", ".join(sorted(" ".join(sql.split()).removesuffix(" )").split(", "))) for name, sql in rows}
    connection.close()
    return found


def test_the_migrations_make_what_the_tables_say(tmp_path: Path) -> None:
    database.migrate(tmp_path / "migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    for metadata in METADATA:
        metadata.create_all(engine)
    engine.dispose()
    assert schema(tmp_path / "migrated.db") == schema(tmp_path / "created.db")


def test_the_list_of_revisions_is_that_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert tuple(script.revision for script in reversed(scripts)) == REVISIONS


def test_migrating_twice_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    said: list[str] = []
    assert database.revision(path) is None
    assert database.migrate(path, said.append) == REVISIONS[-1]
    assert database.migrate(path, said.append) == REVISIONS[-1]
    assert len(said) == 1
    assert database.revision(path) == REVISIONS[-1]


@pytest.mark.parametrize("older", REVISIONS[:-1])
def test_a_database_of_an_older_program_is_brought_up_with_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: str
) -> None:
    from alembic import command

    path, upgrade = tmp_path / "node.db", command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda config, _revision: upgrade(config, older))
    database.migrate(path)
    monkeypatch.undo()
    assert database.revision(path) == older
    connection = sqlite3.connect(path)
    columns = "home, name, description, clearance, previous, added"
    connection.execute(f"INSERT INTO community ({columns}) VALUES ('urn:oid:2.999.2', 'n', '{{}}', 'N', '', 't')")
    connection.commit()
    assert database.migrate(path) == REVISIONS[-1]
    assert connection.execute("SELECT name, audit_proof FROM community").fetchall() == [("n", "optional")]
    connection.close()
    database.migrate(tmp_path / "new.db")
    assert schema(path) == schema(tmp_path / "new.db")


def test_a_database_of_a_newer_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    database.migrate(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = schema(path)
    with pytest.raises(Faults) as raised:
        database.migrate(path)
    assert raised.value.faults[0].code == "database.newer"
    assert schema(path) == before


def test_something_else_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(b"this is not a database, and it is longer than a header of one" * 100)
    with pytest.raises(Faults) as raised:
        database.migrate(path)
    assert raised.value.faults[0].code == "database.damaged"


def test_a_migration_that_dies_leaves_the_old_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    path = tmp_path / "node.db"
    made = []
    create = Operations.create_index

    def dies(self, *args, **kwargs):
        made.append(args)
        if len(made) == 3:
            raise KeyboardInterrupt
        return create(self, *args, **kwargs)

    monkeypatch.setattr(Operations, "create_index", dies)
    with pytest.raises(KeyboardInterrupt):
        database.migrate(path)
    assert schema(path) == {}
    monkeypatch.undo()
    assert database.migrate(path) == REVISIONS[-1]


def test_readers_cannot_write_and_writers_are_durable(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    database.migrate(path)
    writer, reader = database.open_writer(path), database.open_reader(path)
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,)
    writer.execute("INSERT INTO patient (cx, added) VALUES ('a', '20260101000000')")
    assert reader.execute("SELECT count(*) FROM patient").fetchone() == (1,)
    for statement in ("DELETE FROM patient", "PRAGMA query_only=OFF", "CREATE TABLE x (y)"):
        try:
            reader.execute(statement)
            reader.execute("DELETE FROM patient")
        except sqlite3.OperationalError:
            continue
        raise AssertionError(statement)
    reader.close()
    writer.close()


def test_a_path_with_signs_that_urls_and_templates_know(tmp_path: Path) -> None:
    folder = tmp_path / "50% off? #1 & more"
    folder.mkdir()
    database.migrate(folder / "node.db")
    reader = database.open_reader(folder / "node.db")
    assert reader.execute("SELECT count(*) FROM patient").fetchone() == (0,)
    reader.close()


def test_a_full_disk_is_not_called_a_damaged_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restoring a backup, the advice for damage, would be the worst thing to do."""
    path = tmp_path / "node.db"
    path.write_bytes(b"SQLite cannot read this" * 100)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4096))
    with pytest.raises(Faults) as raised:
        database.migrate(path)
    assert raised.value.faults[0].code == "disk.full"
