"""`scripts/federation`: its words, its help, and that it finds the same communities again."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.simulated.__main__ import main
from scripts.simulated.behaviours import KINDS, mix_of
from scripts.simulated.population import members


def test_who_is_not_named_is_truthful_and_comes_first() -> None:
    assert mix_of("dead=1,slow:2=2", 4) == [("truthful", 0.0), ("dead", 0.0), ("slow", 2.0), ("slow", 2.0)]


@pytest.mark.parametrize("text", ["angry=1", "dead=5", "dead=x", "slow:x=1"])
def test_a_mix_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"behaviour|communities|invalid literal|could not convert"):
        mix_of(text, 4)


def test_the_help_names_every_behaviour(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(word in shown and kind.meaning in shown for word, kind in KINDS.items())


def test_a_second_start_finds_the_same_communities(tmp_path: Path) -> None:
    before = members(tmp_path / "s", tmp_path / "ca", 23500, mix_of("silent=1", 3))
    after = members(tmp_path / "s", tmp_path / "ca", 23500, mix_of("dead=1", 4))
    assert [one.described for one in before] == [one.described for one in after[:3]]
    assert len({one.described.fingerprint for one in after}) == 4
