"""What several tests of the document store look at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repository.store.blobs import BlobStore


def folder_of(store: BlobStore) -> Path:
    """The store's folder."""
    return store.path("0" * 64).parents[2]


def files(store: BlobStore) -> list[Path]:
    """Every file below it."""
    return sorted(path for path in folder_of(store).rglob("*") if path.is_file())


def read(store: BlobStore, name: str) -> bytes:
    """A document, whole."""
    return b"".join(store.open(name).frames())


@contextmanager
def failing(name: str, number: int, code: int) -> Iterator[list[int]]:
    """The `number`-th call of `os.<name>` fails with `code`; the list counts the calls."""
    real, calls = getattr(os, name), [0]

    def wrapped(*args, **kwargs):
        calls[0] += 1
        if calls[0] == number:
            raise OSError(code, os.strerror(code))
        return real(*args, **kwargs)

    setattr(os, name, wrapped)
    try:
        yield calls
    finally:
        setattr(os, name, real)
