"""A small line chart of an integer series: braille dots, or stars where only ASCII is allowed. No floats needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def resample(values: Sequence[int], points: int) -> list[int]:
    """`points` values spread evenly over `values`; a short series is not stretched beyond its own points."""
    if len(values) <= points:
        return list(values)
    last = len(values) - 1
    return [values[index * last // (points - 1)] for index in range(points)]


def timed(series: Sequence[tuple[int, int]], points: int) -> list[int]:
    """`points` values at even distances in time between the first and the last (time, value): at each the last one
    known, so that the curve fills its axis and its ends are the times written there.
    """
    if not series or points < 2:
        return [value for _, value in series[:points]]
    first, span = series[0][0], max(series[-1][0] - series[0][0], 1)
    found: list[int] = []
    at = 0
    for point in range(points):
        when = first + span * point // (points - 1)
        while at + 1 < len(series) and series[at + 1][0] <= when:
            at += 1
        found.append(series[at][1])
    return found


def scale(values: Sequence[int], low: int, high: int, steps: int) -> list[int]:
    """Each value as a step 0..steps-1 from the bottom."""
    span = max(high - low, 1)
    return [min(max((value - low) * (steps - 1) // span, 0), steps - 1) for value in values]


def braille(values: Sequence[int], width: int, height: int, low: int, high: int) -> list[str]:
    """`height` lines of `width` braille cells; neighbouring points are joined."""
    if not values or width < 1 or height < 1:
        return [" " * width] * max(height, 0)
    return list(_braille(tuple(scale(resample(values, width * 2), low, high, height * 4)), width, height))


@lru_cache(maxsize=8)
def _braille(steps: tuple[int, ...], width: int, height: int) -> tuple[str, ...]:
    """The curve through `steps`; kept, because a chart is drawn each second and moves much more seldom."""
    grid = [[0] * width for _ in range(height)]
    previous = steps[0]
    for x, step in enumerate(steps):
        for level in range(min(previous, step), max(previous, step) + 1):
            y = height * 4 - 1 - level
            grid[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        previous = step
    return tuple("".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in grid)


def stars(values: Sequence[int], width: int, height: int, low: int, high: int) -> list[str]:
    """The same with one star a column."""
    if not values or width < 1 or height < 1:
        return [" " * width] * max(height, 0)
    points = resample(values, width)
    steps = scale(points, low, high, height)
    rows = [[" "] * width for _ in range(height)]
    for x, step in enumerate(steps):
        rows[height - 1 - step][x] = "*"
    return ["".join(row) for row in rows]
