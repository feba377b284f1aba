"""Two documents side by side: which blocks of text were added, removed or changed, and numbers as numbers. Pure.

What is compared is what a reader sees: the blocks of the drawings, with the words that mark deletions and negations
(ui 4.d).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html.parser import HTMLParser
from typing import Final

from node.web.drawing.marks import Words, note, shown, word

_BLOCKS: Final = frozenset(
    {"p", "li", "tr", "caption", "dt", "div", "pre", "table", "ul", "ol", "dl", "section", "nav"}
)
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_CELLS: Final = frozenset({"td", "th", "dd", "br", "small", "span"})
_SKIPPED: Final = frozenset({"nav", "dl", "h1"})  # the list of sections and the header: not what is told
_NUMBER: Final = re.compile(r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)?(?![\w]*\d)")
_UNIT: Final = re.compile(r"\s*([A-Za-z%\u00b5\u00b0][A-Za-z0-9%\u00b5\u00b0/.^*]{0,15})?")
_MOST: Final = 4000  # blocks of one document
_PAIRED: Final = 10_000  # pairs of blocks that are weighed against each other at once
_ALIKE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, item of a list or row of a table, with the heading it stands below."""

    section: str
    text: str

    @property
    def plain(self) -> str:
        """The text with every number in one form: 8.20 and 8,2 are one."""
        return _NUMBER.sub(lambda found: _one_form(found[0]), self.text)


class _Blocks(HTMLParser):
    """The blocks of a drawing."""

    def __init__(self, struck: str) -> None:
        super().__init__()
        self.found: list[Block] = []
        self._struck = struck
        self._section, self._text, self._heading, self._skipped = "", "", False, 0
        self._raised = False

    def handle_starttag(  # type: ignore[explicit-override]
        self,
        tag: str,
        attrs: list[tuple[str, str | None]],
    ) -> None:
        if tag in _SKIPPED:
            self._skipped += 1
        if tag in _BLOCKS or tag in _HEADINGS:
            self.end()
        self._heading = self._heading or tag in _HEADINGS
        if tag in _CELLS:
            self._text += " "
        if tag == "s":
            self._text += f" [{self._struck}] "
        self._raised = tag == "sup"

    def handle_endtag(self, tag: str) -> None:  # type: ignore[explicit-override]
        if tag in _HEADINGS and not self._skipped:
            self._section, self._text = " ".join(self._text.split()), ""
        if tag in _HEADINGS:
            self._heading, self._text = False, ""
        if tag in _BLOCKS:
            self.end()
        if tag in _SKIPPED:
            self._skipped -= 1

    def handle_data(self, data: str) -> None:  # type: ignore[explicit-override]
        if self._skipped:
            return
        if self._raised and not data.startswith("["):  # 10 to the 9th is not 109; a footnote is in brackets
            self._text += "^"
        self._raised = False
        if self._heading or "\n" not in data:
            self._text += data
            return
        for line in data.splitlines():
            self._text += line
            self.end()

    def end(self) -> None:
        text = " ".join(self._text.split())
        if text and not self._heading and len(self.found) < _MOST:
            self.found.append(Block(self._section, text))
            self._text = ""
        elif not self._heading:
            self._text = ""


def blocks(html: str, words: Words) -> list[Block]:
    """The blocks of a drawing (`narrative`, `texts`)."""
    reader = _Blocks(words.get("struck out", "struck out"))
    reader.feed(html)
    reader.close()
    reader.end()
    return reader.found


def lines(pages: Sequence[str], words: Words) -> list[Block]:
    """The lines of the pages of a PDF."""
    said = words.get("Page {n}", "Page {n}")
    found = [
        Block(said.format(n=number), " ".join(line.split()))
        for number, page in enumerate(pages, 1)
        for line in page.splitlines()
        if line.strip()
    ]
    return found[:_MOST]


def compared(former: Sequence[Block], latter: Sequence[Block], words: Words) -> str:
    """Both in two columns, as HTML: what differs carries a sign, a word and a tint."""
    rows, differences, section = [], 0, None
    for one, other in _pairs(former, latter):
        known = other or one
        if known and known.section != section:
            section = known.section
            rows.append(f"<h2>{shown(section)}</h2>" if section else "")
        differs = one is None or other is None or one.plain != other.plain
        differences += differs
        rows.append(_row(one, other, words, differs=differs))
    said = note(words, "Differences: {n}.", n=differences) if differences else note(words, "The texts are the same.")
    return f"{said}{''.join(rows)}"


def _pairs(former: Sequence[Block], latter: Sequence[Block]) -> Iterator[tuple[Block | None, Block | None]]:
    matcher = SequenceMatcher(
        None, [(one.section, one.plain) for one in former], [(one.section, one.plain) for one in latter], autojunk=False
    )
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        gone, come = former[start:end], latter[other_start:other_end]
        if kind == "equal":
            yield from zip(gone, come, strict=True)
        else:
            yield from _alike(gone, come)


def _alike(gone: Sequence[Block], come: Sequence[Block]) -> Iterator[tuple[Block | None, Block | None]]:
    """Blocks that resemble each other are one that was changed; the others were removed or added."""
    start = 0
    for one in gone:
        place = None
        if len(gone) * len(come) <= _PAIRED:
            place = next((at for at in range(start, len(come)) if _resemble(one, come[at])), None)
        if place is None:
            yield one, None
            continue
        yield from ((None, other) for other in come[start:place])
        yield one, come[place]
        start = place + 1
    yield from ((None, other) for other in come[start:])


def _resemble(one: Block, other: Block) -> bool:
    if one.section != other.section:
        return False
    before, after = (_NUMBER.sub("", text[:2000]) for text in (one.text, other.text))
    return before == after or SequenceMatcher(None, before, after, autojunk=False).ratio() >= _ALIKE


def _row(one: Block | None, other: Block | None, words: Words, *, differs: bool) -> str:
    if not differs:
        kind = "same" if one and other and one.text == other.text else "p"  # where there is one column, it is said once
        cells = [f'<div class="{kind}">{shown(block.text)}</div>' for block in (one, other) if block]
        return f'<div class="compared">{"".join(cells)}</div>'
    if one and other:
        said = f"<b>≠ {word(words, 'changed')}</b> "
        left, right = (f'<div class="changed">{said}{shown(block.text)}</div>' for block in (one, other))
        return f'<div class="compared">{left}{right}</div>{_numbers(one.text, other.text)}'
    gap = '<div class="none">\u2013</div>'
    if one:
        left = f'<div class="removed"><b>\u2212 {word(words, "removed")}</b> {shown(one.text)}</div>'
        return f'<div class="compared">{left}{gap}</div>'
    text = shown(other.text) if other else ""
    return f'<div class="compared">{gap}<div class="added"><b>+ {word(words, "added")}</b> {text}</div></div>'


def _numbers(one: str, other: str) -> str:
    """Numbers that changed, each with the unit behind it, where the words around them are the same."""
    first, second = list(_NUMBER.finditer(one)), list(_NUMBER.finditer(other))
    if len(first) != len(second) or not first:
        return ""
    said = []
    for before, after in zip(first, second, strict=True):
        if _one_form(before[0]) != _one_form(after[0]):
            units = [_unit(one, before.end()), _unit(other, after.end())]
            left = f" {units[0]}" if units[0] != units[1] else ""
            said.append(f"{before[0]}{left} \u2192 {after[0]} {units[1]}".strip())
    return f'<p class="note">{shown("; ".join(said))}</p>' if said else ""


def _one_form(number: str) -> str:
    """A number without zeros at its end, with a point; as it stands where a mark may stand before thousands: 1,000."""
    whole, _, part = number.replace(",", ".").partition(".")
    if not part or (len(part) == 3 and whole.lstrip("+-") != "0"):
        return number
    return f"{whole}.{part.rstrip('0')}".rstrip(".")


def _unit(text: str, at: int) -> str:
    found = _UNIT.match(text, at)
    return (found[1] or "") if found else ""
