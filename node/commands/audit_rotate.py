"""`xdsnode audit rotate-key`: another key for the audit log, planned or because somebody else may have the old one."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from node import control_call
from node.commands import console
from node.commands.options import add_dir
from node.configuration.config import Config, load
from node.faults import Exit, misused, refused
from node.lock import exclusive

if TYPE_CHECKING:
    from node.services import Services

_HELP = """\
Gives the audit log another signing key. The log ends under the old key with a record that names the new one, and goes
on under a new name (.../audit/2026b) whose first records commit to everything before. Both parts verify; nothing is
signed again. The node must be stopped. Afterwards every connected institution needs the new description of this node:

  xdsnode endpoints --export > here.json          here
  xdsnode peer add here.json --replace            there, comparing the fingerprint

Until then they report this node's receipts as not valid, and witnesses do not sign.

When somebody else may have the old key: --compromised. The log then says that what the old key signs after its final
checkpoint is not this node's. Tell the other institutions by telephone: until they have the new description they
believe what a thief signs, and cannot know better; `check` reminds of it for 30 days. Look after backups, which hold
the key too.

  xdsnode audit rotate-key --dry-run
  xdsnode audit rotate-key --reason "yearly change"
  xdsnode audit rotate-key --reason "laptop with a backup stolen on 3 May" --compromised
"""


def run(folder: Path, words: Sequence[str]) -> int:
    """Change the key, or show what would be done."""
    parser = argparse.ArgumentParser(
        prog="xdsnode audit rotate-key", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_dir(parser)
    parser.add_argument("--reason", default="", help="why, in words; it becomes part of the log")
    parser.add_argument("--compromised", action="store_true", help="somebody else may have the old key")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")
    args = parser.parse_args(words)
    if not args.reason.strip() and not args.dry_run:
        cause = "a change of key is on record for ever and needs its reason"
        raise misused("audit.rotate", "--reason", cause, "say why: --reason TEXT, or look first: --dry-run")
    config = load(folder)
    with exclusive(config.folder):
        if args.dry_run:
            return asyncio.run(_show(config))
        return asyncio.run(_rotate(config, args.reason.strip(), compromised=args.compromised))


async def _show(config: Config) -> int:
    from node.services import open_services  # noqa: PLC0415  the whole node

    async with open_services(config) as services:
        now, following = _names(services)
        console.out(f"{now} ends here; the log goes on as {following} with a new key")
    console.note("nothing was changed")
    return Exit.DONE


def _names(services: Services) -> tuple[str, str]:
    from trust.ledger.numbering import successor  # noqa: PLC0415
    from trust.ledger.shard import origin_of  # noqa: PLC0415

    head = services.sequencer.head
    if head is None:
        cause = "this log has no entry yet"
        raise refused("audit.rotate", str(services.config.folder.database), cause, "xdsnode serve begins it")
    return head.origin, origin_of(services.config.log_node, successor(head.shard))


async def _rotate(config: Config, reason: str, *, compromised: bool) -> int:
    from node.records import instant  # noqa: PLC0415
    from node.rotation import key_of, statement  # noqa: PLC0415
    from node.services import open_services  # noqa: PLC0415
    from trust.ledger.keys import create_key  # noqa: PLC0415
    from trust.ledger.numbering import successor  # noqa: PLC0415

    fresh = config.folder.next_ledger_key
    async with open_services(config) as services:
        # Only now: what an earlier attempt left may just have come into force.
        fresh.unlink(missing_ok=True)
        create_key(fresh)
        _, origin = _names(services)
        record = statement(
            instant(services.clock()),
            origin=origin,
            vkey=key_of(fresh, origin).render(),
            reason=reason,
            operator=control_call.operator_name(os.geteuid()),
            stolen=compromised,
        )
        await services.sequencer.record([record])
        head, final = services.sequencer.head, services.sequencer.checkpoint
    assert head is not None  # noqa: S101  a record was just added
    async with open_services(config, recovering=True, ledger_key=fresh) as services:
        await services.sequencer.start(successor(head.shard), closed=final)
        await services.sequencer.record([record])
    fresh.replace(config.folder.ledger_key)
    console.out(f"done: the log goes on as {origin}")
    console.note("give every connected institution the new description: xdsnode endpoints --export")
    return Exit.DONE
