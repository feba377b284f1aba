"""A submission: what one lcm:SubmitObjectsRequest carries (ITI TF-3: 4.2.1.4)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from registry.metadata.frozen import dataclass
from registry.metadata.objects import Association, DocumentEntry, Folder, RegistryObject, SubmissionSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The objects of one request in the order they stood; exactly one submission set is valid."""

    submission_sets: tuple[SubmissionSet, ...] = ()
    documents: tuple[DocumentEntry, ...] = ()
    folders: tuple[Folder, ...] = ()
    associations: tuple[Association, ...] = ()

    @property
    def submission_set(self) -> SubmissionSet:
        """The one submission set. Only after `rules.violations` found nothing."""
        return self.submission_sets[0]

    def objects(self) -> Iterator[RegistryObject]:
        """Every object of the submission."""
        return chain(self.submission_sets, self.documents, self.folders, self.associations)
