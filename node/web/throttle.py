"""How often somebody may try to sign in: few failures for a name, more for an address, then a pause (threats I20)."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

NAME_FAILURES: Final = 5
ADDRESS_FAILURES: Final = 30
PAUSE: Final = 15 * 60.0
_MOST: Final = 20_000
_ONE_SITE: Final = 64  # bits: whoever has one IPv6 address has all with these in front


class Throttle:
    """Failures by key, each forgotten after `PAUSE`; times are seconds of a monotonic clock."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def paused(self, name: str, address: str, now: float) -> bool:
        """Whether this name or address has to wait."""
        return (
            self._count(("name", name), now) >= NAME_FAILURES
            or self._count(("address", network_of(address)), now) >= ADDRESS_FAILURES
        )

    def failed(self, name: str, address: str, now: float) -> None:
        """One more failure; it counts for names that do not exist as for those that do."""
        for key in (("name", name), ("address", network_of(address))):
            self._failures[key] = (self._count(key, now) + 1, now)
            self._failures.move_to_end(key)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str, now: float) -> None:
        """Whoever signs in starts anew; of the address this one try is taken back, its failures stay."""
        self._failures.pop(("name", name), None)
        near = ("address", network_of(address))
        if count := self._count(near, now):
            self._failures[near] = (count - 1, self._failures[near][1])

    def _count(self, key: tuple[str, str], now: float) -> int:
        count, last = self._failures.get(key, (0, 0.0))
        return count if now - last < PAUSE else 0


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, the /64 of an IPv6 one, any other text as it stands."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Network((found, _ONE_SITE), strict=False))
