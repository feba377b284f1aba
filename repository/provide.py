"""Documents and their metadata belong together: pairing, and what the bytes say about the entries. Pure.

Everything is found that is wrong, not the first of it. Metadata that is not about the bytes passes untouched: judging
it is the registry's matter.

Source: ITI TF-2: 3.41.4.1.3
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from registry.errors import ErrorCode, RegistryError, XdsErrors
from registry.metadata.objects import ON_DEMAND_DOCUMENT, Association, DocumentEntry
from registry.metadata.submission import Submission


class HasId(Protocol):
    """A document of the message: `id` is xds:Document/@id, the id of its entry."""

    @property
    def id(self) -> str:
        """Exactly the entry's id before the registry assigns one."""


class HasDigest(Protocol):
    """What was computed from the bytes of a document."""

    @property
    def size(self) -> int:
        """Octets."""

    @property
    def sha1(self) -> str:
        """40 hex digits in lower case."""


def pairing_faults(submission: Submission, documents: Sequence[HasId]) -> list[RegistryError]:
    """Everything that keeps documents and entries from pairing one to one, and what a repository must not take.

    Source: ITI TF-3: Table 4.2.4.1-2
    """
    stable = [entry for entry in submission.documents if entry.object_type != ON_DEMAND_DOCUMENT]
    entry_ids = Counter(entry.entry_uuid for entry in submission.documents)
    document_ids = Counter(document.id for document in documents)
    return [
        *_each(
            [entry.entry_uuid for entry in submission.documents if entry.object_type == ON_DEMAND_DOCUMENT],
            ErrorCode.REPOSITORY_METADATA,
            "{} is an on-demand DocumentEntry, which comes without a document",
        ),
        *_each(_repeated(document_ids), ErrorCode.REPOSITORY_METADATA, "{} is the id of more than one Document"),
        *_each(_repeated(entry_ids), ErrorCode.REPOSITORY_METADATA, "{} is the id of more than one DocumentEntry"),
        *_each(
            dict.fromkeys(entry.entry_uuid for entry in stable if entry.entry_uuid not in document_ids),
            ErrorCode.MISSING_DOCUMENT,
            "DocumentEntry {} comes without its document",
        ),
        *_each(
            [document_id for document_id in document_ids if document_id not in entry_ids],
            ErrorCode.MISSING_DOCUMENT_METADATA,
            "Document {} comes without its DocumentEntry",
        ),
        *_repeated_unique_ids(submission),
    ]


def _each(ids: Iterable[str], code: ErrorCode, text: str) -> Iterator[RegistryError]:
    return (RegistryError(code, text.format(repr(item)[:120]), item) for item in ids)


def _repeated(ids: Counter[str]) -> list[str]:
    return [item for item, times in ids.items() if times > 1]


def _repeated_unique_ids(submission: Submission) -> Iterator[RegistryError]:
    """One uniqueId twice, whatever it stands for: submission set, folder or document. Located at the second."""
    times: Counter[str] = Counter()
    for item in submission.objects():
        if isinstance(item, Association) or not item.unique_id:
            continue
        times[item.unique_id] += 1
        if times[item.unique_id] == 2:
            text = f"uniqueId {item.unique_id!r:.120} stands more than once in this submission"
            yield RegistryError(ErrorCode.REPOSITORY_DUPLICATE_UNIQUE_ID_IN_MESSAGE, text, item.entry_uuid)


def complete(submission: Submission, digests: Mapping[str, HasDigest], repository_unique_id: str) -> Submission:
    """Fill hash, size and repositoryUniqueId of each entry; nothing else changes.

    Args:
        submission: pairs with its documents, see `pairing_faults`.
        digests: what was computed from the bytes, by the id of the entry.
        repository_unique_id: this repository, whatever the source wrote.

    Raises:
        XdsErrors: all entries whose hash or size is not that of the bytes that came, or whose bytes did not come.
    """
    errors = [fault for entry in submission.documents for fault in _contradictions(entry, digests)]
    if errors:
        raise XdsErrors(errors)
    return replace(
        submission,
        documents=tuple(
            replace(
                entry,
                hash=(digests[entry.entry_uuid].sha1,),
                size=(str(digests[entry.entry_uuid].size),),
                repository_unique_id=(repository_unique_id,),
            )
            for entry in submission.documents
        ),
    )


def _contradictions(entry: DocumentEntry, digests: Mapping[str, HasDigest]) -> Iterator[RegistryError]:
    digest = digests.get(entry.entry_uuid)
    if digest is None:
        yield from _each(
            [entry.entry_uuid], ErrorCode.MISSING_DOCUMENT, "the document of DocumentEntry {} did not come"
        )
        return
    if entry.hash and [value.strip().lower() for value in entry.hash] != [digest.sha1]:
        text = f"hash of {entry.entry_uuid} is {_listed(entry.hash)}, that of the document is {digest.sha1}"
        yield RegistryError(ErrorCode.REPOSITORY_METADATA, text, entry.entry_uuid)
    # As text: a number of a million digits is not worth computing.
    if entry.size and [value.strip().lstrip("0") or "0" for value in entry.size if value.strip()] != [str(digest.size)]:
        text = f"size of {entry.entry_uuid} is {_listed(entry.size)}, that of the document is {digest.size}"
        yield RegistryError(ErrorCode.REPOSITORY_METADATA, text, entry.entry_uuid)


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values)[:120]
