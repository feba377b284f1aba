"""What was fetched and drawn stays in memory while a patient is open, all of it together within one bound."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from node.web.asking import Brought
    from node.web.drawing.process import Drawn
    from node.web.runs import Run

MOST: Final = 384 << 20  # bytes


class Shelf:
    """The documents of every run, the oldest look first; what no longer fits is fetched again when it is asked for."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: OrderedDict[tuple[int, str], tuple[Run, int]] = OrderedDict()
        self._size = 0

    def put(self, run: Run, key: str, brought: Brought) -> None:
        """Keep a document, unless its run has ended meanwhile."""
        if run.stopped:
            return
        run.brought[key] = brought
        self._grow(run, key, len(brought.content or b""))

    def drawn(self, run: Run, key: str, language: str, drawn: Drawn) -> None:
        """Keep how it was drawn for readers of a language; the same holds."""
        if run.stopped:
            return
        run.drawn[key, language] = drawn
        self._grow(run, key, len(drawn.html) + len(drawn.picture) + len(drawn.text))

    def drop(self, run: Run) -> None:
        """A run has ended: nothing of it stays here, not even that it was."""
        for place in [place for place, (one, _) in self._held.items() if one is run]:
            self._size -= self._held.pop(place)[1]

    def _grow(self, run: Run, key: str, size: int) -> None:
        run.ended = partial(self.drop, run)
        place = (id(run), key)  # the run is held below, so that its id is nobody else's
        held = self._held.pop(place, (run, 0))[1]
        self._held[place] = (run, held + size)
        self._size += size
        while self._size > self._most and len(self._held) > 1:
            (_, oldest), (other, gone) = self._held.popitem(last=False)
            self._size -= gone
            other.forget(oldest)
