"""Who subscribed, as it is kept beside a subscription: the caller with the person behind the request."""

from __future__ import annotations

import json
from dataclasses import fields
from urllib.parse import urlsplit

from trust.audit.event import Coded
from trust.communities import Community
from trust.identity.caller import Caller, Role

_CODED = ("user_role", "purpose")


def write_subscriber(caller: Caller) -> str:
    """A caller as text."""
    found = {field.name: getattr(caller, field.name) for field in fields(Caller)}
    found |= {name: [found[name].code, found[name].system, found[name].text] for name in _CODED if found[name]}
    return json.dumps({name: value for name, value in found.items() if value}, ensure_ascii=False)


def mark_of(home: str) -> str:
    """What stands in the text of every subscriber of a community, and in nobody else's: values are escaped there."""
    return f'"home": {json.dumps(home, ensure_ascii=False)}'


def read_subscriber(text: str) -> Caller:
    """The caller that `write_subscriber` wrote."""
    found = json.loads(text)
    found |= {name: Coded(*found[name]) for name in _CODED if name in found}
    found["role"] = Role(found["role"])
    return Caller(**({"fingerprint": "", "address": ""} | found))


def same_subscriber(text: str, caller: Caller) -> bool:
    """Whether a caller is the system that subscribed: only that one ends its subscription."""
    kept = read_subscriber(text)
    return (kept.role, kept.name, kept.home) == (caller.role, caller.name, caller.home)


def same_place(url: str, community: Community) -> bool:
    """Whether a URL is at a place (scheme, host, port) where a community is reached: nothing else of it is called."""
    try:
        return _place(url) in {_place(endpoint) for endpoint in community.endpoints.values()}
    except ValueError:
        return False


def _place(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or parts.fragment:
        raise ValueError(url)
    return parts.scheme, parts.hostname, parts.port or 443
