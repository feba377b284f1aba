"""A process that writes to a ledger from twenty tasks and says what was acknowledged, until it is killed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from pathlib import Path

from tests.trust.ledger.ledgers import Place, local


async def main(root: Path, cycle: str) -> None:
    place = Place(root)
    async with place.running() as ledger:

        async def write(task: int) -> None:
            number = 0
            while True:
                name = f"{cycle}-{task}-{number}"

                def work(connection: sqlite3.Connection, name: str = name):
                    connection.execute("INSERT INTO thing VALUES (?, '')", (name,))
                    return None, [local(name)]

                _, proof = await ledger.transact(work)
                os.write(1, f"{proof.index} {name}\n".encode())
                number += 1

        await asyncio.gather(*(write(task) for task in range(20)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
