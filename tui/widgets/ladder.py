"""The ladder panel: it remembers per market which part of the price grid is shown."""

from __future__ import annotations

from dataclasses import replace

from textual import events

from core.domain.ids import Ticker
from tui.view_models.box import rows_room
from tui.view_models.cells import Block
from tui.view_models.ladder import foot_lines, grid, ladder_block, place_window
from tui.view_models.view_state import Frame, chosen_book
from tui.widgets.panel import Panel


class Ladder(Panel):
    """Prices are rows of the grid; moving through them scrolls the window."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, selectable=False)
        self._windows: dict[Ticker, int] = {}
        self._moved: set[Ticker] = set()
        self._recentre = False
        self._frame: Frame | None = None

    def recentre(self) -> None:
        """Put the middle of the market in the middle at the next drawing."""
        self._recentre = True

    def present(self, frame: Frame) -> Block:
        """The block for `frame`, after placing the window."""
        rows = max(frame.height - 3 - foot_lines(frame.height), 1)
        frame = replace(frame, rows=rows)
        self._frame = frame
        book = chosen_book(frame.snapshot, frame.view.market)
        top: int | None = 0
        if book is not None:
            if self._recentre:
                self._moved.discard(book.ticker)
            top = self._windows.get(book.ticker)
            if top is None or book.ticker not in self._moved:
                top = place_window(book, rows, top, recentre=self._recentre)
            self._windows[book.ticker] = top
            self._recentre = False
        block = ladder_block(frame, top or 0)
        if book is not None and book.ticker in self._moved:
            block = replace(block, badge=f"moved, r centres · {block.badge}")
        return block

    def action_move(self, step: int) -> None:
        self._shift(step)

    def action_page(self, step: int) -> None:
        self._shift(step * max(rows_room(self.block, self.size.height) - 1, 1))

    def _shift(self, step: int) -> None:
        frame = self._frame
        book = None if frame is None else chosen_book(frame.snapshot, frame.view.market)
        if frame is None or book is None:
            return
        last = max(len(grid(book.bands)) - frame.rows, 0)
        self._windows[book.ticker] = min(max(self._windows.get(book.ticker, 0) + step, 0), last)
        self._moved.add(book.ticker)
        self.show(self.present(frame))

    def _go(self, index: int) -> None:
        """Mouse wheel and clicks come here; the ladder has no row to select."""

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._shift(-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._shift(1)

    def action_edge(self, side: int) -> None:
        self._shift(-10_000 if side < 0 else 10_000)
