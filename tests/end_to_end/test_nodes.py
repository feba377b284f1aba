"""What the tests with real nodes stand on: none of them is left running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.nodes import Node, free_base, running


def test_where_one_does_not_start_the_others_are_ended(tmp_path: Path) -> None:
    base = free_base(2)
    good = Node(tmp_path / "good", base, "Good").init(tmp_path / "ca")
    (tmp_path / "bad").mkdir()
    bad = Node(tmp_path / "bad", base + 10, "Bad")
    with pytest.raises(AssertionError, match="Bad is not ready"), running([good, bad]):
        pass
    assert (good.process, bad.process) == (None, None)
    last = (good.folder / "serve.log").read_text().splitlines()[-1]
    assert json.loads(last)["message"] == "stopped"
    with pytest.raises(AssertionError, match="Bad is not ready"):
        bad.start()
    assert bad.process is None
