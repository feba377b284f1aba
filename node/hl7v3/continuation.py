"""QUQI_IN000003UV01: more of an answer that came in parts, or no more of it (ITI-47). Pure.

Source: ITI TF-2: 3.47.4.3, 3.47.4.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from node.hl7v3.datatypes import Ii, attribute, child, read_ii
from node.hl7v3.wrapper import BadMessage, Wrapper, read_wrapper

CONTINUATION = "QUQI_IN000003UV01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """The next `quantity` (None: as many as before) of the answer to a query, or its end (`cancelled`)."""

    wrapper: Wrapper
    query_id: Ii
    quantity: int | None
    cancelled: bool


def read_continuation(root: etree._Element) -> Continuation:
    """Read one.

    Raises:
        BadMessage: it does not name a query.
    """
    wrapper = read_wrapper(root)
    element = child(wrapper.act, "queryContinuation")
    query_id = read_ii(child(element, "queryId"))
    if not query_id.root:
        raise BadMessage("the message has no queryContinuation with a queryId")
    quantity = attribute(child(element, "continuationQuantity"), "value")
    return Continuation(
        wrapper=wrapper,
        query_id=query_id,
        quantity=int(quantity) if quantity.isascii() and quantity.isdigit() and len(quantity) < 10 else None,
        cancelled=attribute(child(element, "statusCode"), "code") == "aborted",
    )
