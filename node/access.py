"""Who may see what: enforcement on what the registry found.

Until consent exists a peer has a clearance: it gets only objects whose confidentiality codes are all known and at or
below it (interfaces: Who may call what). An institution's own applications see what it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from registry.document_registry import DocumentRegistry, FoundObject
from trust.identity.caller import Caller, Role

CONFIDENTIALITY = "2.16.840.1.113883.5.25"
_RANK = {code: rank for rank, code in enumerate("ULMNRV")}
EVERYTHING = "*"  # the test community of development nodes: conformance data carries policy codes


def may_see(caller: Caller, confidentiality: Sequence[tuple[str, str]]) -> bool:
    """Whether `caller` may see a document with these (code, scheme) pairs. No code at all is not "normal"."""
    if caller.role is not Role.PEER or caller.clearance == EVERYTHING:
        return True
    highest = _RANK.get(caller.clearance, -1)
    return bool(confidentiality) and all(
        scheme == CONFIDENTIALITY and _RANK.get(code, len(_RANK)) <= highest for code, scheme in confidentiality
    )


def permitted(
    caller: Caller, objects: Sequence[FoundObject], registry: DocumentRegistry
) -> tuple[list[FoundObject], int]:
    """What of `objects` the caller may see, and how many documents were withheld.

    An association shows only when neither of its ends is a withheld document, also when that document is not among
    the objects: whoever may not see a document does not learn from its relations that it exists.
    """
    if caller.role is not Role.PEER or caller.clearance == EVERYTHING:
        return list(objects), 0
    labels = {item.entry_uuid: item.confidentiality for item in objects if item.kind == "document"}
    ends = {end for item in objects if item.kind == "association" for end in (item.source, item.target)}
    labels |= registry.confidentiality(ends - labels.keys() - {item.entry_uuid for item in objects})
    withheld = {uuid for uuid, codes in labels.items() if not may_see(caller, codes)}
    if not withheld:
        return list(objects), 0
    shown = [item for item in objects if not _touches(item, withheld)]
    dangling = {item.entry_uuid for item in objects if item.kind == "association"} - {item.entry_uuid for item in shown}
    # The SS-HM of a withheld membership goes with it.
    shown = [item for item in shown if not _touches(item, dangling)]
    return shown, sum(item.kind == "document" and item.entry_uuid in withheld for item in objects)


def _touches(item: FoundObject, withheld: Iterable[str]) -> bool:
    return item.entry_uuid in withheld or item.source in withheld or item.target in withheld
