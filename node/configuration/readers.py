"""Readers of configuration values: one value of a TOML file in, the checked value out. Pure."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from registry.metadata.values import is_oid, is_oid_urn

T = TypeVar("T")

_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
_WORD = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_MOST_PORT_BASE: Final = 65_526


class Unusable(ValueError):  # noqa: N818  a value that cannot be used
    """A value that cannot be used: why, and what to write instead."""

    def __init__(self, cause: str, next_step: str = "") -> None:
        self.cause = cause
        self.next_step = next_step
        super().__init__(cause)


@dataclass(frozen=True, slots=True)
class Coded:
    """A code with its coding scheme and the name shown to people."""

    code: str
    scheme: str
    display: str


_LOINC: Final = "2.16.840.1.113883.6.1"
_SNOMED: Final = "2.16.840.1.113883.6.96"
_IHE_CLASS: Final = "1.3.6.1.4.1.19376.1.2.6.1"
REPORTS: Final = Coded("REPORTS", _IHE_CLASS, "Reports")
SUMMARY: Final = Coded("SUMMARIES", _IHE_CLASS, "Summaries")
NOTE: Final = Coded("11506-3", _LOINC, "Progress note")
GENERAL_MEDICINE: Final = Coded("394802001", _SNOMED, "General medicine")
HOSPITAL: Final = Coded("22232009", _SNOMED, "Hospital")
NORMAL: Final = Coded("N", "2.16.840.1.113883.5.25", "normal")


def text(value: object) -> str:
    """One line of text."""
    if not isinstance(value, str):
        raise Unusable(f"{_shown(value)} is not text", 'write it in quotes: "…"')
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise Unusable("control characters and line breaks are not possible here")
    return value


def name(value: object) -> str:
    """A name for people: 1 to 100 printable characters."""
    found = text(value)
    if not found.strip() or len(found) > 100 or not found.isprintable():
        raise Unusable(f"{_shown(value)} is not a name of 1 to 100 printable characters")
    return found


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise Unusable(f"{_shown(value)} is not a list", 'write ["…", "…"]')
    return tuple(text(item) for item in value)


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Unusable(f"{_shown(value)} is neither true nor false", "write true or false, without quotes")
    return value


def number(value: object, *, least: int, most: int | None = None) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unusable(f"{_shown(value)} is not a whole number", "write digits, without quotes")
    _bounded(value, least, most)
    return value


def seconds(value: object, *, least: float, most: float) -> float:
    """A number of seconds within bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(f"{_shown(value)} is not a number of seconds", "write a number, without quotes")
    _bounded(value, least, most)
    return float(value)


def decimal(value: object, *, least: float, most: float) -> float:
    """A number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(f"{_shown(value)} is not a number", "write a number, without quotes")
    _bounded(value, least, most)
    return float(value)


def choice(value: object, *, allowed: tuple[str, ...]) -> str:
    """One of some words."""
    if value not in allowed:
        raise Unusable(f"{_shown(value)} is not possible here", f"write one of: {', '.join(allowed)}")
    return str(value)


def words(value: object, *, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """A list of some words."""
    return tuple(choice(item, allowed=allowed) for item in texts(value))


def code_pair(value: object) -> tuple[str, str]:
    """A code and its code system, `CODE^OID`."""
    code_, _, system = text(value).partition("^")
    if not code_ or not is_oid(system):
        raise Unusable(
            f"{_shown(value)} is not a code and the OID of its system", 'write it like "PSY^2.16.840.1.113883.5.4"'
        )
    return code_, system


def code_pairs(value: object) -> tuple[str, ...]:
    """A list of `CODE^OID`."""
    found = texts(value)
    for item in found:
        code_pair(item)
    return found


def categories(value: object, *, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """A list of `category: CODE^OID`."""
    found = texts(value)
    for item in found:
        category, _, coded = item.partition(": ")
        choice(category, allowed=allowed)
        code_pair(coded)
    return found


def roles(value: object, *, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """A list of roles, each one of some words or `CODE^OID`."""
    found = texts(value)
    for item in found:
        if item not in allowed:
            code_pair(item)
    return found


def oid(value: object) -> str:
    """An OID of at most 64 characters."""
    found = text(value)
    if not is_oid(found):
        raise Unusable(f"{_shown(value)} is not an OID", 'write digits and dots, at most 64 characters: "2.999.1"')
    return found


def oids(value: object) -> tuple[str, ...]:
    """A list of OIDs."""
    return tuple(oid(item) for item in texts(value))


def oid_urn(value: object) -> str:
    """A homeCommunityId: `urn:oid:` and an OID, at most 64 characters in all."""
    found = text(value)
    if len(found) > 64 or not is_oid_urn(found):
        raise Unusable(f"{_shown(value)} is not urn:oid: and an OID", 'write it like "urn:oid:2.999.1"')
    return found


def communities(value: object) -> tuple[str, ...]:
    """A list of homeCommunityIds, or of "*" alone."""
    found = texts(value)
    return found if found == ("*",) else tuple(oid_urn(item) for item in found)


def host(value: object) -> str:
    """A host name or an IP address, or nothing."""
    found = text(value)
    if not found or _HOST.fullmatch(found):
        return found
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        raise Unusable(
            f"{_shown(value)} is neither a host name nor an IP address", "write the name without https:// and port"
        ) from None


def places(value: object) -> tuple[str, ...]:
    """A list of host names, addresses and networks, such as 10.1.0.0/16."""
    found = texts(value)
    for one in found:
        try:
            ipaddress.ip_network(one)
        except ValueError:
            if not _HOST.fullmatch(one) or one.replace(".", "").isdigit():
                step = 'write a network with its first address, "10.1.0.0/16", or the name of a host'
                raise Unusable(f"{_shown(one)} is no host, address or network", step) from None
    return found


def required_host(value: object) -> str:
    """A host name or an IP address."""
    found = host(value)
    if not found:
        raise Unusable("the host is empty", "write the name of the machine")
    return found


def word(value: object) -> str:
    """A short name that can be a part of a file name."""
    found = text(value)
    if not _WORD.fullmatch(found):
        raise Unusable(f"{_shown(value)} is not a short name", 'write 1 to 32 of a-z, 0-9 and -: "regional-arr"')
    return found


def tables(value: object, *, kind: type[T]) -> tuple[T, ...]:
    """A list of tables, each with the keys that the dataclass `kind` declares; their names differ."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Unusable("this is a list of tables", "write each below a line of its own in double square brackets")
    found = tuple(_table(one, kind) for one in value)
    names = [getattr(one, "name", "") for one in found]
    if len(set(names)) < len(names):
        raise Unusable("two of them have the same name", "give each a name of its own")
    return found


def key(read: Callable[[object], Any], meaning: str, default: object = MISSING) -> Any:  # noqa: ANN401  a dataclass field stands for its value
    """Declare one key: how its value is read, what it means, what it is when it is absent."""
    return field(default=default, metadata={"read": read, "meaning": meaning})


def _table(table: dict[str, object], kind: type[Any]) -> Any:  # noqa: ANN401  one of `kind`
    known = {item.name: item for item in fields(kind)}
    for name in sorted(table.keys() - known.keys()):
        raise Unusable(f"there is no key {name}", f"correct the spelling or remove it; there are: {', '.join(known)}")
    for name, item in known.items():
        if item.default is MISSING and name not in table:
            raise Unusable(f"the key {name} is required: {item.metadata['meaning']}", f"add a line `{name} = …`")
    values: dict[str, object] = {}
    for name, given in table.items():
        try:
            values[name] = known[name].metadata["read"](given)
        except Unusable as problem:
            raise Unusable(f"{name}: {problem.cause}", problem.next_step) from None
    return kind(**values)


def https_url(value: object) -> str:
    """An absolute https URL, or nothing."""
    found = text(value)
    if not found:
        return found
    try:
        parts = urlsplit(found)
        good = (
            parts.scheme == "https" and bool(parts.hostname) and not (parts.username or parts.query or parts.fragment)
        )
        _ = parts.port
    except ValueError:
        good = False
    if not good:
        raise Unusable(f"{_shown(value)} is not an https URL", 'write it like "https://node.example:8443"')
    return found


def port_base(value: object) -> int:
    """The first of ten ports."""
    return number(value, least=1024, most=_MOST_PORT_BASE)


def code(value: object) -> Coded:
    """A coded value: an inline table with code, scheme and display."""
    wanted = [item.name for item in fields(Coded)]
    example = 'write { code = "11506-3", scheme = "2.16.840.1.113883.6.1", display = "Progress note" }'
    if not isinstance(value, dict) or sorted(value) != sorted(wanted):
        raise Unusable(f"{_shown(value)} is not a code with code, scheme and display", example)
    found = Coded(*(text(value[name]) for name in wanted))
    if not (found.code and found.scheme and found.display):
        raise Unusable("a part of the code is empty", example)
    return found


def as_toml(value: object) -> str:
    """A default or given value as TOML text."""
    if isinstance(value, Coded):
        parts = ", ".join(f"{item.name} = {as_toml(getattr(value, item.name))}" for item in fields(value))
        return f"{{ {parts} }}"
    if isinstance(value, tuple):
        return "[" + ", ".join(as_toml(item) for item in value) + "]"
    # A JSON string, number or boolean is the same in TOML, but for DEL which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _bounded(value: float, least: float, most: float | None) -> None:
    # Written so that NaN, which compares with nothing, is out of range too.
    if not (value >= least and (most is None or value <= most)):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise Unusable(f"{value} is out of range", f"write a number {bounds}")


def _shown(value: object) -> str:
    found = repr(value)
    return found if len(found) <= 60 else found[:57] + "..."
