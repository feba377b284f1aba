"""Text of others as HTML: escaped, and with visible marks where a character would hide or turn what is read.

Pure (ui 6.6; threats I16).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Final

Words = Mapping[str, str]

_LATIN: Final = "\u0000-\u024f"
# Controls, direction, zero width, fillers, tags; joiners only where no script needs them; floods of combining marks.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
    f"|(?<=[{_LATIN}])[\u200c\u200d]|[\u200c\u200d](?=[{_LATIN}])"
    "|(?P<flood>(?<=[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]{6})[\u0300-\u036f\u0483-\u0489\u20d0-\u20ff]+)"
)


def shown(text: str) -> str:
    """Text as HTML."""
    return _UNSEEN.sub(_mark, escape(text))


def _mark(found: re.Match[str]) -> str:
    if found["flood"]:
        return f'<span class="mark">[+{len(found["flood"])}]</span>'
    return f'<span class="mark">[U+{ord(found[0][0]):04X}]</span>'


def word(words: Words, text: str, **values: object) -> str:
    """A text of our own in the reader's language, as HTML."""
    return shown(words.get(text, text).format(**values))


def note(words: Words, text: str, **values: object) -> str:
    """The same as a remark that does not come from the document."""
    return f'<p class="note">{word(words, text, **values)}</p>'
