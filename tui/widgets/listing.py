"""A focusable box over a `Listing`: it scrolls through any number of rows and builds only those in sight."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.view_models.cells import Row
from tui.view_models.listing import Listing, listing_lines, room
from tui.view_models.symbols import UNICODE, Symbols
from tui.widgets.lines import LinesView

log = logging.getLogger("tui")
FAR = 1 << 30


class ListingView(LinesView, can_focus=True):
    """Nothing is selected until the operator moves; from then on the selection follows the row's key until Esc lets go
    of it or the row goes out of sight. So no row is acted on that came under the cursor by itself. `follows` ones stay
    at their end until the operator moves up.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("home", "edge(-1)", show=False),
        Binding("end,G", "edge(1)", show=False),
    ]

    class Selected(Message):
        """The selection has moved."""

    def __init__(self, *, id: str, follows: bool = False) -> None:
        super().__init__(id=id)
        self.follows = follows
        self.symbols: Symbols = UNICODE
        self.listing = Listing()
        self._top = 0
        self._index = 0
        self._cursor: str | None = None
        self._held = False

    @property
    def cursor(self) -> str | None:
        """The key of the selected row."""
        return self._cursor

    @property
    def selected(self) -> Row | None:
        keys = self.listing.keys
        return self.listing.row(self._index) if self._cursor is not None and self._index < len(keys) else None

    def show(self, listing: Listing) -> None:
        """Take new contents. The rows in sight stay where they are, and with them the selection; a selected row that
        left their sight or the list is let go of, for the next key was not meant for what took its place.
        """
        old, keys = self.listing.keys, listing.keys
        self.listing = listing
        if self._cursor is None and self.follows:
            self._index = len(keys) - 1
        elif self._cursor is not None and not (self._index < len(keys) and keys[self._index] == self._cursor):
            moved = self._moved(old, keys)
            self._top += moved
            found = keys.index(self._cursor) if self._cursor in keys else None
            if found is not None and self._top <= found < self._top + max(room(listing, self.size.height), 1):
                self._index = found
            else:
                self._cursor, self._held = None, False
                self._index += moved
        self._settle()

    def _moved(self, old: Sequence[str], keys: Sequence[str]) -> int:
        """How far the rows in sight have moved in the list, by the first of them that is still there."""
        for index in range(self._top, min(self._top + room(self.listing, self.size.height), len(old))):
            if old[index] != self._cursor and old[index] in keys:
                return keys.index(old[index]) - index
        return 0

    def _settle(self) -> None:
        keys = self.listing.keys
        space = room(self.listing, self.size.height)
        self._index = min(max(self._index, 0), max(len(keys) - 1, 0))
        if self._cursor is not None:
            self._cursor = keys[self._index] if keys else None
        last = max(len(keys) - space, 0)
        if space:
            self._top = min(max(self._top, self._index - space + 1), self._index)
        self._top = min(max(self._top, 0), last)
        size = self.size
        held = self._held and self.follows
        self.set_lines(
            listing_lines(self.listing, size.width, size.height, self._top, self._cursor, self.symbols, held=held)
        )

    def go(self, index: int) -> None:
        """Select the row at `index`, or the nearest there is."""
        keys = self.listing.keys
        if not keys:
            self.post_message(self.Idle("there is no row here"))
            return
        self._index = min(max(index, 0), len(keys) - 1)
        self._held = self.follows and self._index < len(keys) - 1
        self._cursor = None if self.follows and not self._held else keys[self._index]
        try:
            self._settle()
        except Exception:  # a row that cannot be built is told by the next drawing, in words
            log.exception("scrolling %s failed", self.id)
        self.post_message(self.Selected())

    def action_move(self, step: int) -> None:
        """The first step selects what is at the top (of a follower: at the end)."""
        self.go(self._index + (step if self._cursor is not None or self.follows else 0))

    def let_go(self) -> bool:
        """Select nothing and show the top again; False when nothing was selected."""
        if self._cursor is None:
            return False
        self._cursor, self._held, self._index = None, False, len(self.listing.keys) - 1 if self.follows else 0
        self._settle()
        self.post_message(self.Selected())
        return True

    def action_page(self, step: int) -> None:
        self.go(self._index + step * max(room(self.listing, self.size.height) - 1, 1))

    def action_edge(self, side: int) -> None:
        self.go(0 if side < 0 else FAR)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.go(self._index - 3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.go(self._index + 3)

    def on_click(self, event: events.Click) -> None:
        row = event.y - 1 - len(self.listing.head)
        if 0 <= row < room(self.listing, self.size.height) and self._top + row < len(self.listing.keys):
            self.go(self._top + row)

    def on_resize(self) -> None:
        super().on_resize()
        self._settle()
