"""Which communities are witnesses, and where they are asked."""

from __future__ import annotations

from collections.abc import Sequence

from trust.communities import Community


def witnesses_of(communities: Sequence[Community], wanted: Sequence[str]) -> list[Community]:
    """The communities that cosign this node's log: all that can, or those that are named."""
    able = [
        one for one in communities if one.audit is not None and one.audit.witness is not None and _base(one) is not None
    ]
    return [one for one in able if not wanted or one.home in wanted or one.name in wanted]


def url_of(community: Community, path: str) -> str:
    """An address below the `audit` endpoint of a community."""
    return f"{(_base(community) or '').rstrip('/')}/{path}"


def _base(community: Community) -> str | None:
    return community.endpoints.get("audit")
