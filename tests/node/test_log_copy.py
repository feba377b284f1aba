"""A copy of another log: it is what was signed, it goes on as it began, and what contradicts it is kept."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from node.federation.client import PeerClient, PeerFault
from node.federation.log_copy import CONTRADICTING, LogCopy
from tests.trust.ledger.ledgers import KEYS, NODE, Place, local
from trust.communities import AuditIdentity, Community
from trust.errors import BadSignature
from trust.ledger import hdn_verify
from trust.ledger.checkpoint import NoteSigner
from trust.ledger.tiles import count_of, files_of

LOG = f"{NODE}/audit"
IDENTITY = AuditIdentity(log=LOG, key=NoteSigner(LOG, KEYS.seed).key.public)
PEER = Community(
    home="urn:oid:2.999.2",
    name="North",
    endpoints={"audit": "https://north.example.org/audit"},
    certificates="",
    fingerprint="",
)


@dataclass
class Shelf:
    """Gives the files of a folder, as the other node does."""

    folder: Path
    asked: list[str] = field(default_factory=list)

    async def plain(self, _community: Community, _method: str, url: str, *, most: int) -> tuple[int, str, bytes]:
        name = url.removeprefix("https://north.example.org/audit/")
        self.asked.append(name)
        path = self.folder / name
        if not path.is_file():
            return 404, "", b""
        assert path.stat().st_size <= most
        return 200, "", path.read_bytes()


async def grown(place: Place, entries: int, name: str = "A") -> None:
    async with place.running() as ledger:
        await ledger.record([local(f"{name}-{number % 7}") for number in range(entries)])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "north").mkdir()
    place = Place(tmp_path / "north")
    asyncio.run(grown(place, 299))
    return place


async def update(shelf: Shelf, target: Path, identity: AuditIdentity = IDENTITY, year: str = "2026") -> int:
    copy = LogCopy(cast(PeerClient, cast(Any, shelf)), PEER, identity, year, target)
    return await copy.update(lambda *_: None)


def good(target: Path, key: str) -> bool:
    return hdn_verify.main(["verify", str(target / "2026"), "--vkey", key]) == 0


async def test_a_copy_verifies_and_is_brought_up_to_date(place: Place, tmp_path: Path) -> None:
    shelf, target = Shelf(place.audit), tmp_path / "copy"
    assert await update(shelf, target) == 300
    assert good(target, str(place.shard() / "vkey"))
    first, shelf.asked = shelf.asked, []
    assert await update(shelf, target) == 300
    assert shelf.asked == ["2026/checkpoint"]
    await grown(place, 300)
    assert await update(shelf, target) == 600
    assert good(target, str(place.shard() / "vkey"))
    assert not {name for name in shelf.asked if name in first} - {"2026/checkpoint"}


async def test_a_log_that_was_written_anew_is_told_from_one_that_went_on(place: Place, tmp_path: Path) -> None:
    shelf, target = Shelf(place.audit), tmp_path / "copy"
    await update(shelf, target)
    before = (target / "2026" / "checkpoint").read_bytes()
    shutil.rmtree(place.root)
    place.root.mkdir()
    await grown(place, 450, "B")
    with pytest.raises(BadSignature, match="no longer begins with the 300"):
        await update(shelf, target)
    assert (target / "2026" / "checkpoint").read_bytes() == before
    assert (target / "2026" / CONTRADICTING).read_bytes() == (place.shard() / "checkpoint").read_bytes()


async def test_a_log_that_was_cut(place: Place, tmp_path: Path) -> None:
    shelf, target = Shelf(place.audit), tmp_path / "copy"
    await update(shelf, target)
    shutil.rmtree(place.root)
    place.root.mkdir()
    await grown(place, 100)
    with pytest.raises(BadSignature, match="had 300 entries and has 101"):
        await update(shelf, target)


async def test_entries_that_were_not_signed(place: Place, tmp_path: Path) -> None:
    bundle = place.shard() / "tile" / "entries" / "000"
    data = bytearray(bundle.read_bytes())
    data[500] ^= 1
    bundle.unlink()
    bundle.write_bytes(data)
    with pytest.raises(BadSignature, match="not those which it signed"):
        await update(Shelf(place.audit), tmp_path / "copy")
    assert not (tmp_path / "copy" / "2026" / "checkpoint").exists()


async def test_another_key_another_year_and_nothing_there(place: Place, tmp_path: Path) -> None:
    shelf = Shelf(place.audit)
    with pytest.raises(BadSignature):
        await update(shelf, tmp_path / "copy", AuditIdentity(log=LOG, key=NoteSigner(LOG, bytes(32)).key.public))
    with pytest.raises(PeerFault):
        await update(shelf, tmp_path / "copy", year="2025")
    with pytest.raises(PeerFault):
        await update(shelf, tmp_path / "copy", year="../2026")
    (place.shard() / "tile" / "0" / "000").unlink()
    with pytest.raises(PeerFault):
        await update(shelf, tmp_path / "copy")


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600, 65_536, 70_000])
def test_the_files_of_a_log(size: int) -> None:
    names = [name for name, _, _ in files_of(size)]
    assert len(names) == len(set(names))
    bundles, level_0 = (size + 255) // 256, (size + 255) // 256
    level_1, level_2 = (size // 256 + 255) // 256, (size // 65_536 + 255) // 256
    assert len(names) == bundles + level_0 + level_1 + level_2 == count_of(size)


def test_a_size_that_nobody_has_costs_nothing() -> None:
    assert count_of(2**62) > 2**55
