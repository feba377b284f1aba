"""A real node and one simulated community, which has the keys and the ports of a second node that never runs."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.nodes import Node, connect, free_base
from tests.simulator.community import Community, Keys


def couple(folder: Path, *, forked: bool = True) -> tuple[Node, Node, Community]:
    """The node and the second one, which know each other, and the community; nothing runs yet."""
    base = free_base(2)
    node, other = (Node(folder / f"node{k}", base + 10 * k, f"Institution {k}", forked=forked) for k in range(2))
    for one in (node, other):
        one.init(folder / "ca")
    connect([node, other])
    keys = other.folder / "keys"
    keys_there = Keys(keys / "tls.pem", keys / "tls.key", keys / "trust.pem")
    there = Community(other.home, keys_there, repository=other.repository)
    there.port = other.base + 1
    return node, other, there
