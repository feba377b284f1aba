"""The value grammar of stored query parameters: text of one rim:Value -> typed values (ITI TF-2: 3.18.4.1.2.3.5).

    Value = Number | String | "(" Item ("," Item)* ")"        Item = String | Number
    Number = digits                String = "'" (char | "''")* "'"

A real scanner: values hold commas, parentheses, carets and doubled apostrophes. What the field sends besides is read
as well: double quotes, blanks around anything, a list of one where one value is due and the reverse.
"""

from __future__ import annotations

import re
from typing import Final

from registry.metadata.values import dtm_floor, is_dtm

# Possessive quantifiers: a hostile value costs one pass, whatever it holds.
_ITEM: Final = re.compile(
    r"""\s*+(?:'(?P<single>[^']*+(?:''[^']*+)*+)'|"(?P<double>[^"]*+(?:""[^"]*+)*+)"|(?P<number>[0-9]++))\s*+"""
)
LONGEST_PATTERN: Final = 256  # no value of a Slot is longer (rim: LongName)


class MalformedValue(ValueError):  # noqa: N818  named for what it is
    """A value that the grammar does not allow. The text says what is wrong with it, for codeContext."""


def scan(text: str) -> tuple[str, ...]:
    """The items of one rim:Value, in order, without their quotes.

    Raises:
        MalformedValue: `text` is not a Number, a String or a list of them.
    """
    text = text.strip()
    if not text.startswith("("):
        item, end = _item(text, 0)
        if end != len(text):
            raise MalformedValue(f"{_excerpt(text)} goes on after its first value")
        return (item,)
    items: list[str] = []
    position, last = 1, len(text) - 1
    while True:
        item, position = _item(text, position)
        items.append(item)
        separator = text[position : position + 1]
        position += 1
        if separator == ")" and position > last:
            return tuple(items)
        if separator != ",":
            raise MalformedValue(f"{_excerpt(text)} is not a list of quoted values in parentheses")


def _item(text: str, position: int) -> tuple[str, int]:
    found = _ITEM.match(text, position)
    if found is None:
        raise MalformedValue(f"{_excerpt(text)} holds something that is neither quoted nor a number")
    single, double, number = found.group("single", "double", "number")
    if single is not None:
        return single.replace("''", "'"), found.end()
    if double is not None:
        return double.replace('""', '"'), found.end()
    return number, found.end()


def read_code(text: str) -> tuple[str, str]:
    """(code, coding scheme) of `code^^codingScheme`; both are required and nothing may stand between.

    Raises:
        MalformedValue: anything else.

    Source: ITI TF-2: 3.18.4.1.2.3.4.
    """
    parts = text.split("^")
    if len(parts) != 3 or parts[1] or not parts[0] or not parts[2]:
        raise MalformedValue(f"{_excerpt(text)} is not of the form code^^codingScheme")
    return parts[0], parts[2]


def read_instant(text: str) -> int:
    """First instant of a DTM as a number of 14 digits; `2024` and `202401` are both 20240101000000.

    Raises:
        MalformedValue: not a DTM.
    """
    if not is_dtm(text):
        raise MalformedValue(f"{_excerpt(text)} is not a time of the form YYYY[MM[DD[hh[mm[ss]]]]]")
    return int(dtm_floor(text))


def read_pattern(text: str) -> str:
    """A LIKE pattern; one longer than any stored value is refused rather than compiled.

    Raises:
        MalformedValue: longer than `LONGEST_PATTERN`.
    """
    if len(text) > LONGEST_PATTERN:
        raise MalformedValue(f"a pattern of {len(text)} characters; the longest is {LONGEST_PATTERN}")
    return text


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
