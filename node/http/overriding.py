"""The mark of a method that replaces an inherited one, for the type checker (Python 3.12 has it in `typing`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing_extensions import override
else:
    Method = TypeVar("Method")

    def override(method: Method) -> Method:
        """Mark `method`; nothing else."""
        return method


__all__ = ["override"]
