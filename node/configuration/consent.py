"""The section of `node.toml` about consent; apart from `node.configuration.settings` for its length alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from node.configuration import readers
from node.configuration.readers import key
from trust.consent.categories import CATEGORIES
from trust.consent.policy import Default
from trust.consent.words import PURPOSES, ROLES

_flag = partial(key, readers.flag)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgedPolicy:
    """[[consent.policies]]: what a policy means that a BPPC or APPC document refers to."""

    name: str = key(readers.word, "short name, for people")
    policy: str = key(readers.text, "OID or URI of the policy, as the document names it")
    effect: str = key(partial(readers.choice, allowed=("permit", "deny")), "permit or deny")
    purposes: tuple[str, ...] = key(partial(readers.words, allowed=tuple(PURPOSES)), "empty means any purpose", ())
    roles: tuple[str, ...] = key(partial(readers.roles, allowed=tuple(ROLES)), "empty means any role", ())
    organisations: tuple[str, ...] = key(readers.texts, "OIDs of institutions; empty means any", ())
    communities: tuple[str, ...] = key(readers.texts, "homeCommunityIds; empty means any", ())
    categories: tuple[str, ...] = key(
        partial(readers.words, allowed=CATEGORIES), "sensitive categories; empty means any document", ()
    )
    breakable: bool = _flag("whether an emergency may set a denial aside", True)  # noqa: FBT003


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSection:
    """[consent]: what holds without a consent, and what an emergency may break."""

    default: str = key(
        partial(readers.choice, allowed=tuple(Default)),
        "opt-in, opt-out, or opt-out-except-sensitive",
        str(Default.OPT_OUT_EXCEPT_SENSITIVE),
    )
    purposes: tuple[str, ...] = key(
        partial(readers.words, allowed=tuple(PURPOSES)), "what is permitted without a consent", ("treatment",)
    )
    sensitive: tuple[str, ...] = key(
        partial(readers.words, allowed=CATEGORIES), "categories that need a consent that names them", CATEGORIES
    )
    sensitive_codes: tuple[str, ...] = key(
        partial(readers.categories, allowed=CATEGORIES), 'further codes of a category: "hiv: CODE^OID"', ()
    )
    unknown_denies: bool = _flag("deny what cannot be judged: unknown codes, an empty consent", True)  # noqa: FBT003
    applications: bool = _flag("this institution's own applications are bound by consent too", False)  # noqa: FBT003
    emergency_roles: tuple[str, ...] = key(
        partial(readers.roles, allowed=tuple(ROLES)),
        "who may break the glass, words or CODE^OID; none: nobody",
        ("physician",),
    )
    emergency_denials: bool = _flag("an emergency may set aside what a patient denied", True)  # noqa: FBT003
    emergency_ceiling: str = key(
        partial(readers.choice, allowed=tuple("ULMNRV")), "highest confidentiality that an emergency reaches", "R"
    )
    emergency_limit: int = key(
        partial(readers.number, least=1, most=1000), "no more while so many of one person wait for review", 5
    )
    policies: tuple[AcknowledgedPolicy, ...] = key(
        partial(readers.tables, kind=AcknowledgedPolicy),
        "policies that consent documents refer to, each as [[consent.policies]]",
        (),
    )
