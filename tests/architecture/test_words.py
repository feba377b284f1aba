"""What has no place in the project's files: paths of one machine, registry hosts, secrets, notes about the work itself."""

from __future__ import annotations

import re

from tests.architecture.sources import ROOT, kept_files, name_of

_HERE = "tests/architecture/test_words.py"
MACHINE = re.compile(r"(?<![\w.])/(work|home|root|Users|mnt|opt/[a-z]+venv)/[\w.]")
HOST = re.compile(
    r"--(extra-)?index-url|--find-links|--trusted-host|https?://[^\s\"']*(pypi|pythonhosted|/simple/)", re.IGNORECASE
)
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=]{20}")
UNFINISHED = re.compile(r"\b(TODO|FIXME|HACK)\b")


def _lines(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in kept_files():
        if name_of(path) == _HERE or path.suffix in (".lock", ".pdf", ".db"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name_of(path)}: {match[0]}" for match in pattern.finditer(text)]
    return found


def test_no_path_of_a_machine() -> None:
    assert _lines(MACHINE) == []


def test_no_registry_host() -> None:
    assert _lines(HOST) == []
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not HOST.search(lock)
    assert "://" not in lock


def test_every_locked_package_has_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    packages = re.findall(r"^([\w.\-\[\]]+==\S+)(.*(?:\n    .*)*)", lock, re.MULTILINE)
    assert len(packages) > 20
    assert [name for name, rest in packages if "--hash=sha256:" not in rest] == []


def test_no_private_key() -> None:
    assert _lines(SECRET) == []


def test_nothing_is_left_as_unfinished() -> None:
    assert _lines(UNFINISHED) == []
