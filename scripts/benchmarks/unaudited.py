"""A node without audit, for one comparison: no record is made, written or waited for. The product has no such switch.

The first answer is recorded as always; its proof then stands in for those of all others.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node import logs, pipeline, services, serving
from node.configuration.config import load
from trust.audit.event import NewRecord
from trust.ledger.sequencer import AuditProof, Sequencer

_of_answer = pipeline.of_answer
_kept: list[AuditProof] = []


class Unrecorded(Sequencer):
    """A sequencer that remembers one proof and gives it to everybody."""

    async def record(self, records: Sequence[NewRecord]) -> AuditProof:
        """Make the first records durable and nothing afterwards."""
        if not _kept:
            _kept.append(await super().record(records))
        return _kept[0]


def _no_records(*arguments: Any, **keywords: Any) -> Sequence[NewRecord]:
    return () if _kept else _of_answer(*arguments, **keywords)


def main(words: list[str]) -> int:
    """Serve the node in `--dir` without audit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", type=Path, required=True)
    config = load(parser.parse_args(words).dir)
    logs.configure(config.node.name, config.log.level, None)
    pipeline.of_answer = _no_records  # type: ignore[assignment]
    services.Sequencer = Unrecorded  # type: ignore[misc]
    return asyncio.run(serving.run(config))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
