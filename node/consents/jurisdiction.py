"""The `[consent]` section as the rules that decisions are made by."""

from __future__ import annotations

from collections.abc import Iterable

from node.access import Policy
from node.configuration import readers
from node.configuration.config import Config
from node.configuration.consent import AcknowledgedPolicy
from node.configuration.value_sets import value_sets
from trust.consent.categories import CODES
from trust.consent.matching import oid
from trust.consent.policy import Default, Effect, Emergency, Jurisdiction, Pair, Provision
from trust.consent.words import PURPOSES, ROLES


def policy(config: Config) -> Policy:
    """What the configuration says about consent."""
    section, node = config.consent, config.node
    further = {
        readers.code_pair(coded): category
        for category, _, coded in (line.partition(": ") for line in section.sensitive_codes)
    }
    jurisdiction = Jurisdiction(
        default=Default(section.default),
        purposes=purposes(section.purposes),
        sensitive=frozenset(section.sensitive),
        codes={**CODES, **further},
        unknown_denies=section.unknown_denies,
        emergency=Emergency(
            roles=roles(section.emergency_roles),
            denials=section.emergency_denials,
            ceiling=section.emergency_ceiling,
            limit=section.emergency_limit,
        ),
        roles=frozenset(value_sets(config)[0].codes),
        own=frozenset({node.name, oid(node.home_community_id)}),
    )
    return Policy(
        jurisdiction=jurisdiction,
        applications=section.applications,
        meanings={row.policy: _provision(row) for row in section.policies},
    )


def _provision(row: AcknowledgedPolicy) -> Provision:
    """One row of [[consent.policies]]."""
    return Provision(
        effect=Effect(row.effect),
        purposes=purposes(row.purposes),
        roles=roles(row.roles),
        organisations=frozenset(oid(one) for one in row.organisations),
        communities=frozenset(oid(one) for one in row.communities),
        categories=frozenset(row.categories),
        breakable=row.breakable,
    )


def purposes(words: Iterable[str]) -> frozenset[str]:
    """Codes of plain words."""
    return frozenset(PURPOSES[word] for word in words)


def roles(words: Iterable[str]) -> frozenset[Pair]:
    """Codes of plain words; `CODE^OID` is one itself."""
    return frozenset(pair for word in words for pair in ROLES.get(word) or (readers.code_pair(word),))
