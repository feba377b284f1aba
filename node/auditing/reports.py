"""The report about one patient: who looked at their documents, of this node's whole log (audit-ledger 2.9)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.auditing.proofs import institutions
from node.database import open_reader
from node.records import instant, subject
from registry.store.patients import PatientDirectory
from trust.ledger.disclosure import Disclosure, Wanted, disclose
from trust.ledger.keys import read_key

if TYPE_CHECKING:
    from datetime import datetime

    from node.configuration.config import Config


def report_of(
    config: Config, patient: str, *, since: str, until: str, made: datetime, languages: Sequence[str]
) -> Disclosure:
    """The report about a patient (CX) under all identities; times as in records, "" for everything.

    Raises:
        LedgerBroken: the published files do not fit the database.
        OSError: they cannot be read.
        ValueError: they, or the key of the tags, are not what they should be.
    """
    with contextlib.closing(open_reader(config.folder.database)) as reader:
        wanted = Wanted(
            patients=[subject(one) for one in identities(PatientDirectory(reader), patient)],
            since=since,
            until=until,
            made=instant(made),
            institution={"name": config.node.name, "home": config.node.home_community_id},
            names=institutions(config),
            languages=languages,
        )
        return disclose(reader, config.folder.audit, read_key(config.folder.subject_key), wanted)


def identities(directory: PatientDirectory, patient: str) -> list[str]:
    """All identifiers of one person as merges have joined them, the surviving one first."""
    found = [directory.resolve(patient) or patient]
    for one in found:  # grows while it is walked
        identity = directory.show(one)
        found += [each for each in (identity.subsumes if identity else ()) if each not in found]
    return found
