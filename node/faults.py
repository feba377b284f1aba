"""What an administrator reads when something is refused: a code, the place, the cause and the next step.

Every message of the command line and of the start-up has these four parts, so that somebody without knowledge of
IHE can act on it at night, and so that a code can be searched for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses of the command `xdsnode`."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    PARTLY = 4


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `code` is stable; the other three are sentences for people."""

    code: str
    place: str
    cause: str
    next_step: str

    def text(self) -> str:
        """The four parts, each on its line."""
        return f"error {self.code}\n  where: {self.place}\n  cause: {self.cause}\n  next:  {self.next_step}"

    def as_json(self) -> dict[str, str]:
        """The same four parts for programs."""
        return asdict(self)


class Faults(Exception):  # noqa: N818  what it carries
    """Ends a command: everything that is wrong at once, and the exit status."""

    def __init__(self, faults: Iterable[Fault], status: Exit = Exit.REFUSED) -> None:
        self.faults = tuple(faults)
        self.status = status
        super().__init__("; ".join(f"{fault.code} at {fault.place}: {fault.cause}" for fault in self.faults))


def refused(code: str, place: str, cause: str, next_step: str) -> Faults:
    """The node refused (exit status 1)."""
    return Faults([Fault(code, place, cause, next_step)])


def misused(code: str, place: str, cause: str, next_step: str) -> Faults:
    """Wrong usage or configuration (exit status 2)."""
    return Faults([Fault(code, place, cause, next_step)], Exit.USAGE)


def unreachable(code: str, place: str, cause: str, next_step: str) -> Faults:
    """A node or peer could not be reached (exit status 3)."""
    return Faults([Fault(code, place, cause, next_step)], Exit.UNREACHABLE)
