"""What `check` and `status` find, each with its next step."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node import database, health
from node.configuration.config import Config
from node.health import Finding, Level
from trust.pki.authority import Authority

NOW = datetime.now(UTC)


def findings(config: Config, check: health.Check, now: datetime | None = None) -> list[tuple[Level, str]]:
    found = health.examine(config, now or datetime.now(UTC), (check,))
    assert all(finding.next_step for finding in found if finding.level is not Level.OK)
    return [(finding.level, finding.what) for finding in found]


def levels(config: Config, check: health.Check, now: datetime | None = None) -> list[Level]:
    return [level for level, _ in findings(config, check, now or datetime.now(UTC))]


@pytest.fixture
def config(made_node: Callable[..., Config]) -> Config:
    config = made_node()
    database.migrate(config.folder.database)
    return config


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [
        pytest.param(0, Level.OK, "valid until", id="fresh"),
        pytest.param(705, Level.WARN, "in 25 days", id="alarm 30 days before the end"),
        pytest.param(731, Level.FAIL, "ended on", id="ended"),
        pytest.param(-1, Level.FAIL, "not valid before", id="not yet valid"),
    ],
)
def test_the_own_certificate(config: Config, days: int, level: Level, words: str) -> None:
    ((found, what),) = findings(config, health.own_certificate, datetime.now(UTC) + timedelta(days=days))
    assert found is level
    assert words in what


def _overwritten(path: Path, content: bytes) -> None:
    if path.exists():
        path.chmod(0o600)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda folder: _overwritten(folder.database, b"no database"), id="database"),
        pytest.param(lambda folder: _overwritten(folder.scrub, b'{"ended": 5}'), id="scrub"),
        pytest.param(lambda folder: _overwritten(folder.tls_chain, b"no certificate"), id="certificate"),
        pytest.param(lambda folder: (folder.keys / "gone.key").symlink_to("/nowhere"), id="link"),
    ],
)
def test_what_cannot_be_looked_at_is_one_finding_and_hides_no_other(config: Config, spoil) -> None:
    before = health.examine(config, NOW, health.FILES)
    spoil(config.folder)
    found = health.examine(config, NOW, health.FILES)
    (failed,) = [finding for finding in found if finding.level is Level.FAIL and finding not in before]
    assert failed.next_step
    assert len({finding.subject for finding in before} - {finding.subject for finding in found}) <= 2


def test_a_certificate_for_another_name(config: Config) -> None:
    moved = replace(config, node=replace(config.node, host="node.example"))
    assert levels(moved, health.own_certificate) == [Level.OK, Level.FAIL]


def test_no_certificate_yet(config: Config) -> None:
    config.folder.tls_chain.unlink()
    assert levels(config, health.own_certificate) == [Level.FAIL]
    config.folder.trust.unlink()
    assert levels(config, health.trust_anchors) == [Level.FAIL]


@pytest.mark.parametrize(
    ("hours", "level"),
    [
        pytest.param(-1, Level.OK, id="current"),
        pytest.param(23, Level.WARN, id="T8-ended within the grace"),
        pytest.param(25, Level.FAIL, id="T8-ended beyond the grace"),
    ],
)
def test_revocation_lists(config: Config, hours: int, level: Level) -> None:
    ca = Authority.create("CA", now=NOW, development=True)
    (config.root / "list.pem").write_bytes(ca.crl([], now=NOW, days=1, number=1))
    listed = replace(config, tls=replace(config.tls, crl=("list.pem",)))
    assert levels(listed, health.trust_anchors, NOW + timedelta(days=1, hours=hours))[-1] is level


def test_a_revocation_list_that_is_missing(config: Config) -> None:
    listed = replace(config, tls=replace(config.tls, crl=("list.pem",)))
    assert levels(listed, health.trust_anchors)[-1] is Level.FAIL


def test_keys(config: Config) -> None:
    assert levels(config, health.key_files) == [Level.OK]
    config.folder.ledger_key.chmod(0o440)
    config.folder.keys.chmod(0o755)
    config.folder.blob_key.unlink()
    assert levels(config, health.key_files) == [Level.FAIL] * 3


@pytest.mark.parametrize(("least", "level"), [(0, Level.OK), (1 << 60, Level.FAIL)])
def test_disk(config: Config, least: int, level: Level) -> None:
    full = replace(config, repository=replace(config.repository, min_free_bytes=least))
    assert levels(full, health.disk) == [level]


def test_the_database(config: Config) -> None:
    assert levels(config, health.storage)[-1] is Level.OK
    connection = sqlite3.connect(config.folder.database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    assert levels(config, health.storage)[-1] is Level.FAIL
    config.folder.database.unlink()
    assert levels(config, health.storage)[-1] is Level.WARN


def test_an_old_sqlite_is_named(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    assert levels(config, health.storage)[0] is Level.WARN
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    assert levels(config, health.storage) == [Level.OK]


def test_a_clock_that_went_back(config: Config) -> None:
    later = NOW.timestamp() + 7200
    os.utime(config.folder.database, (later, later))
    found = findings(config, health.clock)
    assert found[-1][0] is Level.FAIL
    assert "minutes behind" in found[-1][1]


def test_the_audit_head(config: Config) -> None:
    assert levels(config, health.audit) == [Level.FAIL]
    config.folder.head.touch()
    assert levels(config, health.audit) == [Level.WARN]  # on the same disk as the database


def test_a_development_node_says_so(config: Config) -> None:
    assert any("development" in what for _, what in findings(config, health.purpose))


def test_a_check_that_cannot_look_is_a_finding(config: Config) -> None:
    config.folder.trust.unlink()
    config.folder.trust.mkdir()
    assert levels(config, health.trust_anchors) == [Level.FAIL]
    config.folder.tls_chain.chmod(0o600)
    config.folder.tls_chain.write_text("no certificate")
    assert levels(config, health.own_certificate) == [Level.FAIL]


def test_connected_institutions_without_a_database(config: Config) -> None:
    config.folder.database.unlink()
    assert health.examine(config, NOW, (health.connected,)) == []
    assert isinstance(
        health.lifetime("x", Authority.create("x", now=NOW, development=True).certificate, NOW, "y"), Finding
    )


@pytest.mark.parametrize(("most", "level"), [(1024, [Level.WARN]), (4096, []), (resource.RLIM_INFINITY, [])])
def test_few_open_files(config: Config, monkeypatch: pytest.MonkeyPatch, most: int, level: list[Level]) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, most))
    assert levels(config, health.files) == level
