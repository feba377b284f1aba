"""How often somebody may try to sign in before a pause (threats I20).

Few failures for a name from one address, so that whoever fails elsewhere keeps nobody out; more for an address,
whatever the names; and many for a name from everywhere, against guessing that is spread over addresses.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

PLACE_FAILURES: Final = 5
ADDRESS_FAILURES: Final = 30
NAME_FAILURES: Final = 100
PAUSE: Final = 15 * 60.0
_MOST: Final = 20_000
_ONE_SITE: Final = 64  # bits: whoever has one IPv6 address has all with these in front


class Throttle:
    """Failures by key, each forgotten after `PAUSE`; times are seconds of a monotonic clock."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def paused(self, name: str, address: str, now: float) -> bool:
        """Whether this name has to wait at this address."""
        return any(self._count(key, now) >= bound for key, bound in _keys(name, address).items())

    def failed(self, name: str, address: str, now: float) -> None:
        """One more failure; it counts for names that do not exist as for those that do."""
        for key in _keys(name, address):
            self._failures[key] = (self._count(key, now) + 1, now)
            self._failures.move_to_end(key)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str, now: float) -> None:
        """Whoever signs in starts anew here; of address and name this one try is taken back, other failures stay."""
        here, *others = _keys(name, address)
        self._failures.pop(here, None)
        for key in others:
            if count := self._count(key, now):
                self._failures[key] = (count - 1, self._failures[key][1])

    def _count(self, key: tuple[str, str], now: float) -> int:
        count, last = self._failures.get(key, (0, 0.0))
        return count if now - last < PAUSE else 0


def _keys(name: str, address: str) -> dict[tuple[str, str], int]:
    """What one try counts for, the name at this address first, and how many failures each may have."""
    near = network_of(address)
    return {(name, near): PLACE_FAILURES, ("", near): ADDRESS_FAILURES, (name, ""): NAME_FAILURES}


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, the /64 of an IPv6 one, any other text as it stands."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Network((found, _ONE_SITE), strict=False))
