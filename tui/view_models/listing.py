"""A table of any length of which only the rows in sight are ever built, and the small parts every such table needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tui.view_models.box import Scroll, boxed
from tui.view_models.cells import Block, Line, Row
from tui.view_models.symbols import Symbols


def no_row(index: int) -> Row:
    """For listings without rows."""
    raise IndexError(index)


@dataclass(frozen=True, slots=True)
class Listing:
    """`keys` name the rows in order and stay with the thing they show; `row` builds one; `record` tells all of it."""

    title: Line = ()
    badge: str = ""
    head: tuple[Line, ...] = ()
    keys: Sequence[str] = ()
    row: Callable[[int], Row] = no_row
    foot: tuple[Line, ...] = ()
    record: Callable[[str], Sequence[Line]] = field(default=lambda key: ())


def room(listing: Listing, height: int) -> int:
    """Rows that fit between head and foot in a box of `height` lines."""
    return max(height - 2 - len(listing.head) - len(listing.foot), 0)


def listing_lines(
    listing: Listing, width: int, height: int, top: int, cursor: str | None, symbols: Symbols, *, held: bool
) -> list[Line]:
    """The box with the rows from `top` on."""
    space = room(listing, height)
    total = len(listing.keys)
    rows = tuple(listing.row(index) for index in range(top, min(top + space, total)))
    parts = ["HELD, End follows"] if held else []
    parts += [f"{top + 1}-{top + len(rows)} of {total}"] if total > space > 0 else []
    parts += [listing.badge] if listing.badge else []
    block = Block(listing.title, " · ".join(parts), listing.head, rows, listing.foot)
    return boxed(block, width, height, Scroll(0, cursor, focused=True), symbols)
