"""The key file of the document store."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from repository.errors import BadBlobKey
from repository.store.keys import BlobKeys, create_key_file


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "blob.key"
    create_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    keys = BlobKeys.read(path)
    assert keys == BlobKeys.read(path)
    assert len({keys.wrap, keys.name, keys.id}) == 3
    with pytest.raises(FileExistsError):
        create_key_file(path)
    assert BlobKeys.read(path) == keys


def test_two_key_files_differ(tmp_path: Path) -> None:
    for name in ("a", "b"):
        create_key_file(tmp_path / name)
    assert BlobKeys.read(tmp_path / "a") != BlobKeys.read(tmp_path / "b")


def test_derivation_does_not_change() -> None:
    keys = BlobKeys.derive(bytes(range(32)))
    assert keys.id.hex() == "d0db331ad023c701"
    assert keys.name.hex()[:16] == "fc4fc54cbd663d10"
    assert keys.wrap.hex()[:16] == "79403c3a2ba4563c"


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "é" * 32])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "blob.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o400)
    with pytest.raises(BadBlobKey):
        BlobKeys.read(path)


def test_an_absent_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadBlobKey, match="restore the key"):
        BlobKeys.read(tmp_path / "none")


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o420])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "blob.key"
    create_key_file(path)
    path.chmod(mode)
    with pytest.raises(BadBlobKey, match="chmod 0400"):
        BlobKeys.read(path)
