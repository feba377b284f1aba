"""The text of an RTF file, with what is struck, deleted or hidden in it (RTF Specification 1.9.1). Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

_TOKEN: Final = re.compile(
    rb"\\(?:'(?P<byte>[0-9A-Fa-f]{2})|(?P<word>[A-Za-z]{1,32})(?P<number>-?[0-9]{1,10})?[ ]?|(?P<sign>[^A-Za-z']))"
    rb"|(?P<brace>[{}])|(?P<text>[^\\{}\r\n]+)|[\r\n\\]+"
)
# Groups that hold no text of the document.
_SKIPPED: Final = frozenset(
    {
        *(
            "fonttbl",
            "colortbl",
            "stylesheet",
            "info",
            "pict",
            "themedata",
            "colorschememapping",
            "latentstyles",
            "generator",
        ),
        *(
            "datastore",
            "xmlnstbl",
            "listtable",
            "listoverridetable",
            "rsidtbl",
            "fldinst",
            "filetbl",
            "revtbl",
            "blipuid",
        ),
        *("nonshppict", "objdata", "bkmkstart", "bkmkend"),
    }
)
_CHARACTERS: Final = {
    "par": "\n", "line": "\n", "sect": "\n", "page": "\n", "row": "\n", "tab": "\t", "cell": "\t", "emdash": "\u2014",
    "endash": "\u2013", "bullet": "\u2022", "lquote": "\u2018", "rquote": "\u2019", "ldblquote": "\u201c",
    "rdblquote": "\u201d", "emspace": " ", "enspace": " ",
}  # fmt: skip
_SIGNS: Final = {b"~": "\u00a0", b"_": "-", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}
_DEEPEST: Final = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text and what holds for it."""

    text: str
    struck: bool = False
    deleted: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    skipped: bool = False
    after_unicode: int = 1  # bytes that stand for a \u character in older readers
    struck: bool = False
    deleted: bool = False
    hidden: bool = False


def pieces(content: bytes) -> Iterator[Piece]:
    """Every run of text, in order."""
    return _Reader(content).pieces()


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._page = "cp1252"
        self._stack: list[_State] = []
        self._state = _State()
        self._bytes = b""
        self._passing = 0  # bytes still to be passed over after a \u character
        self._starred = False

    def pieces(self) -> Iterator[Piece]:
        text = ""
        for token in _TOKEN.finditer(self._content):
            if not token["byte"] and not token["text"]:
                text += self._flush()
            before = self._shape(self._state)
            said = self._take(token)
            if text and before != self._shape(self._state):
                yield Piece(_paired(text), *before)
                text = ""
            text += said
        text += self._flush()
        if text:
            yield Piece(_paired(text), *self._shape(self._state))

    @staticmethod
    def _shape(state: _State) -> tuple[bool, bool, bool]:
        return state.struck, state.deleted, state.hidden

    def _flush(self) -> str:
        held, self._bytes = self._bytes, b""
        return held.decode(self._page, "replace")

    def _take(self, token: re.Match[bytes]) -> str:
        if token["byte"]:
            return self._byte(bytes.fromhex(token["byte"].decode()))
        if token["text"]:
            self._starred = False
            return self._byte(token["text"])
        if token["brace"]:
            self._brace(opening=token["brace"] == b"{")
        elif token["sign"] == b"*":
            self._starred = True
        elif token["sign"]:
            return "" if self._state.skipped else _SIGNS.get(token["sign"], "")
        elif token["word"]:
            return self._word(token["word"].decode(), int(token["number"]) if token["number"] else None)
        return ""

    def _byte(self, raw: bytes) -> str:
        passed = min(self._passing, len(raw))
        self._passing -= passed
        if self._state.skipped:
            return ""
        self._bytes += raw[passed:]
        return ""

    def _brace(self, *, opening: bool) -> None:
        self._passing, self._starred = 0, False
        if opening:
            if len(self._stack) < _DEEPEST:
                self._stack.append(self._state)
        elif self._stack:
            self._state = self._stack.pop()

    def _word(self, word: str, number: int | None) -> str:
        if self._starred or word in _SKIPPED:
            self._starred = False
            self._state = replace(self._state, skipped=True)
        if self._state.skipped and word != "ansicpg":
            return ""
        on = number != 0
        if word == "u" and number is not None:
            self._passing = self._state.after_unicode
            return chr(number & 0xFFFF)  # a signed 16-bit number, half of a pair where it is one
        if word in ("uc", "ansicpg"):
            self._set_page(word, number or 0)
        elif word in ("strike", "striked"):
            self._state = replace(self._state, struck=on)
        elif word == "deleted":
            self._state = replace(self._state, deleted=on)
        elif word == "v":
            self._state = replace(self._state, hidden=on)
        elif word == "plain":
            self._state = replace(self._state, struck=False, deleted=False, hidden=False)
        return _CHARACTERS.get(word, "")

    def _set_page(self, word: str, number: int) -> None:
        if word == "uc":
            self._state = replace(self._state, after_unicode=min(max(number, 0), 8))
            return
        name = "utf-8" if number == 65001 else f"cp{number}"
        try:
            self._page = codecs.lookup(name).name
        except LookupError:
            return


def _paired(text: str) -> str:
    """Two halves of a character are one; half a character alone is none."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
