"""What may be missing from a list, and why: computed from how each institution ended, never guessed. Pure (ui 4.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from node.outcome_words import ANSWERED, Outcome, Word
from node.web.runs import Run
from node.web.sessions import Person

OLD: Final = timedelta(minutes=15)

Words = Callable[[str], str]

# What a person can do about each end of asking; said as it stands, in the reader's language.
STEPS: Final[Mapping[Word, str]] = {
    Word.ASKING: "",
    Word.FOUND: "",
    Word.NONE: "",
    Word.NO_PATIENT: "It may know this patient under another number. Ask the patient, or call the institution.",
    Word.REFUSED: "Its rules decide. The patient can permit more; in an emergency there is emergency access.",
    Word.TIMEOUT: "Ask again. If it stays so, tell the administrator.",
    Word.CERTIFICATE: "Nothing to do for you: administrators put it right. Call the institution if it is urgent.",
    Word.PROTOCOL: "What came was not believed. Tell the administrator; call the institution if it is urgent.",
    Word.UNREACHABLE: "Ask again later. Call the institution if it is urgent.",
    Word.PAUSED: "It failed again and again a moment ago. Ask again in a minute.",
    Word.NOT_ASKED: "Nobody was asked there. Tell the administrator.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One reason why something may be missing: the sentence, and of which institution it is, "" for none."""

    text: str
    home: str = ""


def gaps(run: Run, person: Person, now: datetime, words: Words, said: Callable[[Outcome], str]) -> list[Gap]:
    """Every reason, the gravest first, and the limits of any network; `said` writes an outcome for the reader."""
    return [*_of_institutions(run, words, said), *_of_the_run(run, person, now, words)]


def _of_institutions(run: Run, words: Words, said: Callable[[Outcome], str]) -> Iterator[Gap]:
    for one in run.outcomes.values():
        if one.home in run.late:
            text = words("{name} answered late; documents that are not in the list yet: {n}")
            yield Gap(text=text.format(name=one.name, n=len(run.late[one.home].entries)), home=one.home)
        elif one.word is Word.ASKING:
            yield Gap(text=words("{name} is still being asked").format(name=one.name), home=one.home)
        elif one.word not in ANSWERED:
            text = words("What {name} holds is missing: {why}").format(name=one.name, why=said(one))
            yield Gap(text=text, home=one.home)
    for one in run.outcomes.values():
        if one.word in (Word.REFUSED, Word.NO_PATIENT) or one.incomplete:
            text = words("{name} may hold more: {why}").format(name=one.name, why=said(one))
            yield Gap(text=text, home=one.home)


def _of_the_run(run: Run, person: Person, now: datetime, words: Words) -> Iterator[Gap]:
    if not person.name or not person.born:
        yield Gap(text=words("Without name and date of birth, institutions with other numbers cannot be searched."))
    if run.failed:
        yield Gap(text=words("Listed documents that could not be fetched: {n}").format(n=len(run.failed)))
    if run.unread:
        yield Gap(text=words("Documents whose text could not be read for the search: {n}").format(n=len(run.unread)))
    if run.began is not None and now - run.began > OLD:
        text = words("These answers are of {time}; what came later is not in them")
        yield Gap(text=text.format(time=f"{run.began:%H:%M}"))
    if run.done and run.answered == run.asked and not run.late:
        yield Gap(text=words("All {n} connected institutions answered.").format(n=run.asked))
    yield Gap(text=words("Institutions outside this network are not included."))
    yield Gap(text=words("Some institutions do not say when a rule withholds a document."))
