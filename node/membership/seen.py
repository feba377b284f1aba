"""What two nodes that compare numbers know of each other: the same on both sides when nobody stands between them."""

from __future__ import annotations


def seen_of(federation: str, root: str, tls: str, key: str, said: str) -> dict[str, str]:
    """`root` and `tls` are of the invitation, `key` is the joining node's, `said` what it sent; all SHA-256, hex."""
    return {"federation": federation, "root": root, "tls": tls, "key": key, "community": said}
