"""Lines, facets, timeline and gaps of the list of documents, as ui 4.c says; all of it pure."""

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.outcome_words import Outcome, Word
from node.web.asking import Said
from node.web.facets import Wanted, choose
from node.web.items import Item, lines
from node.web.missing import STEPS, gaps
from node.web.runs import Run
from node.web.sessions import Person
from node.web.timeline import MOST_DOTS, timeline
from registry.metadata.objects import (
    APPROVED,
    DEPRECATED,
    ON_DEMAND_DOCUMENT,
    Author,
    Code,
    DocumentEntry,
    LocalizedString,
)

OWN, NORTH, SOUTH = "urn:oid:2.999.1", "urn:oid:2.999.2", "urn:oid:2.999.3"
_KEYS = itertools.count(1)


def entry(
    unique_id="2.999.9.1", hash_="aa", status=APPROVED, uuid="", kind="Letter", date="20240229", role=""
) -> DocumentEntry:
    return DocumentEntry(
        entry_uuid=uuid or f"urn:uuid:{next(_KEYS)}",
        unique_id=unique_id,
        hash=(hash_,) if hash_ else (),
        availability_status=status,
        type_codes=(Code(scheme="urn:uuid:s", code=kind, display=(LocalizedString(value=kind),)),),
        creation_time=(date,) if date else (),
        authors=(Author(roles=(role,)),) if role else (),
    )


def item(home=OWN, **changes) -> Item:
    return Item(key=f"k{next(_KEYS)}", entry=entry(**changes), home=home, institution=home[-1])


def test_the_same_number_and_content_is_one_line_with_all_sources_and_opens_the_own_copy():
    far, own = item(NORTH), item(OWN)
    (line,) = lines([far, item(SOUTH), own], {}, OWN)
    assert line.key == own.key
    assert line.institutions == ("1", "2", "3")


def test_the_same_number_with_other_content_is_never_folded():
    found = lines([item(NORTH), item(SOUTH, hash_="bb")], {}, OWN)
    assert len(found) == 2
    assert all(line.contradicted for line in found)


def test_the_same_content_under_two_numbers_is_one_line_that_says_so_unless_a_number_contradicts_itself():
    (line,) = lines([item(NORTH), item(SOUTH, unique_id="2.999.9.2")], {}, OWN)
    assert [one.entry.unique_id for one in line.twins] == ["2.999.9.2"]
    found = lines([item(NORTH), item(SOUTH, hash_="bb"), item(OWN, unique_id="2.999.9.2")], {}, OWN)
    assert len(found) == 3


def test_without_a_hash_nothing_is_folded():
    assert len(lines([item(NORTH, hash_=""), item(SOUTH, hash_="")], {}, OWN)) == 2


def test_former_versions_stand_below_what_replaced_them_through_others_too():
    first = item(NORTH, unique_id="2.999.9.1", hash_="a1", uuid="u1", status=DEPRECATED, date="2020")
    second = item(NORTH, unique_id="2.999.9.2", hash_="a2", uuid="u2", status=DEPRECATED, date="2021")
    third = item(NORTH, unique_id="2.999.9.3", hash_="a3", uuid="u3", date="2022")
    replaced = {(NORTH, "u1"): "u2", (NORTH, "u2"): "u3"}
    (line,) = lines([first, second, third], replaced, OWN)
    assert line.key == third.key
    assert [one.key for one in line.versions] == [second.key, first.key]


def test_what_one_institution_keeps_as_current_is_no_former_version():
    former, current = item(NORTH, status=DEPRECATED), item(SOUTH)
    (line,) = lines([former, current], {}, OWN)
    assert not line.replaced


@given(st.data())
def test_no_document_ever_vanishes(data):
    """Whatever institutions say of hashes, statuses and replacements, every entry is on exactly one line."""
    made = [
        item(
            data.draw(st.sampled_from([OWN, NORTH, SOUTH])),
            unique_id=data.draw(st.sampled_from(["", "2.999.1", "2.999.2", "2.999.3"])),
            hash_=data.draw(st.sampled_from(["", "aa", "bb"])),
            status=data.draw(st.sampled_from([APPROVED, DEPRECATED])),
            uuid=f"u{number}",
        )
        for number in range(data.draw(st.integers(0, 8)))
    ]
    pairs = st.tuples(st.integers(0, 8), st.integers(0, 8))
    said = data.draw(st.lists(pairs, max_size=8))
    homes = [OWN, NORTH, SOUTH]
    replaced = {(home, f"u{one}"): f"u{other}" for one, other in said for home in homes}
    keys = []
    for line in lines(made, replaced, OWN):
        keys += [line.key, *(one.key for one in line.folded)]
    assert sorted(keys) == sorted(one.key for one in made)


SOME = [
    item(NORTH, unique_id="2.999.1", hash_="a1", kind="Letter", date="2024", role="cardiology"),
    item(NORTH, unique_id="2.999.2", hash_="a2", kind="Letter", date="20240229101500"),
    item(SOUTH, unique_id="2.999.3", hash_="a3", kind="Laboratory", date="202403", role="nurse"),
    item(SOUTH, unique_id="2.999.4", hash_="a4", kind="Laboratory", date="", status=DEPRECATED),
]
QUERIES = [
    "",
    "kind=Letter",
    "org=3",
    "kind=Letter&org=3",
    "role=nurse",
    "from=2024-02-29&to=2024-03",
    "to=2023",
    "replaced=1",
    "new=1",
    "q=labor",
]


@pytest.mark.parametrize("query", QUERIES)
def test_each_facet_counts_what_the_others_leave(query):
    """Against an independent count: choosing one more value of a facet shows as many as were announced."""
    wanted = Wanted.of(query)

    def text(one):
        return f"{one.kind} {one.title}".casefold()

    def is_new(one):
        return one is SOME[0]

    chosen = choose(SOME, wanted, is_new, text)
    for name, values in (("kinds", chosen.kinds), ("orgs", chosen.orgs), ("roles", chosen.roles)):
        for value in values:
            narrowed = Wanted.of(wanted.query(**{name: (value.name,)}))
            assert len(choose(SOME, narrowed, is_new, text).items) == value.count
    assert chosen.new == len(choose(SOME, Wanted.of(wanted.query(new=True)), is_new, text).items)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("from=2024-02-29&to=2024-02-29", [0, 1]),
        ("from=2024-03", [0, 2]),
        ("to=2024-01", [0]),
        ("from=2025", []),
        ("replaced=1", [0, 1, 2, 3]),
        ("", [0, 1, 2]),
    ],
)
def test_dates_are_as_precise_as_they_are(query, shown):
    found = choose(SOME, Wanted.of(query), lambda _: False, lambda _: "").items
    assert [SOME.index(one) for one in found] == shown


@given(st.text(alphabet="kindorgwfmtqsviep=&%+20-1", max_size=60))
def test_one_list_has_one_address(text):
    once = Wanted.of(text).query()
    assert Wanted.of(once).query() == once


def test_a_chosen_value_that_is_gone_stays_visible():
    found = choose(SOME, Wanted.of("kind=Radiology"), lambda _: False, lambda _: "")
    assert [(value.name, value.count) for value in found.kinds if value.chosen] == [("Radiology", 0)]


def test_many_documents_are_marks_of_months_and_none_is_left_out():
    many = [
        item(unique_id=f"2.999.{k}", hash_=f"{k}", date=f"20{k % 30:02}{k % 12 + 1:02}", kind=f"kind {k % 11}")
        for k in range(MOST_DOTS + 1)
    ]
    line = timeline(many)
    assert line.rest
    assert sum(len(mark.items) for mark in line.marks) == len(many)
    assert all(mark.month and mark.width > 0 for mark in line.marks)


def test_a_date_without_a_day_is_a_bar_and_one_that_is_none_is_counted():
    line = timeline([item(date="2024"), item(date="20240229"), item(date="20241341"), item(date="")])
    assert [mark.width > 0 for mark in line.marks] == [True, False]
    assert line.undated == 2


@given(st.lists(st.text(alphabet="0123456789", max_size=14), max_size=12))
def test_no_date_breaks_the_timeline(dates):
    line = timeline([item(date=date) for date in dates])
    assert sum(len(mark.items) for mark in line.marks) + line.undated == len(dates)


def test_every_end_of_asking_has_a_next_step_or_needs_none():
    assert set(STEPS) == set(Word)


KNOWN = Person(cx="1", name="LI", born="1961")


def ended(word: Word, home=NORTH, **more) -> Outcome:
    return Outcome(home=home, name=home[-1], word=word, **more)


def reasons(run: Run, person=KNOWN, now=datetime(2026, 1, 1, tzinfo=UTC)) -> list[str]:
    return [gap.text for gap in gaps(run, person, now, str, lambda one: str(one.word))]


@pytest.mark.parametrize("word", [word for word in Word if word not in (Word.FOUND, Word.NONE)])
def test_each_institution_that_may_hold_more_is_named(word):
    run = Run("h", {NORTH: "2"}, OWN, outcomes={NORTH: ended(word)})
    assert sum("2" in text for text in reasons(run) if "connected" not in text) == 1


def test_all_is_said_to_be_well_only_when_it_is():
    good = Run("h", {NORTH: "2"}, OWN, outcomes={NORTH: ended(Word.FOUND, count=1)})
    well = "All 1 connected institutions answered."
    assert well in reasons(good)
    assert well not in reasons(Run("h", {NORTH: "2"}, OWN, outcomes={NORTH: ended(Word.PAUSED)}))
    good.began = datetime(2026, 1, 1, tzinfo=UTC)
    later = reasons(good, now=good.began + timedelta(minutes=16))
    assert any("These answers are of 00:00" in text for text in later)
    good.failed.add("k")
    assert any("could not be fetched" in text for text in reasons(good))
    assert any("date of birth" in text for text in reasons(good, person=Person(cx="1")))


async def test_an_answer_after_the_common_time_waits_until_somebody_wants_it():
    answered = asyncio.Event()

    async def ask(home, name):
        if home == NORTH:
            await answered.wait()
        return Said(outcome=ended(Word.FOUND, home, count=1), entries=(entry(unique_id=f"{home}.1", hash_=home),))

    run = Run("h", {OWN: "1", NORTH: "2"}, OWN, seconds=0.01)
    run.begin(ask)
    while not run.done:
        await run.change(run.changes, 5.0)
    assert run.outcomes[NORTH].word is Word.TIMEOUT
    assert not run.over
    answered.set()
    while NORTH not in run.late:
        await run.change(run.changes, 5.0)
    assert len(run.items()) == 1
    run.take_late()
    assert len(run.items()) == 2
    assert run.outcomes[NORTH].word is Word.FOUND


async def test_what_is_made_when_it_is_opened_stands_first():
    """A summary has no date, and is newer than every document."""
    summary = replace(entry(unique_id="2.999.9.7", hash_="", date=""), object_type=ON_DEMAND_DOCUMENT)
    entries = (entry(date="20240101"), summary, entry(unique_id="2.999.9.2", hash_="bb", date="20240301"))

    async def ask(home: str, name: str) -> Said:
        return Said(outcome=Outcome(home=home, name=name, word=Word.FOUND), entries=entries)

    run = Run("h", {OWN: "Own"}, OWN)
    run.begin(ask)
    while not run.done:
        await run.change(run.changes, 1.0)
    assert [one.date for one in run.items()] == ["", "20240301", "20240101"]


async def test_one_institution_is_asked_again_and_the_others_are_not():
    asked = []

    async def ask(home, name):
        asked.append(home)
        word = Word.UNREACHABLE if asked.count(home) == 1 and home == NORTH else Word.FOUND
        return Said(
            outcome=ended(word, home), entries=(entry(unique_id=home, hash_=home),) if word is Word.FOUND else ()
        )

    run = Run("h", {OWN: "1", NORTH: "2"}, OWN)
    run.begin(ask)
    while not run.done:
        await run.change(run.changes, 5.0)
    run.again(NORTH, ask)
    run.again("urn:oid:2.999.404", ask)  # nobody of this run: nothing happens
    assert len(run.items()) == 1
    while not run.done:
        await run.change(run.changes, 5.0)
    assert asked == [OWN, NORTH, NORTH]
    assert len(run.items()) == 2


def test_what_only_an_emergency_shows_is_marked():
    shared = entry(unique_id="2.999.1", hash_="a1")
    run = Run("h", {OWN: "1"}, OWN, known=frozenset([replace(item(), entry=shared).digest]))
    run._answers[OWN] = Said(outcome=ended(Word.FOUND, OWN), entries=(shared, entry(unique_id="2.999.2", hash_="a2")))
    assert sorted((line.entry.unique_id, line.opened) for line in run.items()) == [
        ("2.999.1", False),
        ("2.999.2", True),
    ]
