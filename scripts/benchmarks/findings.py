"""Forty stories of misuse in 200,000 records: how many the rules find, whom they flag wrongly, how long answers take.

The log is that of `tests/misuse`, in a database as a node has it. Wall clock, because a person waits for it; the
answers are the slowest of each kind, in a process that has just opened the index.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.setting import Setting
from tests.misuse.house import LAKESIDE, House
from tests.misuse.judging import judge, known_of
from tests.misuse.log import fill
from tests.misuse.stories import Planting
from trust.findings.evaluation import evaluate
from trust.ledger import store
from trust.search.criteria import Criteria, facts
from trust.search.index import AuditIndex
from trust.search.search import look_up, search

_DAYS = 60
_SEEDS = (11, 12)  # neither was looked at while the rules were written


def findings(setting: Setting) -> list[Row]:
    """Both logs; the answers of the first."""
    rows, missing, wrong = [], [], []
    for seed in _SEEDS:
        folder = setting.workshop.folder / "work" / f"misuse-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        house = House(seed, _DAYS)
        house.work()
        stories = Planting(house).plant()
        count = fill(house, folder / "node.db")
        setting.report(f"  log {seed}: {count:,} records of {len(house.patients):,} patients, {len(stories)} stories")
        index = AuditIndex(folder / "audit-index.db", folder / "node.db")
        index.catch_up()
        began = time.perf_counter()
        acts = index.acts(0)
        read = time.perf_counter() - began
        suspicions = evaluate(acts, known_of(house))
        took = time.perf_counter() - began
        score = judge(stories, suspicions, len({one.patient for one in acts}))
        missed = ", ".join(one.kind for one in score.missed) or "nothing"
        setting.report(
            f"  {len(score.found)} of {len(stories)} found, missed: {missed}; {score.share:.2%} flagged wrongly"
        )
        setting.report(
            f"  rules over {len(acts):,} acts: {took:.1f} s, {read:.1f} s of it reading; beside the traffic, hourly"
        )
        missing.append(100 * len(score.missed) / len(stories))
        wrong.append(100 * score.share)
        if seed == _SEEDS[0]:
            rows = _answers(setting, index, folder / "node.db")
    return [
        figure(
            "misuse not found",
            "% of 40 stories, the worse log",
            [max(missing)],
            Goal(gate=5, aim=2.5, moonshot=0, lower_is_better=True),
        ),
        figure(
            "patients flagged wrongly",
            "% of all, the worse log",
            [max(wrong)],
            Goal(gate=1, aim=0.8, moonshot=0.3, lower_is_better=True),
        ),
        *rows,
    ]


def _answers(setting: Setting, index: AuditIndex, database: Path) -> list[Row]:
    """The slowest of each kind of question that an auditor asks."""
    reader = store.open_reader(database)
    (size,) = reader.execute("SELECT max(seq) FROM audit_record").fetchone()
    bodies = [store.record(reader, seq) for seq in range(97, size, size // 40)]
    some = [facts(orjson.loads(body[0])) for body in bodies if body]
    reader.close()
    questions: dict[str, list[Criteria]] = {
        "a patient": [Criteria(patient=one.patient) for one in some if one.patient],
        "a user": [Criteria(users=(name.splitlines()[0],)) for one in some for name in one.users[-1:]],
        "an institution": [Criteria(community=LAKESIDE), Criteria(community="urn:oid:2.999.22")],
        "a document": [Criteria(document=name) for one in some for name in one.documents[:1]],
        "refusals": [Criteria(outcome=8), Criteria(outcome=8, events=("ITI-43",), since="2026-10-01")],
        "a period": [Criteria(since="2026-09-20", until="2026-09-21"), Criteria()],
    }

    def asked(wanted: Criteria) -> Callable[[], object]:
        return lambda: search(index, database, wanted, limit=200)

    slowest = {kind: max(map(_seconds, map(asked, each))) for kind, each in questions.items()}
    slowest["one entry"] = max(
        _seconds(lambda at=at: look_up(database, f"2026/{at}")) for at in range(5, size, size // 20)
    )
    for kind, seconds in slowest.items():
        setting.report(f"  {kind}: {seconds * 1000:.0f} ms")
    note = ", ".join(f"{kind} {seconds * 1000:.0f} ms" for kind, seconds in slowest.items())
    goal = Goal(gate=2, aim=0.5, moonshot=0.1, lower_is_better=True)
    return [figure("slowest answer to an auditor", "s", [max(slowest.values())], goal, note)]


def _seconds(question: Callable[[], object]) -> float:
    began = time.perf_counter()
    question()
    return time.perf_counter() - began
