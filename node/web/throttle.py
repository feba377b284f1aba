"""How often somebody may try to sign in: few failures for a name, more for an address, then a pause (threats I20)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

NAME_FAILURES: Final = 5
ADDRESS_FAILURES: Final = 30
PAUSE: Final = 15 * 60.0
_MOST: Final = 20_000


class Throttle:
    """Failures by key, each forgotten after `PAUSE`; times are seconds of a monotonic clock."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def paused(self, name: str, address: str, now: float) -> bool:
        """Whether this name or address has to wait."""
        return (
            self._count(("name", name), now) >= NAME_FAILURES
            or self._count(("address", address), now) >= ADDRESS_FAILURES
        )

    def failed(self, name: str, address: str, now: float) -> None:
        """One more failure; it counts for names that do not exist as for those that do."""
        for key in (("name", name), ("address", address)):
            self._failures[key] = (self._count(key, now) + 1, now)
            self._failures.move_to_end(key)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str, now: float) -> None:
        """Whoever signs in starts anew; of the address this one try is taken back, its failures stay."""
        self._failures.pop(("name", name), None)
        if count := self._count(("address", address), now):
            self._failures["address", address] = (count - 1, self._failures["address", address][1])

    def _count(self, key: tuple[str, str], now: float) -> int:
        count, last = self._failures.get(key, (0, 0.0))
        return count if now - last < PAUSE else 0
