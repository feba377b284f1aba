"""The public layer of the audit log as files: checkpoints, keys, tiles, and the verifier of them (audit-ledger 2.4).

Nothing here names anybody: an entry is 98 bytes that commit to a record and say its kind. So reading them is not put
on record, which would also make a mirror write as many entries as it reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from node.exchange import Desk
from node.http.resources import BYTES, IMMUTABLE, REVALIDATE, TEXT, Asked, Given, of_file
from trust.ledger import hdn_verify

_VERIFIER: Final = Path(hdn_verify.__file__)


async def checkpoint(asked: Asked, desk: Desk) -> Given:
    """The newest checkpoint of a shard."""
    return of_file(_shard(asked, desk) / "checkpoint", TEXT, cache=REVALIDATE)


async def vkey(asked: Asked, desk: Desk) -> Given:
    """The verification key of a shard; whoever relies on it compares it with one that came another way."""
    return of_file(_shard(asked, desk) / "vkey", TEXT, cache=REVALIDATE)


async def cosigned(asked: Asked, desk: Desk) -> Given:
    """The newest checkpoint that a quorum of witnesses has signed; older than the newest one."""
    return of_file(_shard(asked, desk) / "cosigned", TEXT, cache=REVALIDATE)


async def policy(asked: Asked, desk: Desk) -> Given:
    """Which witnesses this log has, as the node itself says."""
    return of_file(_shard(asked, desk) / "policy", TEXT, cache=REVALIDATE)


async def tile(asked: Asked, desk: Desk) -> Given:
    """A tile or a bundle of entries; it never changes."""
    return of_file(_shard(asked, desk) / "tile" / asked.parameters["tile"], BYTES, cache=IMMUTABLE)


async def verifier(_asked: Asked, _desk: Desk) -> Given:
    """The offline verifier as it is installed here."""
    return of_file(_VERIFIER, "text/x-python; charset=utf-8", cache=REVALIDATE)


def _shard(asked: Asked, desk: Desk) -> Path:
    return desk.audit / asked.parameters["year"]
