"""The rules on a small made-up hospital with 40 stories of misuse; the large one is a row of `scripts/bench`.

A month in a house of 130 people is less than the rules are made for: habits are hardly known. So the bounds are wider.
"""

from __future__ import annotations

import asyncio
from itertools import islice

import pytest

from tests.misuse.house import House, ordered
from tests.misuse.judging import acts_of, judge, known_of
from tests.misuse.stories import TIMES, Planting, Story
from tests.trust.ledger.ledgers import Place
from trust.findings.evaluation import evaluate
from trust.search.activity import Activity
from trust.search.index import AuditIndex

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def told() -> tuple[House, list[Story], list[Activity]]:
    house = House(1, 30, 0.4)
    house.work()
    stories = Planting(house).plant()
    return house, stories, acts_of(house)


def test_most_stories_are_found_and_few_patients_are_flagged_wrongly(told) -> None:
    house, stories, acts = told
    assert len(stories) == sum(TIMES.values()) == 40
    score = judge(stories, evaluate(acts, known_of(house)), len({one.patient for one in acts}))
    assert len(score.found) >= 36, [one.kind for one in score.missed]
    assert score.share <= 0.02, score.rules()
    assert judge(stories, [], 100).found == []


def test_a_young_log_is_not_full_of_findings() -> None:
    """Who came before the log began is unknown; that alone is no suspicion."""
    house = House(3, 9, 0.3)
    house.work()
    acts = acts_of(house)
    flagged = {patient for one in evaluate(acts, known_of(house)) for patient in one.patients}
    assert len(flagged) <= 0.04 * len({one.patient for one in acts})


def test_acts_come_out_of_the_index_as_they_are_in_the_records(told, tmp_path) -> None:
    house, _, acts = told
    records = [*islice(ordered(house), 600)]

    async def filled(place: Place) -> None:
        async with place.running() as ledger:
            await ledger.record(records)

    place = Place(tmp_path)
    asyncio.run(filled(place))
    index = AuditIndex(tmp_path / "audit-index.db", place.database)
    found = index.acts(0)
    direct = [one for one in acts if one.seq <= 600]
    first = found[0].seq - direct[0].seq  # the year's entry that begins the log
    assert [(one.seq - first, one.user, one.patient, one.act, one.place, one.documents) for one in found] == [
        (one.seq, one.user, one.patient, one.act, one.place, one.documents) for one in direct
    ]
    assert index.acts(found[-1].time + 1) == []
