"""Amounts for people."""

from __future__ import annotations


def size(octets: int) -> str:
    """A number of bytes, e.g. `1.3 MB`."""
    amount = float(octets)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(seconds: float) -> str:
    """A time span, e.g. `3 d 4 h`."""
    minutes = int(seconds // 60)
    days, minutes = divmod(minutes, 1440)
    return f"{days} d {minutes // 60} h" if days else f"{minutes // 60} h {minutes % 60} min"
