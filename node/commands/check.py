"""Look for everything that is missing or wrong, with the next step for each.

OK is good, WARN wants attention before it becomes a fault, FAIL stops the node or part of it. Nothing is changed; the
node may be running or not.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict

from node import health
from node.atna.findings import deliveries
from node.commands import console
from node.commands.environment import now
from node.commands.options import add_dir, add_json, root
from node.configuration.config import load
from node.faults import Exit
from node.health import Level
from node.issuer_findings import issuers
from node.membership.findings import membership
from node.notifications.findings import untold
from node.patients.findings import doubtful_pairs
from node.unregistered import unregistered
from node.witness.findings import witnesses

EXAMPLES = """\
examples:
  xdsnode check --dir /srv/node
  xdsnode check --dir /srv/node --json | jq '.findings[] | select(.level != "OK")'

exit status: 0 without FAIL, 1 with one
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Folder and form of the output."""
    add_dir(parser)
    add_json(parser, "the findings")


def run(args: argparse.Namespace) -> int:
    """Print every finding."""
    config = load(root(args))
    here = (issuers, doubtful_pairs, untold, unregistered, membership, deliveries, witnesses)
    findings = health.examine(config, now(), (*health.FILES, health.connected, *here))
    if args.json:
        console.emit({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            console.out(f"{finding.level:4}  {finding.subject}: {finding.what}")
            if finding.next_step and finding.level is not Level.OK:
                console.out(f"      next: {finding.next_step}")
        counts = Counter(finding.level for finding in findings)
        console.note(", ".join(f"{counts[level]} {level}" for level in Level))
    return Exit.REFUSED if any(finding.level is Level.FAIL for finding in findings) else Exit.DONE
