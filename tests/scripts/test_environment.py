"""scripts/env.sh: what is missing is named with the package to install, status 2; nothing is done twice."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "cat", "dirname", "env", "flock", "pwd", "rm", "sh")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what env.sh reads, and a script that sources it."""
    folder = tmp_path / "checkout"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "env.sh", folder / "scripts")
    (folder / "requirements.lock").write_text("")
    (folder / "pyproject.toml").write_text("")
    script = folder / "scripts" / "run"
    script.write_text('set -euo pipefail\nsource "$(dirname "${BASH_SOURCE[0]}")/env.sh"\necho "went on with $PY"\n')
    return folder


def run(checkout: Path, python: str | None) -> subprocess.CompletedProcess[str]:
    """Run the script where `python` (a shell script) is the only python3 there is."""
    tools = checkout.parent / "bin"
    tools.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    if python is not None:
        (tools / "python3").write_text(f"#!{shutil.which('sh')}\n{python}\n")
        (tools / "python3").chmod(0o755)
    environment = {"PATH": str(tools), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [str(tools / "bash"), str(checkout / "scripts" / "run")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("python", "named"),
    [
        pytest.param(None, "apt-get install python3 python3-venv", id="no python3"),
        pytest.param("exit 1", "apt-get install python3 python3-venv", id="python3 is too old"),
        pytest.param(
            'case "$2" in *ensurepip*) exit 1;; *print*) echo 3.11;; esac; exit 0',
            "apt-get install python3.11-venv",
            id="no venv module",
        ),
    ],
)
def test_what_is_missing_is_named(checkout: Path, python: str | None, named: str) -> None:
    done = run(checkout, python)
    assert done.returncode == 2
    assert named in done.stderr
    assert "went on" not in done.stdout


def test_an_environment_that_is_up_to_date_is_used(checkout: Path) -> None:
    for name in ("python", "xdsnode"):
        path = checkout / ".venv" / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{shutil.which('sh')}\nexit 0\n")
        path.chmod(0o755)
    (checkout / ".venv" / ".lock-stamp").write_text("same\n")
    (checkout / ".venv" / ".project-stamp").write_text("same\n")
    done = run(checkout, 'case "$1" in -) echo same;; esac; exit 0')
    assert done.returncode == 0
    assert done.stdout.startswith("went on with ")
    assert done.stderr == ""
