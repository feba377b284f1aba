"""Addresses and identifiers that others need to connect.

Works whether or not the node runs. `--export` writes what the administrator of another institution gives to
`xdsnode peer add`: identifiers, addresses and the certificate, never a key.
"""

from __future__ import annotations

import argparse
from typing import Any

from node.commands import console
from node.commands.options import add_dir, root
from node.configuration.config import Config, load
from node.faults import Exit
from node.paths import PATHS

EXAMPLES = """\
examples:
  xdsnode endpoints --dir /srv/node
  xdsnode endpoints --dir /srv/node --json
  xdsnode endpoints --dir /srv/node --export > hospital-north.json
      send this file to the other institution, and read the fingerprint to them on the telephone
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Folder and form of the output."""
    add_dir(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object for programs and nothing else")
    form.add_argument("--export", action="store_true", help="what `peer add` of another node takes")


def run(args: argparse.Namespace) -> int:
    """Print the description in the wanted form."""
    config = load(root(args))
    if args.export:
        from node.administration.exports import own_export  # noqa: PLC0415

        console.raw(own_export(config, endpoint_urls(config)))
        return Exit.DONE
    found = describe(config)
    if args.json:
        console.emit(found)
    else:
        _print(config, found)
    return Exit.DONE


def endpoint_urls(config: Config) -> dict[str, str]:
    """Absolute URL of each transaction, by its key (`iti-18`)."""
    return {key: config.base_url + path for key, path in sorted(PATHS.items())}


def describe(config: Config) -> dict[str, Any]:
    """What `endpoints --json` prints (interfaces: Command line)."""
    folder = config.folder
    found: dict[str, Any] = {
        "name": config.node.name,
        "home_community_id": config.node.home_community_id,
        "repository_unique_id": config.node.repository_unique_id,
        "assigning_authority": config.node.assigning_authority,
        "tls": {
            "ca": str(folder.trust),
            "client_cert": str(folder.client_cert),
            "client_key": str(folder.client_key),
        },
        "endpoints": {**endpoint_urls(config), "web": config.web_url + "/"},
        "management": f"http://127.0.0.1:{config.port('management')}",
    }
    if config.mllp.listener != "off":
        found["mllp"] = f"{config.node.listen or config.node.host}:{config.port('mllp')}"
    return found


def _print(config: Config, found: dict[str, Any]) -> None:
    console.out(f"institution           {found['name']}")
    console.out(f"homeCommunityId       {found['home_community_id']}")
    console.out(f"repositoryUniqueId    {found['repository_unique_id']}")
    console.out(f"assigning authority   {found['assigning_authority']}")
    for key, url in found["endpoints"].items():
        console.out(f"{key:21} {url}")
    if "mllp" in found:
        console.out(f"patient feed (HL7 v2) {found['mllp']} ({config.mllp.listener})")
    console.out(f"state and metrics     {found['management']}/ready, /live, /metrics (this machine only)")
