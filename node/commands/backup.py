"""Save database, documents and audit log as one consistent set, while the node runs or not.

FILE is written whole or not at all and never overwrites. It holds patients' data in clear (documents are encrypted,
their metadata is not): keep it as safe as the node. Private keys are left out, because whoever has both can read
everything; keep a copy of the keys folder elsewhere, or add them under a passphrase with --with-keys.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from node.amounts import size
from node.backup import backups
from node.backup.archive import files
from node.commands import console, passphrase
from node.commands.environment import now
from node.commands.options import add_dir, root
from node.configuration.config import load
from node.faults import Exit

EXAMPLES = """\
examples:
  xdsnode backup --dir /srv/node /backup/node-2026-03-01.tar
  xdsnode backup --dir /srv/node --with-keys /safe/node-with-keys.tar
  xdsnode restore --dir /srv/drill /backup/node-2026-03-01.tar      try it out, at least once a year
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and whether keys go with it."""
    add_dir(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup to make")
    parser.add_argument("--with-keys", action="store_true", help="add the private keys, under a passphrase")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="read the passphrase from here")


def run(args: argparse.Namespace) -> int:
    """Make the backup."""
    config = load(root(args))
    secret = passphrase.read(args.passphrase_file, new=True) if args.with_keys else None
    total = sum(path.stat().st_size for _, path in files(config.folder.data))
    with console.Progress("saved", total, "bytes") as progress:
        saved = backups.create(
            config, args.file, now=f"{now():%Y-%m-%dT%H:%M:%SZ}", passphrase=secret, advance=progress.advance
        )
    console.out(str(args.file))
    console.note(f"{saved.documents} documents ({size(saved.octets)}), database and audit log of {saved.node}")
    if not saved.keys:
        console.note(f"the keys are not in it: keep a copy of {config.folder.keys} in another safe place")
    return Exit.DONE
