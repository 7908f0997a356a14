"""The plain stuff every view is made of: cells with a role, lines, rows with a key, blocks with head and foot.

A role names a meaning ("bid", "alarm"), never a colour; the style sheets say how it looks. Text is made inert here too,
although the core has cleaned it: nothing that a terminal could obey leaves this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, overload

from rich.cells import cell_len, set_cell_size

from core.domain.text import clean_text

Cell: TypeAlias = tuple[str, str]
Line: TypeAlias = tuple[Cell, ...]

ROLES = (
    "strong", "dim", "head", "bid", "ask", "own", "gain", "loss", "alarm", "warn", "ok", "key", "off",
    "paper", "demo", "live", "replay", "state", "stale", "best", "title", "frame", "focus", "cursor", "blur",
)  # fmt: skip

UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """A line that can be selected; `key` stays the same while the thing it shows is the same."""

    key: str
    line: Line
    copy: str = ""


class LazyRows(Sequence[Row]):
    """Rows of which only those that are looked at are built; `keys` are known beforehand."""

    def __init__(self, keys: Sequence[str], build: Callable[[int], Row]) -> None:
        self.keys = keys
        self._build = build
        self._built: dict[int, Row] = {}

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, at: int | slice) -> Row | tuple[Row, ...]:
        if isinstance(at, slice):
            return tuple(self._row(index) for index in range(*at.indices(len(self))))
        return self._row(range(len(self))[at])

    def _row(self, index: int) -> Row:
        row = self._built.get(index)
        if row is None:
            row = self._built[index] = self._build(index)
        return row


def row_keys(rows: Sequence[Row]) -> Sequence[str]:
    """The keys in order, without building a row for them."""
    return rows.keys if isinstance(rows, LazyRows) else [row.key for row in rows]


@dataclass(frozen=True, slots=True)
class Block:
    """What a panel shows: fixed lines above, rows that scroll, fixed lines below."""

    title: Line = ()
    badge: str = ""
    head: tuple[Line, ...] = ()
    rows: Sequence[Row] = ()
    foot: tuple[Line, ...] = ()


def inert(text: str) -> str:
    """`text` unless something in it is not printable; then cleaned."""
    return text if text.isprintable() else clean_text(text, limit=400)


def fit(text: str, width: int, *, right: bool = False, ellipsis: str = "…") -> str:
    """`text` in exactly `width` cells; a cut is marked."""
    text = inert(text)
    size = len(text) if text.isascii() else cell_len(text)
    if size == width:
        return text
    if size < width:
        return " " * (width - size) + text if right else text + " " * (width - size)
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1) + ellipsis if width > 1 else set_cell_size(text, width)


def number(text: str, width: int) -> str:
    """A number right-aligned; one that does not fit becomes `#`, because a cut number is a lie."""
    return text.rjust(width) if len(text) <= width else "#" * width


def width_of(line: Line) -> int:
    width = 0
    for text, _ in line:
        # Nearly all text is ASCII, where every character has one cell.
        width += len(text) if text.isascii() else cell_len(text)
    return width


def joined(parts: Iterable[Line], separator: Cell = ("  ", "")) -> Line:
    """Lines one after the other with a separator; empty ones are left out."""
    cells: list[Cell] = []
    for part in parts:
        if not part:
            continue
        if cells:
            cells.append(separator)
        cells.extend(part)
    return tuple(cells)


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` and `right` at both ends of `width` cells; the left one is cut when there is no room."""
    room = width - width_of(right)
    if room < 1:
        return cut(right, width)
    left = cut(left, room - 1)
    return (*left, (" " * (room - width_of(left)), ""), *right)


def cut(line: Line, width: int) -> Line:
    """`line` in at most `width` cells, a cut marked by an ellipsis."""
    if width_of(line) <= width:
        return line
    kept: list[Cell] = []
    for text, role in line:
        size = cell_len(text)
        if size >= width:
            if width > 0:
                kept.append((fit(text, width) if size > width else set_cell_size(text, width - 1) + "…", role))
            break
        kept.append((text, role))
        width -= size
    return tuple(kept)


def first_fitting(candidates: Sequence[Line], width: int) -> Line:
    """The first of `candidates` (longest first) that fits, else the last one cut."""
    for line in candidates:
        if width_of(line) <= width:
            return line
    return cut(candidates[-1], width) if candidates else ()


def packed(parts: Sequence[Line], width: int, separator: Cell = ("  ", "")) -> Line:
    """As many of `parts`, most important first, as fit in `width` cells; those that do not fit are left out whole."""
    cells: list[Cell] = []
    used = 0
    for part in parts:
        size = width_of(part) + (len(separator[0]) if cells else 0)
        if not part or used + size > width:
            continue
        if cells:
            cells.append(separator)
        cells.extend(part)
        used += size
    return tuple(cells)


def wrapped(text: str, width: int, role: str = "") -> list[Line]:
    """`text` broken at words; a word longer than a line is broken too."""
    lines: list[Line] = []
    current = ""
    for word in text.split():
        while len(word) > width:
            if current:
                lines.append(((current, role),))
                current = ""
            lines.append(((word[:width], role),))
            word = word[width:]
        if current and len(current) + 1 + len(word) > width:
            lines.append(((current, role),))
            current = word
        else:
            current = f"{current} {word}" if current else word
    return [*lines, ((current, role),)] if current else lines


def plain(line: Line) -> str:
    """The text of a line without roles, for copies and tests."""
    return "".join(text for text, _ in line).rstrip()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `width` 0 takes what is left. `room` is the least table width at which it is shown (0:
    always); of those with a `room` the ones needing most go first when the open column is too narrow for its texts."""

    title: str
    width: int
    right: bool = True
    room: int = 0


def columns_for(columns: Sequence[Column], width: int, longest: int = 0) -> list[tuple[int, Column]]:
    """The columns shown at `width` with their index; the open one gets what is left, `longest` cells if possible."""
    shown = [(index, column) for index, column in enumerate(columns) if width >= column.room]
    need = min(longest, 30)
    while True:
        rest = width - sum(column.width for _, column in shown) - max(len(shown) - 1, 0)
        spare = max(shown, key=lambda item: item[1].room, default=None)
        if rest >= need or spare is None or not spare[1].room:
            break
        shown.remove(spare)
    rest = max(rest, 4)
    return [
        (index, column if column.width else Column(column.title, rest, column.right, column.room))
        for index, column in shown
    ]


def table_head(columns: Sequence[tuple[int, Column]]) -> Line:
    return ((" ".join(fit(column.title, column.width, right=column.right) for _, column in columns), "head"),)


def table_line(columns: Sequence[tuple[int, Column]], cells: Sequence[Cell]) -> Line:
    """One table row from a cell per declared column."""
    line: list[Cell] = []
    for position, (index, column) in enumerate(columns):
        text, role = cells[index]
        shown = number(text, column.width) if column.right else fit(text, column.width)
        line.append((shown if position == 0 else " " + shown, role))
    return tuple(line)
