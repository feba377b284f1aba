"""`xdsnode audit recover`: what an operator does after entries of the audit log were really lost."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from node import control_call
from node.commands import console
from node.configuration.config import Config, load
from node.faults import Exit, misused
from node.lock import exclusive

HELP = """\
After a disk was lost and an older copy of this node was put in its place, the witnesses remember more entries than the
copy has, and the node refuses to start. First make sure that no newer copy exists anywhere: two copies that go on are a
fork, which every peer can prove. Then:

  xdsnode audit recover --dry-run                              who remembers what; nothing is changed
  xdsnode audit recover --reason "disk failed on 3 May, backup of 2 May"

The shard is closed where the copy ends. The log goes on under a new name (…/audit/2026b); its first records commit to
what was kept and state the loss: which entries, who remembers them, the reason and the operator. Tiles that show more
than the database has are kept aside as lost-YEAR: they still prove that the lost entries existed.
"""


def recover(folder: Path, words: Sequence[str]) -> int:
    """Carry the ceremony out, or show what it would do."""
    parser = argparse.ArgumentParser(
        prog="xdsnode audit recover", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reason", default="", help="what happened, in words; it becomes part of the log")
    parser.add_argument("--dry-run", action="store_true", help="only show what is lost and what would be done")
    args = parser.parse_args(words)
    if not args.reason.strip() and not args.dry_run:
        step = "say what happened: --reason TEXT, or look first: --dry-run"
        raise misused("recover.reason", "--reason", "a loss needs its explanation on record", step)
    config = load(folder)
    with exclusive(config.folder):
        return asyncio.run(_recover(config, args.reason.strip(), dry_run=args.dry_run))


async def _recover(config: Config, reason: str, *, dry_run: bool) -> int:
    from node.services import open_services  # noqa: PLC0415  the whole node
    from node.witness.ceremony import assess, carry_out, describe  # noqa: PLC0415

    async with open_services(config, recovering=True) as services:
        loss = await assess(services.witnessing)
        for line in describe(loss):
            console.out(line)
        if dry_run:
            console.note("nothing was changed")
            return Exit.DONE
        operator = control_call.operator_name(os.geteuid())
        origin = await carry_out(services.witnessing, loss, reason=reason, operator=operator)
        console.out(f"done: the log goes on as {origin}; start the node: xdsnode serve")
    return Exit.DONE
