"""Run the node until it is told to stop.

SIGTERM or SIGINT (Ctrl-C) stop it: requests under way are answered, new ones are refused, the audit log is closed. The
log goes to the error output, one JSON object a line; [log] in node.toml changes that.
"""

from __future__ import annotations

import argparse
import asyncio

from node import logs
from node.commands.options import add_dir, root
from node.configuration.config import load

EXAMPLES = """\
examples:
  xdsnode serve --dir /srv/node
  xdsnode init --dir /srv/node --service      prints a systemd unit that runs it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the folder."""
    add_dir(parser)


def run(args: argparse.Namespace) -> int:
    """Serve; returns when the node has stopped."""
    config = load(root(args))
    logs.configure(config.node.name, config.log.level, config.root / config.log.file if config.log.file else None)
    from node.serving import run as serve  # noqa: PLC0415  the configuration is judged before the whole node is imported

    return asyncio.run(serve(config))
