"""`xdsnode audit copy`: another institution's audit log, its public layer, into a folder of this machine."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from node import database
from node.commands import console
from node.commands.environment import now
from node.commands.options import add_dir
from node.configuration.config import Config, load
from node.faults import Exit, Fault, Faults, refused
from trust.communities import AuditIdentity, Community
from trust.community_store import Communities

_HELP = """\
Copies the entries that another institution's log consists of: 98 bytes each, which name nobody. They are fetched over
the federation's TLS and must give the root that the other node has signed, with the key that it was added with. A copy
that is brought up to date later must continue what was copied before.

  xdsnode audit copy "Clinic South" clinic-log
  xdsnode audit reconcile clinic-log
"""


def run(folder: Path, words: Sequence[str]) -> int:
    """Copy, or bring a copy up to date."""
    parser = argparse.ArgumentParser(
        prog="xdsnode audit copy", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peer", metavar="PEER", help="its homeCommunityId or its name")
    parser.add_argument("target", type=Path, metavar="FOLDER", help="gets a folder for the year")
    parser.add_argument("--year", default="", help="default: this year; a log that went on after a loss has a letter")
    add_dir(parser)
    args = parser.parse_args(words)
    config = load(folder)
    community, identity = _peer(config, args.peer)
    return asyncio.run(_copy(config, community, identity, args.year or f"{now():%Y}", args.target))


def _peer(config: Config, wanted: str) -> tuple[Community, AuditIdentity]:
    connection = database.open_reader(config.folder.database)
    try:
        found = [one for one in Communities(connection).all() if wanted in (one.home, one.name)]
    finally:
        connection.close()
    if len(found) != 1:
        raise refused("peer.unknown", wanted, "no connected institution has this name", "xdsnode peer list")
    if found[0].audit is None:
        cause = "the file it was added with names no audit log"
        raise refused(
            "peer.no-log", found[0].name, cause, "ask for a new export, then: xdsnode peer add FILE --replace"
        )
    return found[0], found[0].audit


async def _copy(config: Config, community: Community, identity: AuditIdentity, year: str, target: Path) -> int:
    from node.federation.client import PeerClient, PeerFault  # noqa: PLC0415  only where a peer is called
    from node.federation.log_copy import LogCopy  # noqa: PLC0415
    from node.federation.resolver import GuardedResolver  # noqa: PLC0415
    from node.soap.limits import MimeLimits  # noqa: PLC0415
    from repository.store.spool import Spool  # noqa: PLC0415
    from trust.errors import BadSignature  # noqa: PLC0415
    from trust.pki.tls import client_context  # noqa: PLC0415

    client = PeerClient(
        lambda peer: client_context(str(config.folder.tls_chain), str(config.folder.tls_key), peer.pins, None),
        Spool(config.folder.spool),
        MimeLimits(),
        lambda: GuardedResolver(development=config.node.development, permitted=config.federation.permitted_hosts),
    )
    copy = LogCopy(client, community, identity, year, target)
    await client.start()
    try:
        size = await copy.update(lambda done, of: console.note(f"{done} of {of} files") if done % 200 == 0 else None)
    except PeerFault as fault:
        step = f'xdsnode peer test "{community.name}" says where it fails'
        raise Faults([Fault("peer.log", community.name, str(fault), step)], Exit.UNREACHABLE) from None
    except BadSignature as problem:
        step = "keep the folder; show both checkpoints to the other institution: xdsnode audit fork"
        raise refused("peer.log-contradicts", str(copy.folder), str(problem), step) from None
    finally:
        await client.stop()
    console.out(f"{copy.folder}  {size} entries of {identity.log}/{year}")
    return Exit.DONE
