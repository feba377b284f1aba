"""The format of a blob: what goes in comes out, and nothing that was changed does (interfaces: Blobs)."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.errors import BlobDamaged
from repository.store.encryption import (
    FRAME_SIZE,
    HEADER_SIZE,
    TAG_SIZE,
    FileKey,
    FrameWriter,
    blob_name,
    frame_count,
    open_header,
    read_frames,
    seal_header,
    sealed_size,
)
from repository.store.keys import BlobKeys
from repository.store.reader import BlobReader

KEYS = BlobKeys.derive(b"k" * 32)


def key_of(frame_size: int = FRAME_SIZE) -> FileKey:
    return FileKey(data=os.urandom(32), id=os.urandom(16), frame_size=frame_size)


def sealed(content: bytes, folder: Path, *, frame_size: int = FRAME_SIZE, keys: BlobKeys = KEYS) -> tuple[Path, str]:
    """A blob file as the store writes it, with frames as short as wanted."""
    key = key_of(frame_size)
    name = blob_name(keys, hashlib.sha256(content).digest())
    path = folder / f"{os.urandom(4).hex()}"
    with path.open("wb", buffering=0) as file:
        file.write(bytes(HEADER_SIZE))
        writer = FrameWriter(key, file.fileno())
        writer.write(content)
        digest = writer.finish()
        file.seek(0)
        file.write(seal_header(keys, key, name, digest.size))
    return path, name


def read(path: Path, name: str, keys: BlobKeys = KEYS) -> bytes:
    return b"".join(BlobReader.open(path, name, keys).frames())


@given(st.data(), st.integers(1, 70), st.binary(max_size=700))
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, frame_size: int, content: bytes
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8)))
    chunks = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    key = key_of(frame_size)
    with (tmp_path_factory.getbasetemp() / "frames").open("w+b", buffering=0) as file:
        writer = FrameWriter(key, file.fileno())
        for chunk in chunks:
            writer.write(chunk)
        digest = writer.finish()
        assert (digest.size, digest.sha1, digest.sha256) == (
            len(content),
            hashlib.sha1(content).hexdigest(),
            hashlib.sha256(content).digest(),
        )
        assert os.fstat(file.fileno()).st_size == sealed_size(len(content), frame_size)
        frames = list(read_frames(key, len(content), file.fileno(), 0, "x"))
        assert len(frames) == frame_count(len(content), frame_size)
        assert b"".join(frames) == content
        assert all(len(frame) == frame_size for frame in frames[:-1])


@pytest.mark.parametrize("size", [0, 1, FRAME_SIZE - 1, FRAME_SIZE, FRAME_SIZE + 1, 2 * FRAME_SIZE, 2 * FRAME_SIZE + 1])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_sizes_around_the_frame(tmp_path: Path, size: int, kind: type) -> None:
    content = os.urandom(size)
    path, name = sealed(kind(content), tmp_path)
    assert read(path, name) == content


def test_the_name_is_a_keyed_hash_of_the_content() -> None:
    content = hashlib.sha256(b"content").digest()
    assert blob_name(KEYS, content) == hmac.new(KEYS.name, content, "sha256").hexdigest()
    assert blob_name(BlobKeys.derive(b"j" * 32), content) != blob_name(KEYS, content)


def test_the_file_holds_nothing_of_the_content(tmp_path: Path) -> None:
    content = b"a very secret diagnosis " * 40
    path, _ = sealed(content, tmp_path)
    raw = path.read_bytes()
    assert b"secret" not in raw
    assert hashlib.sha256(content).digest() not in raw
    assert sealed(content, tmp_path)[0].read_bytes()[HEADER_SIZE:] != raw[HEADER_SIZE:], "keys are never used twice"


@pytest.mark.parametrize("content", [b"", b"0123456789" * 5], ids=["empty", "four frames"])
def test_every_single_bit_that_flips_is_found(tmp_path: Path, content: bytes) -> None:
    path, name = sealed(content, tmp_path, frame_size=16)
    good = path.read_bytes()
    assert len(good) == HEADER_SIZE + sealed_size(len(content), 16)
    found = 0
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        given_out = b""
        try:
            for frame in BlobReader.open(path, name, KEYS).frames():
                given_out += frame
        except BlobDamaged:
            found += 1
        assert content.startswith(given_out), "a damaged frame was given out"
    assert found == len(good) * 8


def test_every_truncation_is_found_before_the_first_byte(tmp_path: Path) -> None:
    path, name = sealed(b"x" * 50, tmp_path, frame_size=16)
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        with pytest.raises(BlobDamaged):
            BlobReader.open(path, name, KEYS)


@pytest.mark.parametrize("tail", [b"\0", b"x" * 16, b"x" * 32], ids=["an octet", "a tag", "a frame"])
def test_what_is_appended_is_found(tmp_path: Path, tail: bytes) -> None:
    path, name = sealed(b"x" * 48, tmp_path, frame_size=16)
    path.write_bytes(path.read_bytes() + tail)
    with pytest.raises(BlobDamaged):
        BlobReader.open(path, name, KEYS)


def frames_of(raw: bytes, frame_size: int) -> tuple[bytes, list[bytes]]:
    step = frame_size + TAG_SIZE
    return raw[:HEADER_SIZE], [raw[at : at + step] for at in range(HEADER_SIZE, len(raw), step)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda frames: [frames[1], frames[0], *frames[2:]], id="two frames swapped"),
        pytest.param(lambda frames: [frames[0], frames[0], *frames[2:]], id="a frame repeated"),
        pytest.param(lambda frames: [*frames[:-1], frames[0]], id="another frame at the end"),
        pytest.param(lambda frames: [frames[-1], *frames[1:]], id="the last frame at the beginning"),
    ],
)
def test_frames_in_another_order_are_found(tmp_path: Path, change) -> None:
    path, name = sealed(os.urandom(64), tmp_path, frame_size=16)
    header, frames = frames_of(path.read_bytes(), 16)
    path.write_bytes(header + b"".join(change(frames)))
    with pytest.raises(BlobDamaged):
        BlobReader.open(path, name, KEYS).verify()


def test_frames_and_headers_of_another_file_are_found_even_of_equal_content(tmp_path: Path) -> None:
    content = os.urandom(64)
    one, name = sealed(content, tmp_path, frame_size=16)
    two, same_name = sealed(content, tmp_path, frame_size=16)
    assert name == same_name
    (header, frames), (other_header, other_frames) = (frames_of(path.read_bytes(), 16) for path in (one, two))
    for index in range(len(frames)):
        one.write_bytes(header + b"".join([*frames[:index], other_frames[index], *frames[index + 1 :]]))
        with pytest.raises(BlobDamaged, match=f"frame {index} "):
            read(one, name)
    one.write_bytes(other_header + b"".join(frames))
    with pytest.raises(BlobDamaged):
        read(one, name)
    one.write_bytes(other_header + b"".join(other_frames))
    assert read(one, name) == content


def test_a_whole_file_in_the_place_of_another_is_found(tmp_path: Path) -> None:
    one, name = sealed(b"one", tmp_path)
    two, _ = sealed(b"two", tmp_path)
    two.replace(one)
    with pytest.raises(BlobDamaged, match="header"):
        BlobReader.open(one, name, KEYS)


def test_another_node_key_opens_nothing_and_says_so(tmp_path: Path) -> None:
    path, name = sealed(b"content", tmp_path)
    with pytest.raises(BlobDamaged, match="another node key"):
        BlobReader.open(path, name, BlobKeys.derive(b"o" * 32))


def test_a_header_fits_one_name_only() -> None:
    key, name = key_of(), blob_name(KEYS, b"1" * 32)
    header = seal_header(KEYS, key, name, 5)
    assert open_header(KEYS, name, header) == (key, 5)
    with pytest.raises(BlobDamaged):
        open_header(KEYS, blob_name(KEYS, b"2" * 32), header)


def test_a_key_is_not_shown() -> None:
    key = key_of()
    assert repr(key.data) not in repr(key)
    assert repr(KEYS.wrap) not in repr(KEYS)
    assert repr(KEYS.name) not in repr(KEYS)
