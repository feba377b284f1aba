"""The ceremony after a real loss, without witnesses: the head file and the tiles remember what the database lost."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from node.commands.audit_recover import recover
from node.configuration.config import Config
from node.faults import Exit, Faults
from node.operations import execute
from node.services import open_services
from trust.errors import RolledBack
from trust.ledger import hdn_verify, store


async def use(config: Config, times: int) -> None:
    async with open_services(config) as services:
        for _ in range(times):
            await execute(services, "audit used", {"what": "a look"}, "tester")


@pytest.fixture
def lost(made_node: Callable[..., Config]) -> Config:
    """A node whose database alone was put back: four entries are gone, everything else knows of them."""
    config = made_node("Here")
    asyncio.run(use(config, 3))
    copy = config.root / "copy.db"
    shutil.copy(config.folder.database, copy)
    asyncio.run(use(config, 4))
    for path in config.folder.data.glob("node.db*"):
        path.unlink()
    copy.rename(config.folder.database)
    return config


def heads(config: Config) -> dict[str, int]:
    reader = store.open_reader(config.folder.database)
    try:
        return {head.origin.rpartition("/")[2]: head.size for head in store.heads(reader)}
    finally:
        reader.close()


def year(config: Config) -> str:
    return next(iter(heads(config)))


def test_a_dry_run_shows_the_loss_and_changes_nothing(lost: Config, capsys: pytest.CaptureFixture[str]) -> None:
    before = heads(lost)
    with pytest.raises(RolledBack):
        asyncio.run(use(lost, 1))
    assert recover(lost.root, ["--dry-run"]) == Exit.DONE
    out = capsys.readouterr().out
    assert "this node has 4 entries" in out
    assert "head.db remembers 8" in out
    assert "entries 4 to 7 are lost (4)" in out
    assert heads(lost) == before
    with pytest.raises(RolledBack):
        asyncio.run(use(lost, 1))


def test_the_log_goes_on_under_a_new_name_and_says_what_is_lost(
    lost: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    name = year(lost)
    assert recover(lost.root, ["--reason", "the disk failed"]) == Exit.DONE
    assert heads(lost) == {name: 4, f"{name}b": 2}
    asyncio.run(use(lost, 2))
    assert heads(lost) == {name: 4, f"{name}b": 4}
    assert hdn_verify.main(["verify", str(lost.root)]) == 0
    # What was published of the lost entries still proves that there were eight.
    kept = lost.folder.audit / f"lost-{name}"
    assert hdn_verify.main(["verify", str(kept)]) == 0
    assert "size 8" in capsys.readouterr().out
    records = [json.loads(one) for one in records_of(lost, 10)]
    assert [record["event"]["note"]["kept"] for record in records] == ["4"]
    assert records[0]["event"]["note"]["remembered"] == "8"
    assert records[0]["event"]["note"]["reason"] == "the disk failed"
    # It is over: there is nothing to recover from any more.
    with pytest.raises(Faults, match=r"recover\.no-loss"):
        recover(lost.root, ["--reason", "once more"])


def records_of(config: Config, kind: int) -> list[bytes]:
    reader = store.open_reader(config.folder.database)
    try:
        return [row[0] for row in reader.execute("SELECT body FROM audit_record WHERE kind = ? ORDER BY seq", (kind,))]
    finally:
        reader.close()


def test_a_second_loss_in_the_same_year(lost: Config) -> None:
    name = year(lost)
    assert recover(lost.root, ["--reason", "first"]) == Exit.DONE
    copy = lost.root / "copy.db"
    shutil.copy(lost.folder.database, copy)
    asyncio.run(use(lost, 1))
    for path in lost.folder.data.glob("node.db*"):
        path.unlink()
    copy.rename(lost.folder.database)
    assert recover(lost.root, ["--reason", "second"]) == Exit.DONE
    assert heads(lost) == {name: 4, f"{name}b": 2, f"{name}c": 2}
    assert hdn_verify.main(["verify", str(lost.root)]) == 0


def test_a_database_that_is_lost_altogether(lost: Config) -> None:
    name = year(lost)
    for path in lost.folder.data.glob("node.db*"):
        path.unlink()
    assert recover(lost.root, ["--reason", "nothing is left"]) == Exit.DONE
    assert heads(lost) == {f"{name}b": 2}
    asyncio.run(use(lost, 1))
    assert hdn_verify.main(["verify", str(lost.root)]) == 0


def test_without_a_loss_there_is_no_ceremony(made_node: Callable[..., Config]) -> None:
    config = made_node("Here")
    asyncio.run(use(config, 1))
    with pytest.raises(Faults, match=r"recover\.no-loss"):
        recover(config.root, ["--dry-run"])
    with pytest.raises(Faults, match=r"recover\.reason"):
        recover(config.root, [])
    assert Path(config.folder.audit / year(config)).is_dir()
