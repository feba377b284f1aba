"""Make a node from a backup, verified before anything appears.

The folder must be new or empty. Every file is compared with the backup's manifest and the database is examined; when
one thing is wrong nothing is made. What happened after the backup is lost, and other institutions' audit logs know more
than the restored one: tell them. Never run a restored node beside the one it was made from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from node.amounts import size
from node.backup import backups
from node.commands import console, passphrase
from node.commands.options import add_dir, root
from node.configuration.config import load
from node.faults import Exit, misused

EXAMPLES = """\
examples:
  xdsnode restore --dir /srv/node /backup/node-2026-03-01.tar
      then copy the keys into /srv/node/keys, and: xdsnode check --dir /srv/node
  xdsnode restore --dir /srv/node /safe/node-with-keys.tar
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The backup."""
    add_dir(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="read the passphrase of the keys from here"
    )


def run(args: argparse.Namespace) -> int:
    """Restore and say what is still to be done."""
    place = root(args)
    if not args.file.is_file():
        raise misused("restore.no-file", str(args.file), "there is no such file", "name the backup")
    with console.Progress("read", 0, "bytes") as progress:
        saved = backups.restore(
            args.file,
            place,
            passphrase=lambda: passphrase.read(args.passphrase_file, new=False),
            advance=progress.advance,
        )
    config = load(place)
    console.out(str(place))
    console.note(f"{saved.node} as of {saved.made}: {saved.documents} documents ({size(saved.octets)}),")
    console.note(f"database (schema {saved.schema}) and audit log; every file is what was saved")
    console.note("next:")
    if not saved.keys:
        console.note(f"  copy the keys into {config.folder.keys} (mode 0700, files 0400); they were not in the backup")
    console.note(f"  xdsnode check --dir {place}")
    console.note(f"  xdsnode audit verify --dir {place}")
    console.note("  never start it while the node it was made from still runs: the audit log would fork")
    console.note(
        "  if that node is lost, its witnesses remember more than this backup: xdsnode audit recover --dry-run"
    )
    return Exit.DONE
