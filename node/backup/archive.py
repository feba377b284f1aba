"""The file of a backup: a plain tar with a manifest of every member's size and SHA-256, read back with suspicion.

Documents are encrypted already and nothing else is large, so the archive is not compressed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Final

from node.faults import refused
from trust.pki.keyfiles import sync_folder

FORMAT: Final = "xdsnode-backup/v1"
ABOUT: Final = "backup.json"
MANIFEST: Final = "manifest.json"
_FILES: Final = frozenset({ABOUT, MANIFEST, "head.db", "database.db", "node.toml", "keys.wrapped"})
_IN_FOLDERS: Final = re.compile(r"(audit|blobs)(/[A-Za-z0-9_-][A-Za-z0-9._-]*){1,8}")
_CERTIFICATE: Final = re.compile(r"certificates(/[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*){1,8}")  # named by people
_MOST_SMALL: Final = 256 << 20  # manifest of some million documents
_CHUNK: Final = 1 << 20

Advance = Callable[[int], None]


class ArchiveWriter:
    """Writes one archive; it appears under its name only when it is complete and on disk."""

    def __init__(self, target: Path, advance: Advance) -> None:
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._advance = advance
        self._manifest: dict[str, list[object]] = {}
        self._folders: set[str] = set()

    def __enter__(self) -> ArchiveWriter:
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)
        return self

    def add_bytes(self, name: str, content: bytes) -> None:
        """A small member."""
        self._add(name, io.BytesIO(content), len(content))

    def add_file(self, name: str, path: Path) -> None:
        """A file, as long as it is when it is opened."""
        with path.open("rb") as source:
            self._add(name, source, os.fstat(source.fileno()).st_size)

    def _add(self, name: str, source: BinaryIO, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        hashed = _Hashing(source, self._advance)
        self._tar.addfile(member, hashed)
        self._manifest[name] = [size, hashed.digest.hexdigest()]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            content = json.dumps(self._manifest).encode()
            member = tarfile.TarInfo(MANIFEST)
            member.size, member.mode = len(content), 0o600
            self._tar.addfile(member, io.BytesIO(content))
            self._tar.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._target)
            sync_folder(self._target.parent)
        else:
            self._file.close()
            self._part.unlink(missing_ok=True)


class _Hashing(io.RawIOBase):
    """A source of bytes that is hashed as it is read."""

    def __init__(self, source: BinaryIO, advance: Advance) -> None:
        super().__init__()
        self._source = source
        self._advance = advance
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:  # type: ignore[explicit-override]
        data = self._source.read(size)
        self.digest.update(data)
        self._advance(len(data))
        return data


def unpack(source: Path, into: Path, advance: Advance) -> dict[str, object]:
    """Write every member below `into` and compare it with the manifest. Returns what `backup.json` says.

    Raises:
        Faults: not a backup, a member that must not be there, or one that is not what the manifest says.
    """
    found: dict[str, list[object]] = {}
    manifest: Mapping[str, list[object]] | None = None
    try:
        with tarfile.open(source, "r:") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() and _allowed(member.name) else None
                if content is None or member.name in found:
                    raise _bad(source, f"it holds {member.name!r}, which no backup holds")
                if member.name == MANIFEST:
                    manifest = json.loads(_small(source, member, content.read(_MOST_SMALL)))
                else:
                    found[member.name] = _write(content, into / member.name, advance)
    except (tarfile.TarError, EOFError, ValueError) as problem:
        raise _bad(source, f"it is not complete or not a backup ({type(problem).__name__})") from None
    if manifest is None or ABOUT not in found:
        raise _bad(source, "it ends before its manifest: it is not complete")
    wrong = [name for name in found.keys() | manifest.keys() if found.get(name) != manifest.get(name)]
    if wrong:
        raise _bad(source, f"{len(wrong)} of its files are not what was saved, e.g. {sorted(wrong)[0]}")
    about: dict[str, object] = json.loads((into / ABOUT).read_bytes())
    if about.get("format") != FORMAT:
        raise _bad(source, f"its format is {about.get('format')!r}, this program reads {FORMAT}")
    return about


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Regular files below `folder` with their names relative to it; what is under way (`.name`) is left out."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in name.split("/")):
            yield name, path


def _allowed(name: str) -> bool:
    return name in _FILES or bool(_IN_FOLDERS.fullmatch(name) or _CERTIFICATE.fullmatch(name))


def _small(source: Path, member: tarfile.TarInfo, content: bytes) -> bytes:
    if len(content) != member.size:
        raise _bad(source, f"{member.name} is too large")
    return content


def _write(content: IO[bytes], path: Path, advance: Advance) -> list[object]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as target:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
            advance(len(chunk))
        target.flush()
        os.fsync(target.fileno())
    return [size, digest.hexdigest()]


def _bad(source: Path, cause: str) -> Exception:
    return refused("backup.damaged", str(source), cause, "use another backup; nothing was restored")
