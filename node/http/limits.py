"""Times and numbers that bound what a connection may do to this node (threats M13 to M17, T22)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Bounds of the listener. Times in seconds, rates in bytes per second.

    `floor` is the least rate at which a body must arrive and an answer must be taken, judged over `window`; a body
    slower than that is refused, an answer not taken at that rate for `write_stall` ends the connection. A head has
    `head` seconds to come, a handshake `handshake`, and only `patience` when it is in the way of another.
    """

    handshake: float = 10.0
    handshakes: int = 128  # under way together; each holds a quarter of a megabyte
    arrivals: int = 1024  # connections without a handshake, or in the middle of it
    head: float = 10.0
    patience: float = 1.0
    keep_alive: float = 90.0  # longer than callers keep theirs, so that none writes into a closing connection
    floor: int = 1024
    window: float = 5.0
    write_stall: float = 30.0
    lingering: float = 1.0
    watch: float = 1.0  # how often connections are looked at
    line: int = 8190  # request line, and each header
    headers: int = 64
    read_buffer: int = 256 * 1024
    connections: int = 2048
    connections_per_address: int = 256
    backlog: int = 512


DEFAULT = HttpLimits()
