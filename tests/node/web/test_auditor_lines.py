"""What belongs together on the auditor's search; which state that was kept says something about the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.web.auditor.searching import _bars, _grouped
from node.web.auditor.telling import Line, _name
from node.web.auditor.verifying import _is_signed
from tests.trust.ledger.ledgers import Place, local
from trust.ledger.hdn_verify import Told


def line(label: int, minute: int, who: str = "Dr. Roth", *, patient: str = "1", kind: str = "person", tone: str = "ok"):
    told = Told(
        f"2026-11-30T10:{minute:02d}:00.000Z",
        who,
        "",
        "",
        "",
        "treatment",
        f"act {label}",
        (f"1.2.{label}",),
        "",
        tone,
        "",
    )
    return Line(f"2026/{label}", told, patient, kind)


def groups(*lines: Line, everything: bool = False) -> list[list[str]]:
    return [[one.label[5:] for one in each.lines] for each in _grouped(lines, everything=everything)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([line(3, 20), line(2, 10), line(1, 0)], [["3", "2", "1"]]),
        ([line(2, 40), line(1, 0)], [["2"], ["1"]]),
        ([line(2, 1, patient="2"), line(1, 0)], [["2"], ["1"]]),
        ([line(2, 1, "Dr. Li"), line(1, 0)], [["2"], ["1"]]),
        ([line(2, 59, "a", kind="system"), line(1, 0, "b", kind="system")], [["2", "1"]]),
        ([line(3, 2, kind="log"), line(2, 1, kind="system"), line(1, 0)], [["3"], ["2"], ["1"]]),
        ([], []),
    ],
)
def test_what_is_one_line(lines: list[Line], expected: list[list[str]]) -> None:
    assert groups(*lines) == expected
    assert groups(*lines, everything=True) == [[one.label[5:]] for one in lines]


def test_a_line_of_several_entries_tells_the_worst_of_them() -> None:
    (group,) = _grouped([line(2, 1), line(1, 0, tone="deny")], everything=False)
    assert (group.worst.label, group.what, group.documents) == ("2026/1", "act 1, act 2", 2)


def test_bars_count_everything_once() -> None:
    bars = _bars([line(3, 59), line(2, 30, kind="system"), line(1, 0)])
    assert (sum(one["people"] for one in bars), sum(one["machines"] for one in bars)) == (2, 1)
    assert all(0 <= one["high"] + one["low"] <= 80 for one in bars)
    assert _bars([line(1, 0)]) == []


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("Dr. Roth <roth@idp>", "Dr. Roth"),
        ("<m.sala@urn:oid:2.999>", "m.sala"),
        ("root", "root"),
        ("ward (peer)", "ward (peer)"),
    ],
)
def test_people_are_named_without_identifiers(who: str, name: str) -> None:
    assert _name(who) == name


async def test_a_state_that_was_kept_is_one_that_the_log_signed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.running() as ledger:
        await ledger.record([local()])
    note = (place.shard() / "checkpoint").read_text(encoding="utf-8")
    lines = note.split("\n")
    assert _is_signed(place.audit, note)
    forged = "\n".join([*lines[:2], "A" * 43 + "=", *lines[3:]])
    for other in (forged, "\n".join(lines[:3]) + "\n\n", "", "x/../2026\n", note.replace("/2026", "/2025"), "no state"):
        assert not _is_signed(place.audit, other)
