"""Who hears of the outcomes of a query under way."""

from __future__ import annotations

from node.federation.watching import Watching
from node.outcome_words import Outcome, Word

FOUND = Outcome(home="urn:oid:2.999.7", name="Clinic South", word=Word.FOUND, count=1)


async def test_a_node_that_stops_waits_for_nobody_who_listens() -> None:
    watching = Watching()
    with watching.watch("fingerprint", "urn:uuid:1") as watcher, watching.watch("fingerprint", "urn:uuid:2") as idle:
        assert watcher is not None
        assert idle is not None
        watcher.tell(FOUND)
        watching.end()
        assert [one async for one in watcher.outcomes(3600)] == [FOUND]
        assert [one async for one in idle.outcomes(3600)] == []
