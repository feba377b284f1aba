"""Dates for people: as much as a DTM says and not more, the month in words (ui 6.5)."""

from __future__ import annotations

from typing import Final

from registry.metadata.values import is_dtm

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def shown(dtm: str, language: str) -> str:
    """`20261123` as "23 Nov 2026"; a text that is no date as it stands, in quotation marks. Times are UTC."""
    if not dtm:
        return ""
    if not is_dtm(dtm):
        return f"“{dtm[:40]}”"
    chinese = language.startswith("zh")
    year, month, day, hour = dtm[:4], dtm[4:6], dtm[6:8], dtm[8:10]
    if not month:
        return f"{year}年" if chinese else year
    if not day:
        return f"{year}年{int(month)}月" if chinese else f"{_MONTHS[int(month) - 1]} {year}"
    date = f"{year}年{int(month)}月{int(day)}日" if chinese else f"{int(day)} {_MONTHS[int(month) - 1]} {year}"
    if not hour:
        return date
    return f"{date}, {hour}:{dtm[10:12] or '00'}"


def moment(time: str, language: str) -> str:
    """A record's time, `2026-11-23T10:02:17.000Z`, to the second."""
    text = shown(f"{time[:4]}{time[5:7]}{time[8:10]}{time[11:13]}{time[14:16]}", language)
    return f"{text}:{time[17:19]}" if len(time) > 18 else text
