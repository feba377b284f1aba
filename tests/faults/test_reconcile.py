"""I6: after 1,000 exchanges over bad lines and with nodes killed, no row of two logs is unexplained."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.exchanges import behind_lines, explained, through_faults


def test_a_thousand_exchanges(tmp_path: Path) -> None:
    with behind_lines(tmp_path) as federation:
        through_faults(federation, 32)
        federation.stop()
        total = explained(federation)
    print(f"{total} exchanges, all of them explained")
    assert total >= max(1000, federation.exchanges)
