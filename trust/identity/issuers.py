"""Whose assertions count here: issuers with their keys from our own records, and the codes of the value sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from cryptography import x509

from trust.audit.event import Coded
from trust.identity.names import BEARER

EVERYBODY: Final = "*"
MAXIMUM_AGE: Final = timedelta(minutes=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """One issuer of assertions.

    `name` is the exact text of its Issuer element. `homes` are the communities whose users it vouches for: what a
    community presents must come from an issuer of that community (T17, S18), or from one of everybody (`*`).
    `one_time`: each assertion counts once. `confirmations` are the accepted methods of subject confirmation.
    """

    name: str
    certificates: tuple[x509.Certificate, ...]
    homes: frozenset[str]
    maximum_age: timedelta = MAXIMUM_AGE
    one_time: bool = False
    confirmations: frozenset[str] = frozenset({BEARER})

    def speaks_for(self, home: str) -> bool:
        """Whether users of the community `home` may come with its assertions."""
        return EVERYBODY in self.homes or home in self.homes


class Issuers:
    """Every issuer, by its exact name; of two with one name the first counts."""

    def __init__(self, issuers: Iterable[Issuer] = ()) -> None:
        self._known: dict[str, Issuer] = {}
        for one in issuers:
            self._known.setdefault(one.name, one)

    def get(self, name: str) -> Issuer | None:
        """The issuer of this name."""
        return self._known.get(name)


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Accepted codes: (code, code system) -> the text that people see here."""

    codes: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def find(self, given: Coded) -> Coded | None:
        """The code with our own text, None when it is not one of the set."""
        text = self.codes.get((given.code, given.system))
        return None if text is None else Coded(given.code, given.system, text)

    def by_code(self, code: str) -> Coded | None:
        """The one code that is written so, whatever its system; None when there is none or several."""
        found = [Coded(one, system, text) for (one, system), text in self.codes.items() if one == code]
        return found[0] if len(found) == 1 else None
