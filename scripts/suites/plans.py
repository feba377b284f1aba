"""NIST's runner as it is given, started so that the second changes before a plan that needs it.

Plan 11899 asks for folders that were updated before now, exclusively and to the second. The runner is quick enough to
ask in the very second in which its fixture made them, and then no registry can find any.
"""

from __future__ import annotations

import sys
import time

from nist_testkit import cli
from nist_testkit.engine import Engine

NEEDS_THE_NEXT_SECOND = frozenset({"11899"})


class UnhurriedEngine(Engine):
    """The runner's engine, which waits before some plans."""

    def run(self, test):
        """Run one plan; its fixture was loaded by the plan before it."""
        if test.id in NEEDS_THE_NEXT_SECOND:
            time.sleep(1.1)
        return super().run(test)


if __name__ == "__main__":
    cli.Engine = UnhurriedEngine
    sys.exit(cli.main())
