"""The ladder panel: it remembers per market which part of the price grid is shown, and walks the cursor along it."""

from __future__ import annotations

from dataclasses import replace

from textual import events
from textual.message import Message

from core.domain.amounts import Price
from core.domain.ids import Ticker
from core.trading.snapshot import BookView
from tui.view_models.box import Scroll, boxed, rows_room
from tui.view_models.cells import Block
from tui.view_models.ladder import foot_lines, grid, ladder_block, middle, place_window
from tui.view_models.view_state import Frame, chosen_book
from tui.widgets.panel import Panel

NO_BOOK = "no market is watched yet; / finds one"


class Ladder(Panel):
    """Prices are rows of the grid. Pointing at one holds the window; only the cursor and `r` move it from then on."""

    class Pointed(Message):
        """The operator points at a price of a market."""

        def __init__(self, market: Ticker, price: Price) -> None:
            super().__init__()
            self.market, self.price = market, price

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, selectable=False)
        self._windows: dict[Ticker, int] = {}
        self._still: set[Ticker] = set()
        self._recentre = False
        self._frame: Frame | None = None
        self._pointed: Price | None = None

    def recentre(self) -> None:
        """Put the middle of the market in the middle at the next drawing, and follow it again."""
        self._recentre = True

    def present(self, frame: Frame) -> Block:
        """The block for `frame`, after placing the window."""
        rows = max(frame.height - 3 - foot_lines(frame.height), 1)
        frame = replace(frame, rows=rows)
        self._frame = frame
        book = chosen_book(frame.snapshot, frame.view.market)
        self._pointed = None
        if book is None:
            return ladder_block(frame, 0)
        if self._recentre:
            self._still.discard(book.ticker)
        top = self._windows.get(book.ticker)
        pointed = self._pointed = frame.view.ticket.at(book.ticker)
        held = pointed is not None or book.ticker in self._still
        if top is None or not held or self._recentre:
            top = place_window(book, rows, top, recentre=self._recentre)
        if pointed is not None and not self._recentre:
            top = self._around(top, rows, self._row_of(pointed), len(grid(book.bands)))
        self._windows[book.ticker] = top
        self._recentre = False
        return ladder_block(frame, top, held=held)

    @staticmethod
    def _around(top: int, rows: int, index: int, prices: int) -> int:
        """The least move of the window that shows the row."""
        top = min(max(top, index - rows + 1), index)
        return min(max(top, 0), max(prices - rows, 0))

    def _row_of(self, price: Price) -> int:
        """The row of a price, counted from the highest."""
        assert self._frame is not None
        book = chosen_book(self._frame.snapshot, self._frame.view.market)
        prices = grid(book.bands) if book is not None else ()
        return len(prices) - 1 - prices.index(price) if price in prices else 0

    def _compose_lines(self) -> None:
        cursor = None if self._pointed is None else str(self._pointed)
        scroll = Scroll(0, cursor, self.has_focus)
        self.set_lines(boxed(self.block, self.size.width, self.size.height, scroll, self.symbols))

    def action_move(self, step: int) -> None:
        self._point(step)

    def action_page(self, step: int) -> None:
        self._point(step * max(rows_room(self.block, self.size.height) - 1, 1))

    def action_edge(self, side: int) -> None:
        """To the best ask, or to the best bid."""
        book = self._book()
        levels = () if book is None else book.asks if side < 0 else book.bids
        if book is not None and levels:
            self.post_message(self.Pointed(book.ticker, levels[0][0]))
        else:
            self.post_message(self.Idle(f"this book has no {'ask' if side < 0 else 'bid'}" if book else NO_BOOK))

    def _book(self) -> BookView | None:
        frame = self._frame
        return None if frame is None else chosen_book(frame.snapshot, frame.view.market)

    def _point(self, step: int) -> None:
        """Move the cursor along the grid; the first key puts it in the middle of the market."""
        book = self._book()
        if book is None:
            self.post_message(self.Idle(NO_BOOK))
            return
        prices = grid(book.bands)
        if self._pointed is None:
            start = middle(book)
            price = min(prices, key=lambda item: abs(item - start)) if start is not None else prices[len(prices) // 2]
        else:
            at = len(prices) - 1 - self._row_of(self._pointed)
            price = prices[min(max(at - step, 0), len(prices) - 1)]
        self.post_message(self.Pointed(book.ticker, price))

    def _shift(self, step: int) -> None:
        """Scroll the window without a cursor."""
        frame, book = self._frame, self._book()
        if frame is None or book is None:
            return
        last = max(len(grid(book.bands)) - frame.rows, 0)
        self._windows[book.ticker] = min(max(self._windows.get(book.ticker, 0) + step, 0), last)
        self._still.add(book.ticker)
        self.show(self.present(frame))

    def _go(self, index: int) -> None:
        """A click on a row points at its price."""
        book, rows = self._book(), self.block.rows
        if book is not None and 0 <= index < len(rows):
            self.post_message(self.Pointed(book.ticker, Price(int(rows[index].key))))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._shift(-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._shift(1)
