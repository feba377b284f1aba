"""Who may change what of registered metadata, beyond what the standard's rules say (attack catalogue, C7).

- What may not be seen may not be changed, and is as if it were not registered.
- A confidentialityCode is lowered by the organisation that the document comes from, and by nobody else. Whose it is
  the first version says: the author cannot be changed first.
- Another community changes what its own institutions wrote.
- The test client of development nodes counts as the source of everything: conformance plans lower codes.
- What this institution asks of another one is judged here first, by what it says of the document itself: what may not
  be seen here, or names others as its authors, is not asked. The holder judges again, by what is registered there.
- Bytes that lie here are what hash, size and repositoryUniqueId say of them, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from node import access
from node.exchange import Exchange
from node.notifications.content import told
from registry.document_registry import DocumentRegistry, Permits, Proposed
from registry.errors import ErrorCode, RegistryError
from registry.metadata.objects import DocumentEntry
from registry.updates import Transaction
from trust.consent.decision import EVERYTHING
from trust.consent.matching import institutions
from trust.consent.policy import Pair
from trust.identity.caller import Role

_LEVELS: Final = "ULMNRV"  # HL7 Confidentiality, from the least protected to the most
_HL7: Final = "2.16.840.1.113883.5.25"
_REFUSED: Final = {"ITI-57": ErrorCode.METADATA_UPDATE, "ITI-92": ErrorCode.LOCAL_POLICY_RESTRICTION}
_FIXED: Final = {"ITI-57": ErrorCode.METADATA_UPDATE, "ITI-92": ErrorCode.UNMODIFIABLE_METADATA}


def permits(exchange: Exchange, registry: DocumentRegistry, transaction: Transaction) -> Permits:
    """What this node says against an update by who asks in this exchange."""
    judging = _Judging(exchange, registry, transaction)
    return judging.all


def refusals_elsewhere(
    documents: Sequence[DocumentEntry], patient: str, home: str, exchange: Exchange
) -> Iterator[RegistryError]:
    """What this node says against asking the community `home` for an update; `patient` is ours (CX)."""
    caller, view = exchange.caller, access.of(exchange)
    own = institutions(caller, exchange.actors.policy.jurisdiction)
    for entry in documents:
        labels = told(entry, patient, home).labels()
        authors = {*labels.author_institutions}
        why = ""
        if not view.may_be_told(labels):
            why = "the policy here does not let you see this document"
        elif authors and not authors & own and caller.clearance != EVERYTHING:
            why = "another institution wrote this document; it is corrected from there"
        if why:
            yield RegistryError(ErrorCode.LOCAL_POLICY_RESTRICTION, f"{entry.unique_id}: {why}", entry.entry_uuid)


def lowers(before: Sequence[Pair], after: Sequence[Pair]) -> bool:
    """Whether a document is less protected with the codes `after` than it was with `before`.

    A code of another system protects as long as it stands there.
    """
    others = {pair for pair in before if pair[1] != _HL7} - {*after}
    return bool(others) or _level(after) < _level(before)


def _level(codes: Sequence[Pair]) -> int:
    return max((_LEVELS.find(code) for code, scheme in codes if scheme == _HL7), default=-1)


class _Judging:
    def __init__(self, exchange: Exchange, registry: DocumentRegistry, transaction: Transaction) -> None:
        self._exchange = exchange
        self._registry = registry
        self._transaction = transaction
        self._own = exchange.actors.own.repository_unique_id
        self._view = access.of(exchange)

    def all(self, proposed: Sequence[Proposed]) -> Iterable[RegistryError]:
        documents = [item for item in proposed if item.kind == "document"]
        for item in documents:
            if not self._may_see(item):
                unknown = ErrorCode.METADATA_VERSION if item.new else ErrorCode.UNRESOLVED_REFERENCE
                yield RegistryError(unknown, f"nothing is registered that {item.named} could follow", item.named)
            else:
                yield from self._of_document(item)
        if self._exchange.caller.role is Role.PEER and len(documents) < len(proposed):
            yield RegistryError(_REFUSED[self._transaction], "another community updates documents only")

    def _may_see(self, item: Proposed) -> bool:
        entries = self._registry.documents([item.unique_id]).get(item.unique_id, [])
        return self._view.may_see([one for one in entries if one.id == item.key])

    def _of_document(self, item: Proposed) -> Iterator[RegistryError]:
        foreign = self._exchange.caller.role is Role.PEER and self._exchange.caller.clearance != EVERYTHING
        if foreign and not self._is_of_caller(item):
            yield self._refused(item, "another institution wrote this document")
            return
        new = item.new
        if not isinstance(new, DocumentEntry):
            return
        after = [(code.code, code.scheme or "") for code in new.confidentiality_codes]
        if lowers(item.confidentiality, after) and not self._is_of_caller(item):
            yield self._refused(item, "confidentialityCode is lowered by the institution that wrote the document only")
        yield from self._bytes(item, new)

    def _bytes(self, item: Proposed, new: DocumentEntry) -> Iterator[RegistryError]:
        if self._own not in {item.repository_unique_id, *new.repository_unique_id}:
            return
        size = "" if item.size is None else str(item.size)
        for name, before, after in (
            ("repositoryUniqueId", item.repository_unique_id, "".join(new.repository_unique_id)),
            ("hash", item.hash.lower(), "".join(new.hash).lower()),
            ("size", size, "".join(new.size).lstrip("0") or "".join(new.size)[:1]),
        ):
            if before != after:
                text = f"{name} of {item.unique_id} says what is stored here and cannot be changed"
                yield RegistryError(_FIXED[self._transaction], text, item.named)

    def _is_of_caller(self, item: Proposed) -> bool:
        """Whether the document comes from the institution that asks.

        One of this node's repository that names no institution is this institution's.
        """
        caller, rules = self._exchange.caller, self._exchange.actors.policy.jurisdiction
        if caller.clearance == EVERYTHING:  # the test client of development nodes
            return True
        authors = access.authors(self._registry, item.first)
        if not authors:
            return caller.role is not Role.PEER and item.repository_unique_id == self._own
        return bool(institutions(caller, rules) & {*authors})

    def _refused(self, item: Proposed, why: str) -> RegistryError:
        return RegistryError(_REFUSED[self._transaction], f"{item.entry_uuid}: {why}", item.named)
