"""Make a node: its folder, keys, certificate or certificate request, and configuration.

Without --dev: give the request to your certificate authority, then follow what `xdsnode check` says. With --dev: a
development CA makes the certificate at once, any well-formed code is accepted, patients can be fed over plain MLLP on
this machine; such a node listens on loopback only and is never for real patients.
"""

from __future__ import annotations

import argparse
import getpass
import re
import sys
from pathlib import Path

from node import making
from node.commands import console
from node.commands.environment import new_uuid, now
from node.commands.execution import execute
from node.commands.options import add_dir, root
from node.configuration.config import FILE
from node.faults import Exit, misused

EXAMPLES = """\
examples:
  xdsnode init --dir /srv/node --name "St. Mary Hospital" --host node.stmary.example
  xdsnode init --dir /srv/node --name "St. Mary Hospital" --host node.stmary.example --authority 2.999.1
      --authority when institutions share patient numbers: all of them give the same OID
  xdsnode init --dir /tmp/a --name A --dev --port-base 18000 --ca /tmp/ca
  xdsnode init --dir /tmp/b --name B --dev --port-base 18010 --ca /tmp/ca
      two development nodes that trust the same CA
  xdsnode init --dir /srv/node --service > /etc/systemd/system/xdsnode.service
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything that is decided once."""
    add_dir(parser)
    parser.add_argument("--name", metavar="N", help="name of the institution, shown to people everywhere")
    parser.add_argument("--host", default="localhost", metavar="H", help="name under which others reach the node")
    parser.add_argument("--port-base", type=int, default=8000, metavar="P", help="first of ten ports; default 8000")
    parser.add_argument("--authority", default="", metavar="OID", help="assigning authority of patient numbers")
    parser.add_argument("--home", default="", metavar="OID", help="homeCommunityId, when one was assigned to you")
    parser.add_argument(
        "--public-url", default="", metavar="URL", help="https://host:port, when others use another one"
    )
    parser.add_argument(
        "--ca", type=Path, metavar="DIR", help="with --dev: folder of the development CA; made when new"
    )
    parser.add_argument(
        "--permit",
        action="append",
        default=[],
        metavar="HOST",
        help="host or network (10.1.0.0/16) of other nodes that is private; may be repeated",
    )
    parser.add_argument("--dev", action="store_true", help="a development node")
    parser.add_argument("--service", action="store_true", help="print a systemd unit that runs the node")


def run(args: argparse.Namespace) -> int:
    """Make the node, print what to do next."""
    if args.service and not args.name:
        console.raw(_unit(root(args)))
        return Exit.DONE
    if not args.name:
        raise misused("usage", "--name", "the institution has no name", 'give one: --name "St. Mary Hospital"')
    if args.ca and not args.dev:
        step = "leave --ca out; without --dev your certificate authority signs the request that init makes"
        raise misused("usage", "--ca", "only a development node makes its own CA", step)
    made = making.make(
        making.Wanted(
            root=root(args),
            name=args.name,
            host=args.host,
            port_base=args.port_base,
            authority=args.authority,
            home=args.home,
            public_url=args.public_url,
            ca=args.ca,
            development=args.dev,
            permitted=tuple(args.permit),
        ),
        now=now(),
        new_uuid=new_uuid,
    )
    try:
        execute(made.config, "init", {"name": made.client_name, "certificate": made.client_pem})
    except BaseException:
        making.undo(made.config)
        raise
    if args.service:
        console.raw(_unit(made.config.root))
    _tell(made, development=args.dev)
    return Exit.DONE


def _tell(made: making.Made, *, development: bool) -> None:
    config = made.config
    folder = config.folder
    console.note(f"made {config.node.name} in {config.root}")
    console.note(f"  homeCommunityId      {config.node.home_community_id}")
    console.note(f"  assigning authority  {config.node.assigning_authority}")
    console.note(
        f"  ports                {config.port('https')} (HTTPS), {config.port('management')} (state, this machine)"
    )
    for step in made.steps:
        console.note(f"  {step}")
    console.note("next:")
    if not development:
        console.note(f"  begin a federation: xdsnode federation create NAME --dir {config.root}")
        console.note(f"  or join one: xdsnode federation join INVITATION --dir {config.root}")
        console.note(
            f"  with a certificate authority of your own: give it {folder.tls_request}, then join --certificate FILE;"
            " without a federation: xdsnode check says where its certificate belongs"
        )
    console.note(f"  xdsnode serve --dir {config.root}")


def _unit(folder: Path) -> str:
    """A systemd unit with no more rights than the node needs."""
    command = Path(sys.argv[0]).absolute()
    if command.name != "xdsnode":
        command = Path(sys.executable).with_name("xdsnode")
    if re.search(r"\s", f"{command}{folder}"):
        raise misused("init.service", str(folder), "systemd cannot run a path with blanks", "use a path without blanks")
    place = folder if (folder / FILE).exists() else folder.absolute()
    return f"""\
[Unit]
Description=xdsnode: shares clinical documents (IHE XDS.b, XCA)
After=network-online.target time-sync.target
Wants=network-online.target

[Service]
ExecStart={command} serve --dir {place}
User={getpass.getuser()}
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
LimitCORE=0
LimitNOFILE=65536
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={place}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""
