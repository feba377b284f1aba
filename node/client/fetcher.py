"""Fetches documents into files: each compared with its metadata, and named only when it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from node.client.documents import Documents
from node.client.listing import Listed, explained
from node.faults import Fault, misused
from repository.messages import DocumentRequest

_AT_ONCE: Final = 8
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """What became of one document."""

    document: Listed
    file: Path | None
    already: bool = False
    fault: Fault | None = None
    copy: str = ""  # of a kept copy: what marks it


class Fetcher:
    """Fetches into one folder."""

    def __init__(self, documents: Documents, names: Mapping[str, str], done: Callable[[Got], None]) -> None:
        """`done` is told of each document as soon as it is there, or cannot be."""
        self._documents = documents
        self._names = names
        self._done = done

    def into_folder(self, wanted: Sequence[Listed], folder: Path) -> list[Got]:
        """Every document under a name made of its uniqueId; what lies there unchanged is not fetched again."""
        make_folder(folder)
        missing: list[tuple[Listed, Path]] = []
        results: list[Got] = []
        taken: set[str] = set()
        for item in wanted:
            target = folder / _free(item.file_name(), taken)
            if item.sha1 and target.is_file() and _sha1(target) == item.sha1:
                results.append(self._tell(Got(document=item, file=target, already=True)))
            else:
                missing.append((item, target))
        for start in range(0, len(missing), _AT_ONCE):
            results += self._batch(missing[start : start + _AT_ONCE], folder)
        return results

    def one(self, wanted: Listed, target: Path) -> Got:
        """One document into the file `target`."""
        return self._batch([(wanted, target)], target.parent)[0]

    def _batch(self, batch: Sequence[tuple[Listed, Path]], folder: Path) -> list[Got]:
        requests = [
            DocumentRequest(
                home_community_id=item.home,
                repository_unique_id=item.repository,
                document_unique_id=item.unique_id,
            )
            for item, _ in batch
        ]
        fetched = self._documents.fetch(requests, folder)
        errors = {error.location: error for error in reversed(fetched.head.errors)}
        results = []
        for item, target in batch:
            part = fetched.files.pop(item.unique_id, None)
            if part is not None:
                mark = errors.get(item.unique_id)
                results.append(self._tell(replace(_kept(item, part, target), copy=mark.context if mark else "")))
                continue
            error = errors.get(item.unique_id) or errors.get(item.home) or next(iter(errors.values()), None)
            cause = explained(error, self._names) if error else "the answer does not hold it, and no error either"
            fault = Fault(
                error.code if error else "document.missing",
                f"{item.institution} {item.unique_id}",
                cause,
                "xdsnode find says who has it; xdsnode peer test says whether that institution answers",
            )
            results.append(self._tell(Got(document=item, file=None, fault=fault)))
        for part in fetched.files.values():
            part.unlink(missing_ok=True)
        return results

    def _tell(self, got: Got) -> Got:
        self._done(got)
        return got


def _kept(item: Listed, part: Path, target: Path) -> Got:
    if item.sha1 and _sha1(part) != item.sha1:
        part.unlink()
        fault = Fault(
            "document.damaged",
            f"{item.institution} {item.unique_id}",
            "what came is not what its metadata says (SHA-1 differs)",
            "tell the institution that holds it; the file was not kept",
        )
        return Got(document=item, file=None, fault=fault)
    part.replace(target)
    return Got(document=item, file=target)


def make_folder(folder: Path) -> None:
    """Make the output folder, closed to other users: it will hold patients' documents."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        cause = problem.strerror or type(problem).__name__
        raise misused("output.unusable", str(folder), cause, "name another folder with --output") from None


def _free(name: str, taken: set[str]) -> str:
    """`name`, with a number where two uniqueIds come to the same file."""
    path, number = Path(name), 1
    while name.lower() in taken:
        number += 1
        name = f"{path.stem}-{number}{path.suffix}"
    taken.add(name.lower())
    return name


def _sha1(path: Path) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
