"""Which communities may learn from a locator that a patient is known here: those whom the patient's policy lets know.

A locator knows no policies. So it is told for whom a token is, where that is not everybody; whoever asks again here,
with ITI-55 or ITI-38, meets the policy itself. A community may know if any person of it could, for any purpose but an
emergency: in an emergency everybody is asked, locators are not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Final

from node.access import Access, Policy
from registry.store.locations import EVERYBODY
from trust.audit.event import Coded
from trust.communities import Community
from trust.consent import store
from trust.consent.policy import Consent
from trust.consent.words import ACT_REASON, BREAK_GLASS, EMERGENCY, PURPOSES
from trust.identity.caller import Caller, Role

if TYPE_CHECKING:
    from registry.document_registry import DocumentRegistry

NOBODY: Final = "-"
_PURPOSES: Final = sorted({*PURPOSES.values()} - {EMERGENCY, BREAK_GLASS})
_MOST_TRIED: Final = 200  # combinations of purpose, role and organisation for one community


class Audiences:
    """For the patients of one look, over one reading connection."""

    def __init__(
        self,
        policy: Policy,
        registry: DocumentRegistry,
        reader: sqlite3.Connection,
        communities: Sequence[Community],
        now: datetime,
    ) -> None:
        self._policy = policy
        self._registry = registry
        self._reader = reader
        self._communities = communities
        self._now = now
        self._plain: str | None = None

    def of(self, patient: str) -> str:
        """The homes that may learn of a patient (CX), between blanks; EVERYBODY, or NOBODY."""
        consents = store.of_patient(self._reader, self._registry.identities_of(patient) or (patient,))
        if any(one.in_force(self._now) for one in consents):
            return self._of(patient, consents)
        if self._plain is None:
            self._plain = self._of(patient, ())
        return self._plain

    def _of(self, patient: str, consents: Sequence[Consent]) -> str:
        homes = [one.home for one in self._communities if self._may_know(patient, one, consents)]
        if len(homes) == len(self._communities):
            return EVERYBODY
        return " ".join(sorted(homes)) or NOBODY

    def _may_know(self, patient: str, community: Community, consents: Sequence[Consent]) -> bool:
        return any(
            Access(caller, self._policy, self._registry, self._reader, self._now).may_know(patient)
            for caller, _ in zip(_callers(community, consents), range(_MOST_TRIED), strict=False)
        )


def _callers(community: Community, consents: Iterable[Consent]) -> Iterator[Caller]:
    """Everybody of a community who could make a difference to these consents."""
    provisions = [part for one in consents for part in one.provisions]
    roles = sorted({role for part in provisions for role in part.roles})
    organisations = sorted({name for part in provisions for name in part.organisations})
    users = sorted({name for part in provisions for name in part.users})
    for purpose, role, organisation, user in product(
        (None, *_PURPOSES), (None, *roles), ("", *organisations), ("anybody", *users)
    ):
        yield Caller(
            role=Role.PEER,
            name=community.name,
            fingerprint=community.fingerprint,
            address="",
            home=community.home,
            clearance=community.clearance,
            user=user if purpose else "",
            user_role=Coded(*role, "") if role else None,
            purpose=Coded(purpose, ACT_REASON, "") if purpose else None,
            organisation=organisation,
        )
