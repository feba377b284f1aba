"""LIKE of the stored queries: `%` is any run, `_` one character, nothing escapes them (ITI TF-2: 3.18.4.1.2.3.4).

Case-sensitive, whole string. Not SQL's own LIKE: that one ignores case in SQLite and differs between databases.
"""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=512)
def like(pattern: str) -> re.Pattern[str]:
    """A compiled expression whose `fullmatch` is the LIKE of `pattern`.

    Each piece between two `%` is sought once, at its first occurrence after the one before it, and never again (atomic
    groups): the cost is length times length at worst, however many `%` there are.
    """
    first, *rest = ["".join("." if char == "_" else re.escape(char) for char in piece) for piece in pattern.split("%")]
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    sought = "".join(f"(?>.*?{piece})" for piece in middle if piece)
    return re.compile(f"{first}{sought}.*{last}", re.DOTALL)
