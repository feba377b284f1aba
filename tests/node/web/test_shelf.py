"""What was fetched stays within one bound, and no longer than the run that it is of."""

import gc
import weakref

from node.web.asking import Brought
from node.web.runs import Run
from node.web.shelf import Shelf


class Watched(Run):
    """A run whose end can be seen."""


def brought(size: int) -> Brought:
    return Brought(content=b"x" * size, entry="1")


def test_what_was_looked_at_longest_ago_makes_room():
    shelf, run = Shelf(100), Run("h", {}, "own")
    for key in "abc":
        shelf.put(run, key, brought(40))
    assert set(run.brought) == {"b", "c"}


def test_a_run_that_ended_takes_no_room_and_is_not_held():
    shelf, ended, other = Shelf(100), Watched("h", {}, "own"), Run("i", {}, "own")
    shelf.put(ended, "a", brought(80))
    shelf.put(other, "b", brought(10))
    seen = weakref.ref(ended)
    ended.stop()
    del ended
    gc.collect()
    assert seen() is None
    shelf.put(other, "c", brought(85))
    assert set(other.brought) == {"b", "c"}


def test_what_comes_after_the_end_of_its_run_is_not_kept():
    shelf, run = Shelf(100), Run("h", {}, "own")
    run.stop()
    shelf.put(run, "a", brought(10))
    assert not run.brought
