"""The fuzzer finds what there is to find, its targets reach their readers, and a few hundred inputs in every run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.soap.message import parse
from scripts.fuzzing import targets
from scripts.fuzzing.__main__ import tried
from scripts.fuzzing.mutation import mutated
from scripts.fuzzing.targets import TARGETS, Target
from scripts.suites import fuzz

pytestmark = pytest.mark.long


def test_the_suite_runs_every_target() -> None:
    assert set(fuzz.TARGETS) == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_whatever_becomes_of_a_message_it_is_read_or_refused(name: str, seed: int) -> None:
    target = TARGETS[name]
    target.run(mutated(random.Random(seed), target.seeds, target.words))


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_at_all(name: str) -> None:
    for data in (b"", b"\x00", b"\xff" * 300, b"<" * 300, b"\n", b"<a/>", b"MSH|", b"." * 300):
        TARGETS[name].run(data)


def test_the_recorded_messages_reach_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """A submission is judged without a fault of its own, so that a mutation is judged too."""
    judged: list[int] = []
    real = targets._judged

    def counted(request: object) -> list:
        errors = real(request)
        judged.append(len(errors))
        return errors

    monkeypatch.setattr(targets, "_judged", counted)
    for seed in (*TARGETS["requests"].seeds, TARGETS["package"].seeds[0]):
        (targets.package if seed.startswith(b"multipart") else targets.requests)(seed)
    assert len(judged) >= len(TARGETS["requests"].seeds)
    assert min(judged) == 0


def test_a_reader_that_breaks_is_found_and_can_be_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def breaks(data: bytes) -> None:
        if b"&#0;" in data:
            raise KeyError("broken")

    target = Target(breaks, (b"<a>x</a>",), (b"&#0;",))
    rng = random.Random(1)
    while tried(target.run, mutated(rng, target.seeds, target.words), "broken", tmp_path):
        pass
    (path,) = tmp_path.iterdir()
    assert b"&#0;" in path.read_bytes()
    assert f"--input {path}" in capsys.readouterr().out


def test_a_reader_that_hangs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.fuzzing.__main__.HANG", 1)

    def hangs(_: bytes) -> None:
        while True:
            pass

    assert not tried(hangs, b"x", "hangs", tmp_path)


def test_a_value_that_is_put_in_leaves_the_message_well_formed_now_and_then() -> None:
    target, rng = TARGETS["requests"], random.Random(7)

    def is_read(data: bytes) -> bool:
        try:
            parse(data)
        except Exception:
            return False
        return True

    made = [mutated(rng, target.seeds, target.words) for _ in range(300)]
    assert sum(map(is_read, made)) > 20
