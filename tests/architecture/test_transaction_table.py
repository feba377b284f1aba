"""One table of transactions, complete: a row for each module in node/iti and a module for each row; README is fresh."""

from __future__ import annotations

import inspect
import re

import pytest

from node.bindings import Transaction
from node.transactions import BY_PATH, TRANSACTIONS
from scripts import describe_transactions
from tests.architecture.sources import ROOT
from trust.identity.caller import Role

# Of each message, as the standard has it: what its action begins with, and its answer's action after that of the request.
ANSWERS = {
    "urn:ihe:iti:": "Response",
    "urn:hl7-org:v3:": None,  # the name of an interaction
    "http://docs.oasis-open.org/wsn/bw-2/": None,  # …Request and …Response
}

each_row = pytest.mark.parametrize("row", TRANSACTIONS, ids=lambda row: row.binding.path[1:])


def _module(row: Transaction) -> str:
    return inspect.getmodule(row.handle).__name__


def test_every_module_has_a_row_and_every_row_a_module() -> None:
    modules = {f"node.iti.{path.stem}" for path in (ROOT / "node" / "iti").glob("iti*.py")}
    assert modules == {_module(row) for row in TRANSACTIONS}


@each_row
def test_the_handler_is_named_after_the_transaction(row: Transaction) -> None:
    number = row.id.removeprefix("ITI-")
    assert _module(row) == f"node.iti.iti{number}_{row.handle.__name__}"
    if row.binding.path == "/iti-41-xdr":  # the same transaction to another actor
        return
    words = re.sub(r"-b$", "", row.name).lower().replace(" ", "_").replace("-", "_")
    assert row.handle.__name__ == words
    assert row.spec == f"ITI TF-2: 3.{number}"


@each_row
def test_a_row_says_everything_that_others_read(row: Transaction) -> None:
    assert row.binding.path in (f"/{row.id.lower()}", f"/{row.id.lower()}-gateway", "/iti-41-xdr")
    assert row.binding.path.endswith("-gateway") <= (row.roles == {Role.PEER})
    for operation in row.binding.operations():
        (begin,) = (begin for begin in ANSWERS if operation.action.startswith(begin))
        ending = ANSWERS[begin]
        if row.id == "ITI-61":  # its answer has no "Entry" in its name
            assert operation.response_action == operation.action.removesuffix("Entry") + "Response"
            continue
        assert ending is None or operation.response_action == operation.action + ending
    assert row.roles
    assert row.audit.event
    assert row.error in ("XDSRegistryError", "XDSRepositoryError")


def test_rows_do_not_shadow_each_other() -> None:
    assert len(BY_PATH) == len(TRANSACTIONS) == len({(row.id, row.roles) for row in TRANSACTIONS})
    for row in TRANSACTIONS:
        operations = row.binding.operations()
        assert len(operations) == len({one.action for one in operations})


def test_the_readme_shows_the_table_as_it_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert describe_transactions.refreshed(text) == text, "run: python scripts/describe_transactions.py --write"
