"""A block laid out as a titled box of exactly `width` x `height` cells, with a scrolled window of its rows.

The box is drawn as lines like all else, so a changed age in a title costs one line and no layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tui.view_models.cells import Block, Line, Row, cut, width_of
from tui.view_models.symbols import Symbols


@dataclass(frozen=True, slots=True)
class Scroll:
    """Which rows are seen: the first one, and the key of the selected one (None: no selection)."""

    top: int = 0
    cursor: str | None = None
    focused: bool = False


def rows_room(block: Block, height: int) -> int:
    """How many rows fit between head and foot in a box of `height` lines."""
    return max(height - 2 - len(block.head) - len(block.foot), 0)


def scrolled(rows: Sequence[Row], top: int, room: int, cursor: int | None, *, follow: bool) -> int:
    """The first row to show so that the selected one is seen, or the last when following the end."""
    last = max(len(rows) - room, 0)
    if follow:
        return last
    if cursor is not None and room:
        top = min(max(top, cursor - room + 1), cursor)
    return min(max(top, 0), last)


def range_text(total: int, top: int, room: int) -> str:
    """`3-9 of 40` when not everything fits."""
    return f"{top + 1}-{min(top + room, total)} of {total}" if total > room > 0 else ""


def boxed(block: Block, width: int, height: int, scroll: Scroll, symbols: Symbols) -> list[Line]:
    """The lines of the box; content is cut or filled to fit."""
    if width < 4 or height < 2:
        return [()] * height
    frame = "focus" if scroll.focused else "frame"
    inner = width - 4
    room = rows_room(block, height)
    seen = range_text(len(block.rows), scroll.top, room)
    parts = [part for part in (*block.badge.split(" · "), seen) if part]
    while len(parts) > 1 and sum(len(part) + 3 for part in parts) > width * 3 // 5:
        parts.pop()  # the most important part comes first
    lines = [_top(block.title, f" {symbols.middle} ".join(parts), width, frame, symbols)]
    content: list[Line] = list(block.head)
    for row in block.rows[scroll.top : scroll.top + room]:
        content.append(_selected(row.line, inner, scroll) if row.key == scroll.cursor else row.line)
    content += [()] * (height - 2 - len(content) - len(block.foot))
    content += block.foot
    lines += [_framed(line, inner, symbols.side, frame) for line in content[: height - 2]]
    corners = symbols.corners
    lines.append(((corners[2] + symbols.dash * (width - 2) + corners[3], frame),))
    return lines


@lru_cache(maxsize=2_048)
def _framed(line: Line, inner: int, side: str, frame: str) -> Line:
    """A line between the sides; most lines are the same from one picture to the next."""
    shown = cut(line, inner)
    return ((side + " ", frame), *shown, (" " * (inner - width_of(shown)) + " " + side, frame))


def _top(title: Line, badge: str, width: int, frame: str, symbols: Symbols) -> Line:
    corners, dash = symbols.corners, symbols.dash
    tail = f" {badge} {dash}" if badge else ""
    if len(tail) > width * 2 // 3:
        tail = ""
    shown = cut(title, width - 5 - len(tail) - 1)
    fill = width - 5 - width_of(shown) - len(tail)
    return (
        (corners[0] + dash + " ", frame),
        *((text, role or "title") for text, role in shown),
        (" " + dash * fill, frame),
        (tail, "dim"),
        (corners[1], frame),
    )


def _selected(line: Line, inner: int, scroll: Scroll) -> Line:
    """The selected row: every cell keeps its role and gets the cursor's on top."""
    mark = "cursor" if scroll.focused else "blur"
    shown = cut(line, inner)
    filled = (*shown, (" " * (inner - width_of(shown)), ""))
    return tuple((text, f"{role}+{mark}" if role else mark) for text, role in filled)
