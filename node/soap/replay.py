"""MessageIDs seen a short time ago: a write that is sent twice is refused (threats M18). In memory, pure."""

from __future__ import annotations

from collections import OrderedDict


class ReplayWindow:
    """Remembers keys for some time. `now` is any clock that does not go back, in seconds.

    When it is full, the oldest keys go first: forgetting early lets a repeated write through to the registry, which
    refuses it for its ids; growing without bound would stop the node.
    """

    __slots__ = ("_most", "_seconds", "_seen")

    def __init__(self, seconds: float = 300.0, most: int = 200_000) -> None:
        self._seconds = seconds
        self._most = most
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()

    def seen(self, sender: str, message_id: str, now: float) -> bool:
        """Whether `sender` used `message_id` before; if not, it is remembered. An empty MessageID is never seen."""
        if not message_id:
            return False
        self._drop(now)
        key = (sender, message_id)
        if key in self._seen:
            return True
        self._seen[key] = now
        return False

    def forget(self, sender: str, message_id: str) -> None:
        """The request had no effect (the node was busy): it may be sent again."""
        self._seen.pop((sender, message_id), None)

    def __len__(self) -> int:
        return len(self._seen)

    def _drop(self, now: float) -> None:
        while self._seen:
            key, since = next(iter(self._seen.items()))
            if now - since < self._seconds and len(self._seen) < self._most:
                return
            del self._seen[key]
