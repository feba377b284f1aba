"""Two logs compared exchange by exchange: every row of the table of audit-ledger 2.8, and A11 (a side that does not log)."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.ledger.ledgers import TIME, Place, local, query_event
from trust.audit.event import Kind, NewRecord
from trust.ledger import hdn_verify
from trust.ledger.record import payload_digest
from trust.ledger.sequencer import AuditProof, Sequencer

HOME_A, HOME_B, HOME_C = "urn:oid:2.999.1", "urn:oid:2.999.2", "urn:oid:2.999.3"
FILE = Path(hdn_verify.__file__)

Records = dict[str, NewRecord]


def record(kind: Kind, cid: str, peer: str, text: str = "", receipt: bytes = b"") -> NewRecord:
    leg = "s" if kind in (Kind.RESPONSE_SENT, Kind.RESPONSE_RECEIVED) else "q"
    content = text or f"{leg} {cid}"
    return NewRecord(
        kind=kind,
        time=TIME,
        cid=cid,
        leg=leg,
        peer=peer,
        payload=payload_digest([("body", len(content), content.encode().ljust(32)[:32])]),
        event=None if kind in (Kind.REQUEST_SENT, Kind.REQUEST_RECEIVED) else query_event(),
        receipt=receipt,
    )


class Pair:
    """Two nodes with their logs, A asking B."""

    def __init__(self, a: Sequencer, b: Sequencer) -> None:
        self.a, self.b = a, b

    async def exchange(self, cid: str, *kinds: int, peer: str = HOME_B, text: str = "", answer: str = "") -> None:
        """What each side records of one exchange, receipts included; `text` is what B got of the request."""
        proofs: dict[int, AuditProof] = {}
        if 1 in kinds:
            proofs[1] = await self.a.record([record(Kind.REQUEST_SENT, cid, peer)])
        receipt = proofs[1].receipt() if 1 in kinds else b""
        there = [record(Kind(2), cid, HOME_A, text, receipt)] if 2 in kinds else []
        there += [record(Kind(3), cid, HOME_A)] if 3 in kinds else []
        if there:
            proofs[3] = await self.b.record(there)
        receipt = proofs[3].receipt() if 3 in kinds else b""
        outcomes = [record(Kind.RESPONSE_RECEIVED, cid, peer, answer, receipt)] if 4 in kinds else []
        outcomes += [record(Kind.EXCHANGE_FAILED, cid, peer)] if 6 in kinds else []
        if outcomes:
            await self.a.record([local(), *outcomes])


async def logs(folder: Path, fill: Callable[[Pair], object]) -> tuple[Place, Place]:
    a, b = Place(folder / "a", "node-a.example"), Place(folder / "b", "node-b.example")
    for place in (a, b):
        place.root.mkdir()
    async with a.running() as one, b.running() as two:
        pair = Pair(one, two)
        await pair.exchange("normal-1", 1, 2, 3, 4)
        await fill(pair)
        await pair.exchange("normal-2", 1, 2, 3, 4)
    return a, b


def compared(a: Place, b: Place, *options: str, leaves: str = "", year: bool = False) -> tuple[int, dict]:
    """Exit status and JSON; `leaves` names the sides whose records are not at hand."""
    words = ["reconcile", *(str(place.shard() if year else place.audit) for place in (a, b)), "--json", *options]
    words += [f"--records-{letter}={place.database}" for letter, place in (("a", a), ("b", b)) if letter not in leaves]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        status = hdn_verify.main(words)
    return status, json.loads(said.getvalue())


ROWS = [
    pytest.param((1, 2, 3, 4), "complete", "", id="1 4 | 2 3: complete"),
    pytest.param((1, 6), "explained", "did not arrive", id="1 6 | -: lost on the way"),
    pytest.param((1, 6, 2), "explained", "no answer was given", id="1 6 | 2: not answered"),
    pytest.param((1, 6, 2, 3), "explained", "the answer was lost", id="1 6 | 2 3: the answer was lost"),
    pytest.param((1, 4, 6, 2, 3), "complete", "", id="1 4 6 | 2 3: recorded as failed too early"),
    pytest.param((1,), "unexplained", "node-a.example/audit omitted what became", id="1 | -: A has no outcome"),
    pytest.param((1, 2, 3), "unexplained", "node-a.example/audit omitted that it received", id="A11 1 | 2 3: A omitted the answer"),
    pytest.param((1, 2), "unexplained", "node-a.example/audit omitted what became", id="1 | 2: A has no outcome"),
    pytest.param((1, 4), "unexplained", "node-b.example/audit omitted the exchange", id="A11 1 4 | -: B omitted all"),
    pytest.param((1, 4, 2), "unexplained", "node-b.example/audit omitted what it answered", id="A11 1 4 | 2: B omitted its answer"),
    pytest.param((1, 4, 3), "unexplained", "node-b.example/audit omitted that it was asked", id="A11 1 4 | 3: B omitted the request"),
    pytest.param((2, 3), "unexplained", "node-a.example/audit omitted that it asked, or node-b", id="A11 - | 2 3: A omitted all, or B made it up"),
    pytest.param((4, 2, 3), "unexplained", "node-a.example/audit omitted that it asked", id="A11 4 | 2 3: A omitted its question"),
    pytest.param((4,), "unexplained", "node-b.example/audit omitted the exchange", id="4 | -: A made it up, or B omitted it"),
    pytest.param((6,), "unexplained", "has no record of", id="6 | -: a failure of nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("kinds", "verdict", "meaning"), ROWS)
async def test_every_row_of_the_table(tmp_path: Path, kinds: tuple[int, ...], verdict: str, meaning: str) -> None:
    a, b = await logs(tmp_path, lambda pair: pair.exchange("odd", *kinds))
    status, found = compared(a, b)
    expected = {"complete": 2, "explained": 0, "unexplained": 0, "undecided": 0, "others": 0}
    expected[verdict] += 1
    assert found["counts"] == expected
    assert status == (1 if verdict == "unexplained" else 0)
    assert [(row["cid"], row["verdict"]) for row in found["rows"]] == (
        [] if verdict == "complete" else [("odd", verdict)]
    )
    assert all(meaning in row["meaning"] for row in found["rows"])
    assert (found["a"]["home"], found["b"]["home"]) == (HOME_A, HOME_B)


@pytest.mark.parametrize(("kinds", "verdict", "meaning"), ROWS)
async def test_the_same_seen_from_the_other_side(
    tmp_path: Path, kinds: tuple[int, ...], verdict: str, meaning: str
) -> None:
    a, b = await logs(tmp_path, lambda pair: pair.exchange("odd", *kinds))
    _, found = compared(b, a)
    assert [(row["cid"], row["verdict"], row["asking"]) for row in found["rows"]] == (
        [] if verdict == "complete" else [("odd", verdict, "b")]
    )
    assert all(meaning in row["meaning"] for row in found["rows"])


@pytest.mark.parametrize(
    "changes", [{"text": "another question"}, {"answer": "another answer"}], ids=["the request", "the answer"]
)
async def test_tags_that_differ_for_one_exchange(tmp_path: Path, changes: dict[str, str]) -> None:
    a, b = await logs(tmp_path, lambda pair: pair.exchange("odd", 1, 2, 3, 4, **changes))
    status, found = compared(a, b)
    (row,) = found["rows"]
    assert (status, row["cid"], row["verdict"]) == (1, "odd", "unexplained")
    assert "was changed on its way" in row["meaning"]


async def test_one_record_of_a_request_that_was_received_twice(tmp_path: Path) -> None:
    async def twice(pair: Pair) -> None:
        await pair.exchange("odd", 1, 2, 3, 4)
        await pair.exchange("odd", 2, 3)

    status, found = compared(*await logs(tmp_path, twice))
    (row,) = found["rows"]
    assert (status, row["cid"]) == (1, "odd")
    assert "received it more than once" in row["meaning"]


@pytest.mark.parametrize("kinds", [(1, 4), (1, 6)])
async def test_an_exchange_with_somebody_else_is_told_by_the_records_alone(
    tmp_path: Path, kinds: tuple[int, ...]
) -> None:
    a, b = await logs(tmp_path, lambda pair: pair.exchange("elsewhere", *kinds, peer=HOME_C))
    status, found = compared(a, b)
    assert (status, found["counts"]["others"], found["rows"]) == (0, 1, [])
    status, found = compared(a, b, leaves="a")
    assert status == (2 if 4 in kinds else 0)
    assert {row["verdict"] for row in found["rows"]} == ({"undecided"} if 4 in kinds else {"explained"})


async def test_leaves_alone(tmp_path: Path) -> None:
    async def fill(pair: Pair) -> None:
        await pair.exchange("lost", 1, 6, 2, 3)
        await pair.exchange("hidden", 1, 2, 3)
        await pair.exchange("unheard", 2, 3)

    a, b = await logs(tmp_path, fill)
    status, found = compared(a, b, leaves="ab")
    assert status == 1
    assert [(row["cid"], row["verdict"]) for row in found["rows"]] == [
        ("", "explained"),
        ("", "unexplained"),  # both have the request, so it is between them
        ("", "undecided"),
    ]


async def test_several_patients_in_one_answer_are_one_exchange(tmp_path: Path) -> None:
    async def fill(pair: Pair) -> None:
        await pair.a.record([record(Kind.REQUEST_SENT, "many", HOME_B)])
        there = [record(Kind(2), "many", HOME_A)] * 3 + [record(Kind(3), "many", HOME_A)] * 3
        await pair.b.record(there)
        await pair.a.record([record(Kind(4), "many", HOME_B)])

    status, found = compared(*await logs(tmp_path, fill))
    assert (status, found["counts"]["complete"]) == (0, 3)


async def test_a_range_of_one_log(tmp_path: Path) -> None:
    async def fill(pair: Pair) -> None:
        for number in range(4):
            await pair.exchange(f"odd-{number}", 1)

    a, b = await logs(tmp_path, fill)
    _, found = compared(a, b)
    places = [int(row["a"]["1"][0].partition("/")[2]) for row in found["rows"]]
    _, part = compared(a, b, f"--from={places[1]}", f"--to={places[3]}", year=True)
    assert [row["cid"] for row in part["rows"]] == ["odd-1", "odd-2"]


async def test_a_receipt_contradicts_a_log_that_was_rewritten(tmp_path: Path) -> None:
    async def fill(pair: Pair) -> None:
        await pair.exchange("odd", 1, 2, 3, 4)

    a, b = await logs(tmp_path, fill)
    shutil.rmtree(b.root)
    b.root.mkdir()
    async with b.running() as again:  # the owner writes its log anew, without that exchange
        for cid in ("normal-1", "normal-2", "normal-3", "normal-4"):
            await again.record([record(Kind(2), cid, HOME_A), record(Kind(3), cid, HOME_A)])
    status, found = compared(a, b)
    assert status == 3
    evidence = {row["cid"]: row["evidence"] for row in found["rows"]}
    assert "PROOF OF A FORK" in evidence["odd"]


async def test_an_older_copy_of_the_other_log_is_no_omission(tmp_path: Path) -> None:
    a, b = Place(tmp_path / "a", "node-a.example"), Place(tmp_path / "b", "node-b.example")
    for place in (a, b):
        place.root.mkdir()
    for cid in ("early", "late"):
        async with a.running() as one, b.running() as two:
            await Pair(one, two).exchange(cid, 1, 2, 3, 4)
        if cid == "early":
            shutil.copytree(b.root, tmp_path / "copy")
    status, found = compared(a, Place(tmp_path / "copy"))
    (row,) = found["rows"]
    assert (status, row["cid"], row["verdict"]) == (2, "late", "undecided")
    assert "newer than the log of node-b.example/audit" in row["meaning"]


async def test_who_was_left_alone_says_what_it_holds(tmp_path: Path) -> None:
    async def fill(pair: Pair) -> None:
        await pair.exchange("unheard", 2, 3)

    _, found = compared(*await logs(tmp_path, fill))
    (row,) = found["rows"]
    assert row["evidence"] == "node-b.example/audit holds no receipt of node-a.example/audit"


async def test_a_receipt_is_found_by_its_exchange_and_verified_by_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = await logs(tmp_path, lambda pair: pair.exchange("odd", 1, 2, 3, 4))
    assert hdn_verify.main(["receipt", "odd", str(a.database)]) == 0
    (tmp_path / "receipt").write_text(capsys.readouterr().out)
    vkey = str(b.shard() / "vkey")
    assert hdn_verify.main(["receipt", str(tmp_path / "receipt"), "--vkey", vkey]) == 0
    said = capsys.readouterr().out
    assert "node-b.example/audit/2026 has signed a log" in said
    assert "kind 3, response sent" in said
    assert record(Kind.RESPONSE_SENT, "odd", HOME_A).payload.hex() not in said
    assert hdn_verify.main(["receipt", str(tmp_path / "receipt"), "--vkey", str(a.shard() / "vkey")]) == 1
    assert hdn_verify.main(["receipt", str(tmp_path / "receipt")]) == 2
    assert hdn_verify.main(["receipt", "unknown", str(a.database)]) == 2
    text = (tmp_path / "receipt").read_text()
    (tmp_path / "receipt").write_text(text.replace("index 4", "index 3"))
    assert "index 4" in text
    assert hdn_verify.main(["receipt", str(tmp_path / "receipt"), "--vkey", vkey]) == 1


async def test_it_runs_alone(tmp_path: Path) -> None:
    a, b = await logs(tmp_path, lambda pair: pair.exchange("odd", 1, 6))
    words = [sys.executable, "-I", "-S", FILE, "reconcile", a.audit, b.audit]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("unexplained rows: 0\n")


def test_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = asyncio.run(logs(tmp_path, lambda pair: pair.exchange("odd", 1, 2, 3)))
    words = ["reconcile", str(a.audit), str(b.audit), "--records-a", str(a.database), "--records-b", str(b.database)]
    assert hdn_verify.main(words) == 1
    said = capsys.readouterr()
    assert f"unexplained  {TIME}  odd" in said.out
    assert "node-a.example/audit omitted that it received the answer" in said.out
    assert "asked by A: 2 complete, 0 explained, 0 undecided, 1 unexplained; 0 with others" in said.out
    assert said.out.endswith("unexplained rows: 1\n")
    assert said.err == "reconcile: 1 unexplained rows\n"


def shard(origin: str, entries: list[bytes]) -> hdn_verify.Shard:
    made = hdn_verify.Shard(Path(), hdn_verify.Policy(), own_key=False)
    made.entries = entries
    made.checkpoint = hdn_verify.Checkpoint(origin, len(entries), b"", frozenset())
    return made


@settings(deadline=None)
@given(st.integers(1, 12), st.randoms(use_true_random=False), st.data())
def test_whatever_is_left_out_of_two_logs_of_whole_exchanges_is_seen(
    count: int, chance: random.Random, data: st.DataObject
) -> None:
    """Both logs in any order, records of one patient or several: one row for each exchange, all others whole."""
    asked: list[tuple[int, bytes]] = []
    served: list[list[tuple[int, bytes]]] = []
    for number in range(count):
        q, s = (hdn_verify.sha256(f"{leg}{number}".encode()) for leg in "qs")
        asked += [(1, q), (4, s)]
        patients = chance.randint(1, 3)
        served.append([(2, q)] * patients + [(3, s)] * patients)
    chance.shuffle(asked)
    chance.shuffle(served)
    hidden = data.draw(st.sets(st.sampled_from(asked)))
    logs = [[one for one in asked if one not in hidden], [one for job in served for one in job]]
    a, b = (
        hdn_verify.Side(
            letter,
            [shard(f"{letter}/audit/2026", [b"\x01" + bytes([kind]) + tag + bytes(64) for kind, tag in log])],
            None,
            "",
        )
        for letter, log in zip("ab", logs, strict=True)
    )
    rows, whole = hdn_verify.reconcile(a, b)
    verdicts = Counter(row.verdict for row in rows)
    touched = {served_of(served, one) for one in hidden}
    assert whole == Counter({"a": count - len(touched)})
    assert sum(verdicts.values()) == len(touched)
    assert not verdicts["explained"] + verdicts["complete"]


def served_of(served: list[list[tuple[int, bytes]]], one: tuple[int, bytes]) -> int:
    return next(number for number, job in enumerate(served) if one[1] in {tag for _, tag in job})
