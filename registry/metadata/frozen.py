"""`dataclass` for values that are made by the hundred for one message: frozen for whoever writes code, cheap to make.

At run time a frozen dataclass sets each attribute by a call of its own, which was 4 % of all that a registration
executes. So freezing is left to mypy, which refuses every assignment to these; they are compared and hashed like frozen
ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False) -> Any:  # noqa: ANN401, D103  as the other one
        return dataclasses.dataclass(slots=slots, kw_only=kw_only, unsafe_hash=frozen)


__all__ = ["dataclass"]
