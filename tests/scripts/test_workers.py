"""The workers of the fast run: what the tests of a module share is made once, by the one worker that runs them."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

from scripts.suites.outcome import ROOT
from scripts.suites.unit import WORKERS

MODULE = """
import pathlib
import pytest

@pytest.fixture(scope="module")
def made(request):
    with pathlib.Path(__file__).with_name("made").open("a") as file:
        file.write(request.module.__name__ + "\\n")

@pytest.mark.parametrize("number", range(8))
def test_that_shares(made, number):
    pass
"""


def test_what_a_module_shares_is_made_once(tmp_path: Path) -> None:
    modules = {f"test_{name}" for name in ("one", "two", "three")}
    for name in modules:
        (tmp_path / f"{name}.py").write_text(MODULE)
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_collection_modifyitems\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*WORKERS, "-n", "2", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "24 passed" in done.stdout
    assert Counter((tmp_path / "made").read_text().split()) == dict.fromkeys(modules, 1)
