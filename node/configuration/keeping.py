"""Sections of `node.toml`: who is told of documents, and for how long they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from node.configuration import readers
from node.configuration.readers import key


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionsSection:
    """[subscriptions]: notifications of new documents (ITI-52, ITI-53)."""

    recipients: tuple[str, ...] = key(
        readers.places, "hosts and networks that notifications may go to although they are private", ()
    )
    ca: str = key(
        readers.text, "file of the CA of the recipients' certificates (PEM); empty: the node's trusted CAs", ""
    )
    per_community: int = key(
        partial(readers.number, least=0, most=1_000_000), "most subscriptions that another community has here", 10_000
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """[[retention.rules]]: for how long documents are kept."""

    name: str = key(readers.word, "short name, for the record")
    years: int = key(partial(readers.number, least=1, most=200), "years from the document's creationTime")
    classes: tuple[str, ...] = key(readers.code_pairs, "class codes, each CODE^OID; empty means any", ())
    types: tuple[str, ...] = key(readers.code_pairs, "type codes, each CODE^OID; empty means any", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSection:
    """[retention]: what `xdsnode retention apply` may remove; nothing is ever removed by itself."""

    rules: tuple[RetentionRule, ...] = key(
        partial(readers.tables, kind=RetentionRule), "the longest that speaks of a document decides", ()
    )
