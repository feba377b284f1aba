"""Who may see what: the rule that the registry's `Sight` and the repository's door ask.

Until consent exists a peer has a clearance: it gets only objects whose confidentiality codes are all known and at or
below it (interfaces: Who may call what). An institution's own applications see what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from trust.identity.caller import Caller, Role

CONFIDENTIALITY = "2.16.840.1.113883.5.25"
_RANK = {code: rank for rank, code in enumerate("ULMNRV")}
EVERYTHING = "*"  # the test community of development nodes: conformance data carries policy codes


def sees_everything(caller: Caller) -> bool:
    """Whether no document is kept from `caller` for its confidentiality."""
    return caller.role is not Role.PEER or caller.clearance == EVERYTHING


def may_see(caller: Caller, confidentiality: Sequence[tuple[str, str]]) -> bool:
    """Whether `caller` may see a document with these (code, scheme) pairs. No code at all is not "normal"."""
    if sees_everything(caller):
        return True
    highest = _RANK.get(caller.clearance, -1)
    return bool(confidentiality) and all(
        scheme == CONFIDENTIALITY and _RANK.get(code, len(_RANK)) <= highest for code, scheme in confidentiality
    )


def sight(caller: Caller) -> Callable[[Sequence[tuple[str, str]]], bool] | None:
    """What the registry is to ask of each document before it answers `caller`; None: nothing."""
    return None if sees_everything(caller) else partial(may_see, caller)
