"""A copy of another community's audit log, its public layer: what `audit reconcile` compares with (audit-ledger 2.10).

Kept and brought up to date in a folder. What was copied before never changes: a checkpoint that contradicts it is put
beside it and told, because the two together prove a fork.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from node.federation.client import PeerClient, PeerFault
from trust.communities import AuditIdentity, Community
from trust.errors import BadSignature
from trust.ledger.checkpoint import Checkpoint, open_checkpoint
from trust.ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash
from trust.ledger.tiles import ENTRIES, WIDTH, count_of, files_of, path, read_bundle

CONTRADICTING: Final = "checkpoint.contradicting"
_MOST_NOTE: Final = 64 * 1024


class LogCopy:
    """One year of one community's log, in a folder of its own. `identity` is what the community was added with."""

    def __init__(
        self, client: PeerClient, community: Community, identity: AuditIdentity, year: str, folder: Path
    ) -> None:
        self._client = client
        self._community = community
        self._base = f"{community.endpoints.get('audit', '').rstrip('/')}/{year}/"
        self._identity = identity
        self._origin = f"{identity.log}/{year}"
        self.folder = folder / year

    async def update(self, progress: Callable[[int, int], None]) -> int:
        """Fetch what is new; the number of entries that the copy has now.

        Raises:
            PeerFault: the community cannot be asked, or gave something else.
            BadSignature: not its signature, or the log is not the one that was copied before.
        """
        key = self._identity.key_of(self._origin)
        if key is None or not self._community.endpoints.get("audit"):
            raise PeerFault("gives nobody its audit log", self._origin)
        note = await self._get("checkpoint", _MOST_NOTE)
        statement = open_checkpoint(note, key)
        old = self.folder / "checkpoint"
        before = open_checkpoint(old.read_bytes(), key) if old.exists() else Checkpoint(self._origin, 0, EMPTY_ROOT)
        if statement.size < before.size:
            self._refuse(note, f"had {before.size} entries and has {statement.size}")
        files = count_of(statement.size)  # a number that the other side says: nothing of that size is made here
        for count, (name, full, most) in enumerate(files_of(statement.size)):
            if not (self.folder / name).exists() and not (self.folder / full).exists():
                progress(count, files)
                await self._fetch(name, full, most)
        then, found = await asyncio.to_thread(self._roots, before.size, statement.size)
        if then != before.root:
            self._refuse(note, f"no longer begins with the {before.size} entries that were copied before")
        if found != statement.root:
            self._refuse(note, f"gives {statement.size} entries that are not those which it signed")
        self._write("vkey", key.render().encode() + b"\n")
        self._write("checkpoint", note)
        return statement.size

    async def _fetch(self, name: str, full: str, most: int) -> None:
        """A tile; when the log has grown meanwhile, the full one has taken the place of a partial one."""
        try:
            self._write(name, await self._get(name, most))
        except PeerFault:
            if name == full:
                raise
            self._write(full, await self._get(full, most))

    async def _get(self, name: str, most: int) -> bytes:
        status, _, body = await self._client.plain(self._community, "GET", self._base + name, most=most)
        if status != 200:
            raise PeerFault("gave no file of its audit log", f"HTTP status {status} for {name}")
        return body

    def _write(self, name: str, data: bytes) -> None:
        target = self.folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        part.write_bytes(data)
        os.replace(part, target)  # noqa: PTH105  one step

    def _refuse(self, note: bytes, what: str) -> None:
        self._write(CONTRADICTING, note)
        raise BadSignature(f"{self._origin} {what}; keep {self.folder}, with both checkpoints")

    def _roots(self, old: int, size: int) -> tuple[bytes, bytes]:
        """The roots that the first `old` and the first `size` of the copied entries give."""
        frontier, then = Frontier(), EMPTY_ROOT
        for number in range((size + WIDTH - 1) // WIDTH):
            width = min(WIDTH, size - number * WIDTH)
            exact = self.folder / path(ENTRIES, number, width)
            try:
                entries = read_bundle((exact if exact.exists() else self.folder / path(ENTRIES, number)).read_bytes())
            except ValueError:
                entries = []
            for entry in entries[:width]:
                frontier.append(leaf_hash(entry))
                then = frontier.root() if frontier.size == old else then
        return then, frontier.root()
