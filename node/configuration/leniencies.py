"""The section `[leniencies]` of `node.toml`: what is tolerated of which application of this institution.

What is tolerated of a community stands in its description (quirks `refused_leniencies`, `required_leniencies`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from node.configuration import readers
from node.configuration.readers import key
from node.exchange import Latitude
from node.soap.leniencies import EVERY, NAMES, ONLY_WHERE_REQUIRED


def _names(value: object, *, among: tuple[str, ...]) -> tuple[str, ...]:
    found = readers.texts(value)
    for name in found:
        if name not in among:
            raise readers.Unusable(f"there is no {name!r} here", f"write one of: {', '.join(among)}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRow:
    """[[leniencies.applications]]: an application that keeps to the standards, or one that cannot."""

    name: str = key(readers.name, "its name, as `client add` took it")
    refused: tuple[str, ...] = key(
        partial(_names, among=(EVERY, *NAMES)), "deviations that are not tolerated of it: names, or all", ()
    )
    required: tuple[str, ...] = key(
        partial(_names, among=tuple(sorted(ONLY_WHERE_REQUIRED))), "deviations that are tolerated of it alone", ()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeniencySection:
    """[leniencies]: deviations from the standards that are tolerated of some applications and not of others."""

    applications: tuple[ApplicationRow, ...] = key(
        partial(readers.tables, kind=ApplicationRow), "each as [[leniencies.applications]]", ()
    )

    def by_name(self) -> Mapping[str, Latitude]:
        """What is tolerated of each application that is named."""
        return {one.name: Latitude(refused=one.refused, required=one.required) for one in self.applications}
