"""Key files: made once, read only when nobody else can read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trust.errors import LedgerBroken
from trust.ledger.keys import create_key, load_keys, read_key


def test_a_key_is_made_once_and_readable_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "ledger.key"
    create_key(path)
    assert path.stat().st_mode & 0o777 == 0o400
    key = read_key(path)
    with pytest.raises(FileExistsError):
        create_key(path)
    assert read_key(path) == key
    create_key(tmp_path / "subject.key")
    keys = load_keys(path, tmp_path / "subject.key")
    assert keys.seed == key
    assert keys.seed != keys.subject_master
    assert key.hex() not in repr(keys), "keys do not get into logs"


@pytest.mark.parametrize("text", ["", "abc", "00" * 31, "00" * 33, "zz" * 32])
def test_anything_else_is_no_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ledger.key"
    path.write_text(text, encoding="ascii")
    path.chmod(0o400)
    with pytest.raises(LedgerBroken, match="does not hold a key"):
        read_key(path)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ledger.key"
    create_key(path)
    path.chmod(mode)
    with pytest.raises(LedgerBroken, match="chmod"):
        read_key(path)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerBroken, match=r"ledger\.key cannot be read"):
        read_key(tmp_path / "ledger.key")
