"""The codes that one affinity domain allows, from TOML text (ITI TF-1: 10.4.5, ITI TF-3: 4.2.3.1.2).

An attribute that the text does not name is not restricted: any well-formed code passes. `affinity_domain.toml` beside
this module is the default set, and shows the form.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Final

ATTRIBUTES: Final = (
    "classCode",
    "typeCode",
    "formatCode",
    "healthcareFacilityTypeCode",
    "practiceSettingCode",
    "confidentialityCode",
    "eventCodeList",
    "contentTypeCode",
    "codeList",
)
_MIME_TYPES: Final = "mimeType"
_EVERY_CODE: Final = "*"


class AffinityDomainError(ValueError):
    """The text does not describe code sets; the message names the key."""


@dataclass(frozen=True, slots=True)
class AllowedCode:
    """One code of a set, with its names by language tag (`en` always)."""

    code: str
    scheme: str
    names: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class AffinityDomain:
    """The code sets of an affinity domain. `sets` holds the restricted attributes only."""

    name: str = "any"
    sets: Mapping[str, Mapping[tuple[str, str], AllowedCode]] = field(default_factory=dict)
    mime_types: frozenset[str] = frozenset()  # empty: any

    @classmethod
    def from_toml(cls, text: str) -> AffinityDomain:
        """Read code sets.

        Raises:
            AffinityDomainError: no TOML, or not of the form of `affinity_domain.toml`.
        """
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as problem:
            raise AffinityDomainError(f"no TOML: {problem}") from problem
        unknown = data.keys() - {"name", _MIME_TYPES, *ATTRIBUTES}
        if unknown:
            raise AffinityDomainError(f"unknown keys: {', '.join(sorted(unknown))}")
        return cls(
            name=str(data.get("name", "unnamed")),
            sets={attribute: _codes(attribute, data[attribute]) for attribute in ATTRIBUTES if attribute in data},
            mime_types=_mime_types(data.get(_MIME_TYPES, [])),
        )

    def accepts(self, attribute: str, code: str, scheme: str) -> bool:
        """Whether a code may stand in an attribute, named as in the standard (`classCode`). Case matters."""
        allowed = self.sets.get(attribute)
        return allowed is None or (code, scheme) in allowed or (_EVERY_CODE, scheme) in allowed

    def accepts_mime_type(self, mime_type: str) -> bool:
        """Whether documents of this type may be shared; parameters and case do not matter."""
        return not self.mime_types or mime_type.partition(";")[0].strip().lower() in self.mime_types

    def codes(self, attribute: str) -> tuple[AllowedCode, ...]:
        """The codes to choose from, in the order of the text; none where the attribute is not restricted."""
        return tuple(allowed for allowed in self.sets.get(attribute, {}).values() if allowed.code != _EVERY_CODE)


def _codes(attribute: str, schemes: object) -> dict[tuple[str, str], AllowedCode]:
    if not isinstance(schemes, dict):
        raise AffinityDomainError(f"{attribute} is not a table of coding schemes")
    found = {}
    for scheme, codes in schemes.items():
        if not isinstance(codes, dict):
            raise AffinityDomainError(f'{attribute}."{scheme}" is not a table of codes')
        for code, names in codes.items():
            found[code, scheme] = AllowedCode(code, scheme, _names(f'{attribute}."{scheme}"."{code}"', names))
    return found


def _names(key: str, names: object) -> dict[str, str]:
    if not isinstance(names, dict) or not isinstance(names.get("en"), str):
        raise AffinityDomainError(f'{key} is not a table of names with at least "en"')
    return {str(language): str(name) for language, name in names.items()}


def _mime_types(types: object) -> frozenset[str]:
    if not isinstance(types, list) or not all(isinstance(item, str) for item in types):
        raise AffinityDomainError(f"{_MIME_TYPES} is not a list of texts")
    return frozenset(item.lower() for item in types)


def default_toml() -> str:
    """The text of the code sets that come with the package."""
    return resources.files("registry.metadata").joinpath("affinity_domain.toml").read_text("utf-8")


# What a development node uses: any well-formed code.
ANY: Final = AffinityDomain()
