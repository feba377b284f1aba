"""How the delivery to each Audit Record Repository stands, from files alone: `check`, `status`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from node import database
from node.atna import batches, cursor
from node.atna.exporter import ALARM_SECONDS
from node.configuration.config import Config
from node.configuration.settings import AuditRepository
from node.health import Finding, Level
from trust.errors import BadCertificate
from trust.pki.certificates import from_pem

_LATE = timedelta(seconds=ALARM_SECONDS)


def deliveries(config: Config, now: datetime) -> Iterator[Finding]:
    """One finding for each repository, and one for each file of it that cannot be used."""
    for repository in config.audit.repositories:
        yield from _files(config, repository)
        yield _delivery(config, repository, now)


def _files(config: Config, repository: AuditRepository) -> Iterator[Finding]:
    for name in filter(None, (repository.ca, repository.certificate)):
        path = config.root / name
        try:
            from_pem(path.read_bytes())
        except (OSError, BadCertificate) as problem:
            step = "save the certificate there (PEM), or correct [[audit.repositories]] in node.toml"
            yield Finding(Level.FAIL, _subject(repository), f"{path}: {problem}", step)
    if repository.private_key and not (config.root / repository.private_key).is_file():
        step = "put it there, or correct [[audit.repositories]] in node.toml"
        yield Finding(Level.FAIL, _subject(repository), f"there is no {config.root / repository.private_key}", step)


def _delivery(config: Config, repository: AuditRepository, now: datetime) -> Finding:
    where = cursor.read(cursor.path(config.folder.data, repository.name))
    waiting, oldest = 0, ""
    if database.revision(config.folder.database) is not None:
        with contextlib.closing(database.open_reader(config.folder.database)) as connection:
            waiting, oldest = batches.waiting(connection, where.next), batches.oldest(connection, where.next)
    place = f"{repository.host}:{repository.port}"
    late = bool(oldest) and now - datetime.fromisoformat(oldest) >= _LATE
    since = f"{waiting} entries wait, the oldest since {oldest}" if oldest else "nothing waits"
    if where.failing:
        text = f"{place} is out of reach since {where.failing}: {where.reason}; {since}"
        step = (
            "make it listen there for syslog over TLS, or correct [[audit.repositories]] in node.toml and restart;"
            " the log keeps everything meanwhile"
        )
        return Finding(Level.FAIL if late else Level.WARN, _subject(repository), text, step)
    if late:
        step = "start the node: xdsnode serve; if it runs already, the repository takes entries too slowly"
        return Finding(Level.FAIL, _subject(repository), f"{place}: {since}", step)
    return Finding(Level.OK, _subject(repository), f"{place}: {since}")


def _subject(repository: AuditRepository) -> str:
    return f"audit repository {repository.name}"
