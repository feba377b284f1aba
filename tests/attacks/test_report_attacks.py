"""Attacks on a disclosure report: row A17 of the catalogue. Whoever hands it over is the one who may lie."""

from __future__ import annotations

import asyncio
import io
import json
import random
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.test_ledger_attacks import _signature_verifies
from tests.trust.ledger.ledgers import KEYS, Place
from tests.trust.ledger.reports import FORMER, OTHER, PATIENT, changed, fill, made, packed
from trust.ledger import hdn_verify
from trust.ledger.record import shard_master, subject_key


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("log"))
    asyncio.run(fill(place))
    return place


@pytest.fixture(scope="module")
def bundle(place: Place) -> bytes:
    return packed(made(place))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdn_verify, "ed25519_verifies", _signature_verifies)


def verify(data: bytes, folder: Path, *words: str) -> int:
    path = folder / "report.zip"
    path.write_bytes(data)
    return hdn_verify.main(["report", str(path), *words])


def of_2026(report: dict[str, Any]) -> list[dict[str, Any]]:
    return report["shards"][1]["events"]


def test_the_report_is_good_as_it_was_made(bundle: bytes, tmp_path: Path, capsys) -> None:
    assert verify(bundle, tmp_path) == 0
    said = capsys.readouterr().out
    assert "7 events shown" in said
    assert "3 events shown" in said
    assert "complete: nothing about this patient is left out" in said


@pytest.mark.parametrize("place_of_it", range(10), ids=lambda number: f"A17 event {number} removed")
def test_an_event_removed(bundle: bytes, tmp_path: Path, capsys, place_of_it: int) -> None:
    removed: list[int] = []

    def remove(report: dict[str, Any]) -> None:
        places = [(shard, at) for shard in report["shards"] for at in range(len(shard["events"]))]
        shard, at = places[place_of_it]
        removed.append(shard["events"].pop(at)["index"])

    assert verify(changed(bundle, report=remove), tmp_path) == 1
    said = capsys.readouterr().err
    assert f"index {removed[0]}: an event about {PATIENT} is in the log and not in this report" in said


def _record(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    """A change of the record of the third event of 2026."""

    def work(report: dict[str, Any]) -> None:
        event = of_2026(report)[2]
        record = json.loads(event["record"])
        change(record)
        event["record"] = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    return work


def _invent(report: dict[str, Any]) -> None:
    new = deepcopy(of_2026(report)[2])
    new["index"] += 1
    of_2026(report).insert(3, new)


def _twice(report: dict[str, Any]) -> None:
    of_2026(report).insert(3, deepcopy(of_2026(report)[2]))


def _of_another(place: Place) -> Callable[[dict[str, Any]], object]:
    other = made(place, patients=[OTHER]).report["shards"][1]["events"][0]

    def work(report: dict[str, Any]) -> None:
        of_2026(report).append(other)
        of_2026(report).sort(key=lambda event: event["index"])

    return work


def _hidden_as_erased(report: dict[str, Any]) -> None:
    of_2026(report)[2].update(record="", salt="")


def _not_shown(report: dict[str, Any]) -> None:
    of_2026(report)[2]["shown"] = False


def _other_key(report: dict[str, Any]) -> None:
    key = subject_key(shard_master(KEYS.subject_master, report["shards"][1]["origin"]), OTHER)
    report["shards"][1]["subjects"][0]["key"] = key.hex()


def _other_patient(report: dict[str, Any]) -> None:
    report["patients"] = [OTHER]
    for shard in report["shards"]:
        shard["subjects"][0]["subject"] = OTHER


def _claimed_period(report: dict[str, Any]) -> None:
    """The last two events are hidden behind an end of the period that no event proves."""
    report["until"] = "2026-05-15T00:00:00.000Z"
    del of_2026(report)[-2:]


def _year(number: int) -> Callable[[dict[str, Any]], object]:
    return lambda report: report["shards"].pop(number)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "who it was": (_record(lambda one: one["event"]["participants"][0].update(user="nobody")), "index 275"),
    "when it was": (_record(lambda one: one.update(time="2026-01-01T00:00:00.000Z")), "index 275"),
    "outcome": (_record(lambda one: one["event"].update(outcome=0)), "index 275"),
    "salt": (lambda report: of_2026(report)[2].update(salt="00" * 32), "index 275"),
    "entry": (lambda report: of_2026(report)[2].update(entry="01" + "05" * 97), "index 275"),
    "proof": (lambda report: of_2026(report)[2]["proof"].pop(), "index 275"),
    "number": (lambda report: of_2026(report)[2].update(n=7), "index 275"),
    "index": (lambda report: of_2026(report)[2].update(index=276), "index 276"),
    "invented": (_invent, "index 276"),
    "twice": (_twice, "index 275"),
    "not opened": (_hidden_as_erased, "index 275"),
    "not shown": (_not_shown, "index 275"),
    "key of another": (_other_key, "index 1"),
    "another patient": (_other_patient, "index 1"),
    "period without proof": (_claimed_period, "index 280"),
    "the year before": (_year(0), "index 0"),
    "size": (lambda report: report["shards"][1].update(size=281), "size"),
    "no shards": (lambda report: report["shards"].clear(), "no log"),
    "nobody": (lambda report: report["patients"].clear(), "about nobody"),
    "not a report": (lambda report: report.update(shards=7), "not written as a report is"),
    "index as text": (lambda report: of_2026(report)[2].update(index="275"), "not written as a report is"),
}


@pytest.mark.parametrize("name", CHANGES, ids=lambda name: f"A17 {name}")
def test_a_change_is_found(bundle: bytes, tmp_path: Path, capsys, name: str) -> None:
    change, says = CHANGES[name]
    assert verify(changed(bundle, report=change, page=False), tmp_path) == 1
    assert says in capsys.readouterr().err


def test_an_event_of_somebody_else(place: Place, bundle: bytes, tmp_path: Path, capsys) -> None:
    assert verify(changed(bundle, report=_of_another(place)), tmp_path) == 1
    assert "index 2: not number 0 of this patient's entries" in capsys.readouterr().err


FILES: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "a line of the page": (
        lambda files: files.update({"report.html": files["report.html"].replace(b"ward-7", b"ward-8", 1)}),
        "report.html does not say what the records say",
    ),
    "a word of the page": (
        lambda files: files.update({"report.html": files["report.html"].replace("被拒绝".encode(), b"OK", 1)}),
        "report.html does not say what the records say",
    ),
    "a comment in the page": (
        lambda files: files.update({"report.html": files["report.html"] + b"<!-- -->"}),
        "report.html does not say what the records say",
    ),
    "leaf": (
        lambda files: files.update({"log/2026/tile/entries/000": _flipped(files["log/2026/tile/entries/000"], 9050)}),
        "do not give the signed root",
    ),
    "checkpoint": (
        lambda files: files.update({"log/2026/checkpoint": files["log/2026/checkpoint"].replace(b"\n28", b"\n27", 1)}),
        "does not verify",
    ),
    "checkpoint of another year": (
        lambda files: files.update({"log/2026/checkpoint": files["log/2025/checkpoint"]}),
        "no key was given",
    ),
    "genesis": (
        lambda files: files.update({"log/2026/genesis.json": files["log/2025/genesis.json"]}),
        "index 0",
    ),
}


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("name", FILES, ids=lambda name: f"A17 {name}")
def test_a_changed_file_is_found(bundle: bytes, tmp_path: Path, capsys, name: str) -> None:
    change, says = FILES[name]
    assert verify(changed(bundle, files=change), tmp_path) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("name", ["log/2026/checkpoint", "report.json", "report.html", "log/2025/vkey"])
def test_a_file_that_is_missing_is_named(bundle: bytes, tmp_path: Path, capsys, name: str) -> None:
    assert verify(changed(bundle, files=lambda files: files.pop(name)), tmp_path) == 2
    assert name.rpartition("/")[2] in capsys.readouterr().err


def test_without_its_first_record_a_year_may_hide_others(bundle: bytes, tmp_path: Path, capsys) -> None:
    def hide(files: dict[str, bytes]) -> None:
        del files["log/2026/genesis.json"]

    assert verify(changed(bundle, report=_year(0), files=hide), tmp_path) == 2
    assert "a year before it may be left out" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["report.json", "log/2026/tile/entries/000", "log/2026/checkpoint"])
def test_a17_a1_flipped_bits_never_pass(bundle: bytes, tmp_path: Path, file: str) -> None:
    """A17, A1: a bit anywhere; what still passes states the same (hexadecimal and JSON know several forms)."""
    chance = random.Random(7)
    before, after = _held(bundle), b""
    for _ in range(60):
        data = bytearray(before[file])
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        after = bytes(data)
        if verify(changed(bundle, files=lambda files, after=after: files.update({file: after})), tmp_path) == 0:
            assert file == "report.json"
            assert _stated(after) == _stated(before[file])


def _held(bundle: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def _stated(report: bytes) -> list[object]:
    """What a report proves."""
    content = json.loads(report)
    events = [(shard["origin"], event) for shard in content["shards"] for event in shard["events"]]
    return [
        (content["patients"], content["since"], content["until"]),
        [(origin, event["index"], event["n"], event["shown"], event["record"]) for origin, event in events],
        [[bytes.fromhex(event[name]) for name in ("salt", "entry")] for _, event in events],
    ]


def test_a_dishonest_period_must_be_proved_by_the_events_at_its_ends(place: Place, tmp_path: Path) -> None:
    """Of a report of March to April the two border events are opened; taking one away is noticed."""
    some = packed(made(place, since="2026-03-01T00:00:00.000Z", until="2026-05-01T00:00:00.000Z"))
    assert verify(some, tmp_path) == 0
    for border in (0, -1):
        assert (
            verify(changed(some, report=lambda report, at=border: report["shards"][0]["events"].pop(at)), tmp_path) == 1
        )


def test_both_identities_or_none(place: Place, tmp_path: Path, capsys) -> None:
    """A merged patient: the bundle about both; taking one identity's events away is noticed."""
    both = packed(made(place, patients=[PATIENT, FORMER]))
    assert verify(both, tmp_path) == 0

    def without(report: dict[str, Any]) -> None:
        for shard in report["shards"]:
            numbers = [event for event in shard["events"] if FORMER not in event["record"]]
            shard["events"][:] = numbers

    assert verify(changed(both, report=without), tmp_path) == 1
    assert f"an event about {FORMER}" in capsys.readouterr().err
