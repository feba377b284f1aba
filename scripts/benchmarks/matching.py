"""Whether the matching links the right records: of people and mistakes that it was not made with (issue 5, point 3).

Three sets are of seeds that nobody looked at while the matching was made, one is of a seed drawn for this run. Wrong
links are counted among those made automatically; what a person would be asked about is no link.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict

from registry.patients.demographics import Identifier
from scripts.benchmarks.matching_quality import Quality, judge
from scripts.benchmarks.matching_records import SOURCES, population
from scripts.benchmarks.report import Goal, Row, figure
from scripts.benchmarks.rounds import Spread, Verdict
from scripts.benchmarks.setting import Setting

_PEOPLE = 5_000
_SEEDS = (8101, 8102, 8103)


def matching(setting: Setting) -> list[Row]:
    """Four sets, each on its own gate; recall is reported, by kind of mistake too."""
    seeds = (*_SEEDS, random.SystemRandom().randrange(10_000, 10**9))
    judged = {seed: _judged(setting, seed) for seed in seeds}
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for quality in judged.values():
        for kind, found in quality.by_kind.items():
            counts[kind] = [one + more for one, more in zip(counts[kind], found, strict=True)]
    setting.report("  kind of mistake, in either record: true pairs, linked, linked or before a person")
    for kind, (pairs, linked, seen) in sorted(counts.items(), key=lambda item: item[1][1] / item[1][0]):
        setting.report(f"    {kind:26} {pairs:7,} {linked / pairs:6.1%} {seen / pairs:6.1%}")
    goal = Goal(gate=1, aim=0.3, moonshot=0, lower_is_better=True)
    rows = [
        figure(
            f"wrong automatic links, set {seed}",
            "of 1,000 links",
            [1000 * (1 - quality.precision)],
            goal,
            f"{quality.links - quality.links_right} of {quality.links:,}; precision {quality.precision:.5f}, "
            f"of whole persons {quality.precision_of_persons:.5f}",
        )
        for seed, quality in judged.items()
    ]
    return [
        *rows,
        _reported("recall of links", [one.recall for one in judged.values()]),
        _reported("recall with the queue", [one.seen for one in judged.values()]),
    ]


def _reported(name: str, values: list[float]) -> Row:
    return Row(name=name, unit="true pairs", spread=Spread.of(values), verdict=Verdict.REPORTED)


def _judged(setting: Setting, seed: int) -> Quality:
    entries = population(_PEOPLE, seed=seed)
    by = {entry.identifier: entry for entry in entries}

    def kinds(one: Identifier, other: Identifier) -> frozenset[str]:
        first, second = by[one], by[other]
        scripts = {"two scripts"} if first.script != second.script else set()
        return first.kinds | second.kinds | scripts

    began = time.perf_counter()
    quality = judge(entries, SOURCES, kinds)
    took = 1000 * (time.perf_counter() - began) / len(entries)
    setting.report(
        f"  set {seed}: {len(entries):,} records of {_PEOPLE:,} people; precision {quality.precision:.5f} of "
        f"{quality.links:,} links, recall {quality.recall:.3f}, with the queue {quality.seen:.3f} "
        f"({quality.queued:,} pairs, {quality.queued_right:,} of them right); {took:.1f} ms a record"
    )
    return quality
