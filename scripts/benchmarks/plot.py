"""Exchanges and latency over the size of the federation, both axes logarithmic, as SVG that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT, _MARGIN = 640, 360, 60
_SERIES = (
    ("first exchanges", "exchanges, first query", 1, "#1f5fa8"),
    ("later exchanges", "later", 1, "#7fb0e0"),
    ("first seconds", "milliseconds, first query", 1000, "#b3541e"),
    ("later seconds", "later", 1000, "#e8a878"),
)


def plot(points: Sequence[Mapping[str, float]]) -> str:
    """`points` have `communities` and what `_SERIES` names."""
    values = [[point[key] * factor for point in points] for key, _, factor, _ in _SERIES]
    sizes = [point["communities"] for point in points]
    top = math.ceil(math.log10(max(max(one) for one in values)))
    left, right = math.log10(min(sizes)), math.log10(max(sizes))

    def x(size: float) -> float:
        return _MARGIN + (math.log10(size) - left) / (right - left or 1) * (_WIDTH - 2 * _MARGIN)

    def y(value: float) -> float:
        return _HEIGHT - _MARGIN - max(0.0, math.log10(max(value, 1))) / top * (_HEIGHT - 2 * _MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" '
        'font-size="12"><rect width="100%" height="100%" fill="white"/>'
    ]
    for power in range(top + 1):
        level = y(10**power)
        parts.append(
            f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{level:.1f}" y2="{level:.1f}" stroke="#ddd"/>'
            f'<text x="{_MARGIN - 6}" y="{level + 4:.1f}" text-anchor="end">{10**power:,}</text>'
        )
    for size in sizes:
        parts.append(f'<text x="{x(size):.1f}" y="{_HEIGHT - _MARGIN + 18}" text-anchor="middle">{size:,.0f}</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle">communities</text>')
    for place, ((_, label, _, colour), series) in enumerate(zip(_SERIES, values, strict=True)):
        line = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in zip(sizes, series, strict=True))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x(size):.1f}" cy="{y(value):.1f}" r="4" fill="{colour}"/>'
            for size, value in zip(sizes, series, strict=True)
        ]
        parts.append(f'<text x="{_MARGIN + (0, 180, 260, 460)[place]}" y="24" fill="{colour}">● {label}</text>')
    return "".join(parts) + "</svg>\n"
