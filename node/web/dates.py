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
