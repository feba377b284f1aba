"""How often one peer, and one user behind it, may ask for persons: buckets that fill again with time. Pure.

Who tries names and birth dates one after the other learns at most this often who is known here (threats: C14).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_MOST: Final = 10_000  # buckets that are remembered


class Rates:
    """Buckets by name. A full one holds a minute's worth, so that a ward round is no flood."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, per_minute: int, now: float) -> bool:
        """Whether one more question may be answered; `now` is in seconds of a monotonic clock."""
        left, since = self._left.get(name, (float(per_minute), now))
        left = min(float(per_minute), left + (now - since) * per_minute / 60)
        allowed = left >= 1
        self._left[name] = (left - 1 if allowed else left, now)
        self._left.move_to_end(name)
        if len(self._left) > _MOST:
            self._left.popitem(last=False)
        return allowed
