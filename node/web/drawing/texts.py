"""Plain text and RTF as HTML: which character set it is in, and a remark when that had to be guessed. Pure."""

from __future__ import annotations

import codecs
from typing import Final

from node.web.drawing.marks import Words, note, shown
from node.web.drawing.rtf import Piece, pieces

_MOST: Final = 2_000_000  # characters; the whole is in the original file
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Language of the document -> the character sets its texts were written in before UTF-8.
_OLDER: Final = {
    "zh": ("gb18030", "big5"),
    "ja": ("shift_jis", "euc_jp"),
    "ko": ("euc_kr",),
    "ru": ("cp1251",),
    "uk": ("cp1251",),
    "pl": ("cp1250",),
    "cs": ("cp1250",),
    "hu": ("cp1250",),
    "el": ("cp1253",),
    "tr": ("cp1254",),
    "he": ("cp1255",),
    "ar": ("cp1256",),
}


def plain(content: bytes, language: str, words: Words) -> str:
    """A text as HTML, in the character set it declares by a mark, else UTF-8, else a guess that is said."""
    text, guessed = read(content, language)
    said = note(words, "The character set is not declared. It was read as {name}.", name=guessed) if guessed else ""
    return f"{said}<pre>{shown(text[:_MOST])}</pre>{_cut(len(text), words)}"


def read(content: bytes, language: str) -> tuple[str, str]:
    """The text, and the character set where it was guessed."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content.decode(name, "replace"), ""
    try:
        return content.decode(), ""
    except UnicodeDecodeError:
        pass
    tongue = language.lower().partition("-")[0]
    for name in _OLDER.get(tongue, ("gb18030",) if _looks_chinese(content) else ()):
        try:
            return content.decode(name), name
        except UnicodeDecodeError:
            continue
    try:
        return content.decode("cp1252"), "windows-1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "iso-8859-1"


def _looks_chinese(content: bytes) -> bool:
    """Whether most of what is not ASCII is among the characters of everyday Chinese in GB 2312, first level."""
    try:
        text = content[: 1 << 16].decode("gb18030", "ignore")
    except ValueError:
        return False
    others = [one.encode("gb18030") for one in text if one > "\x7f"]
    return bool(others) and 2 * sum(len(one) == 2 and 0xB0 <= one[0] <= 0xD7 for one in others) > len(others)


def rich(content: bytes, words: Words) -> str:
    """The text of an RTF document; what is struck, deleted or hidden in it stays and is marked."""
    parts, size = [note(words, "Only the text of this file is shown. Its layout is in the original file.")], 0
    for piece in pieces(content):
        size += len(piece.text)
        if size <= _MOST:
            parts.append(_piece(piece, words))
    head, *rest = parts
    return f"{head}<pre>{''.join(rest)}</pre>{_cut(size, words)}"


def _piece(piece: Piece, words: Words) -> str:
    text = shown(piece.text)
    if piece.struck or piece.deleted:
        said = shown(words.get("deleted", "deleted"))
        text = f"<del><small>[{said}]</small> {text}</del>" if piece.deleted else f"<s>{text}</s>"
    if piece.hidden:
        text = f'<span class="mark">[{shown(words.get("hidden in the file", "hidden in the file"))}]</span> {text}'
    return text


def _cut(size: int, words: Words) -> str:
    if size <= _MOST:
        return ""
    return note(words, "Only the first {n} characters are shown. The whole is in the original file.", n=_MOST)
