"""A command imports only what it uses: most of the time that a short one takes is that of its imports.

SQLAlchemy and Alembic are for a database that is really migrated; aiohttp is for the server and the calls to peers.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from node.cli import COMMANDS
from tests.architecture.sources import ROOT

SCHEMA = {"sqlalchemy", "alembic"}
SERVER = SCHEMA | {"aiohttp", "prometheus_client"}
EVERYTHING = SERVER | {"lxml", "cryptography", "asyncio"}
ASKING = ("status", "endpoints", "patient", "document", "client", "peer", "doctor", "audit", "find", "submit", "fetch")

CASES = {
    "a command that asks the running node": ([f"node.commands.{name}" for name in ASKING], EVERYTHING),
    "find": (["node.client.documents", "node.client.listing"], SERVER | {"asyncio"}),
    "fetch": (["node.client.fetcher", "node.client.session"], SERVER | {"asyncio"}),
    "submit": (["node.client.submitter", "node.client.report", "node.configuration.vocabulary"], SERVER | {"asyncio"}),
    "the help of any command": ([f"node.commands.{command.module}" for command in COMMANDS], SCHEMA | {"aiohttp"}),
    "a command that works without a running node": (["node.operations", "node.services"], SCHEMA),
    "serve": (["node.serving"], SCHEMA),
}


def loaded(program: str) -> set[str]:
    """The top-level packages that a program has loaded when it ends."""
    program += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-P", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", CASES)
def test_only_what_is_used_is_imported(name: str) -> None:
    modules, banned = CASES[name]
    assert loaded("; ".join(f"import {module}" for module in modules)) & banned == set()


def test_what_is_looked_for_can_be_found() -> None:
    assert loaded("import alembic.command, aiohttp, lxml, cryptography, prometheus_client") >= EVERYTHING
