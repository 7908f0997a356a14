"""A screen beside the desk: header, state, one listing, results, alarm and keys; for all of them the same class.

It draws only while it is shown, keeps its place while it is not, and survives a view that fails: that box then says
"view error" and the rest goes on.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Input

from core.domain.enums import Mode
from core.domain.ids import Ticker
from core.trading.snapshot import TraderSnapshot
from tui.action import Situation
from tui.screen_actions import TITLES
from tui.view_models.cells import inert
from tui.view_models.geometry import layout_name
from tui.view_models.header import alarm_line, header_line, notice_lines, small_lines
from tui.view_models.listing import Listing
from tui.view_models.look import Look, Outside, View
from tui.view_models.state import state_lines
from tui.view_models.symbols import Symbols
from tui.view_models.view_state import Frame, ViewState
from tui.widgets.bars import FooterBar
from tui.widgets.lines import LinesView
from tui.widgets.listing import ListingView

if TYPE_CHECKING:
    from tui.app import TraderApp

log = logging.getLogger("tui")

LINES_ABOVE_AND_BELOW = 5


class SearchInput(Input):
    """Takes plain text only, pasted or typed."""

    def insert_text_at_cursor(self, text: str) -> None:
        super().insert_text_at_cursor(inert(text))


class ViewScreen(Screen[None], inherit_bindings=False):
    """Shows one `View`."""

    AUTO_FOCUS = "#listing"
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, view: View, symbols: Symbols, outside: Outside, *, ascii_only: bool) -> None:
        super().__init__(id=f"view-{view.name}", classes="-view")
        self.view = view
        self.symbols = symbols
        self.ascii_only = ascii_only
        self.view_error = ""
        self._outside = outside
        self._query = ""
        self._filter = 0
        self._sort = 0
        self._drawn: tuple[TraderSnapshot, int, ViewState] | None = None
        self._styled: tuple[str, frozenset[str]] | None = None

    def compose(self) -> ComposeResult:
        yield LinesView(id="header")
        yield LinesView(id="state")
        yield ListingView(id="listing", follows=self.view.follows)
        search = SearchInput(placeholder="words to search for; Enter keeps them, esc clears", id="search")
        search.cursor_blink = False
        yield search
        yield LinesView(id="notice")
        yield LinesView(id="alarm")
        yield FooterBar(id="footer")
        yield LinesView(id="small")

    def on_mount(self) -> None:
        for widget in self.query(LinesView):
            widget.ascii_only = self.ascii_only
        self.listing.symbols = self.symbols
        self.query_one("#search").display = False
        self._styled = (self.app.theme, self.classes)

    def update_node_styles(self, animate: bool = True) -> None:
        """Only when what the sheets look at has changed: to style everything anew holds the loop up each time the
        screen comes back.
        """
        styled = (self.app.theme, self.classes)
        if styled != self._styled:
            self._styled = styled
            super().update_node_styles(animate)

    @property
    def listing(self) -> ListingView:
        return self.query_one("#listing", ListingView)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(layout_name(*self.size) == "small", "-small")
        self.call_after_refresh(self.redraw)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.redraw)

    def on_listing_view_selected(self) -> None:
        if self.view.tells_pick:
            self.redraw()
        else:
            self._show_keys()

    # Drawing ----------------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw again from the picture at hand."""
        if self._drawn is not None:
            self.draw(*self._drawn)

    def draw(self, snapshot: TraderSnapshot, now_ns: int, view: ViewState) -> None:
        """Show this picture; a part that fails says so in its own place."""
        self._drawn = (snapshot, now_ns, view)
        if not self.is_mounted or not self.size.width:
            return
        self.set_class(snapshot.identity.mode is Mode.LIVE, "-live")
        width, height = self.size
        rate = self._outside.gauges().rate_hz
        frame = Frame(snapshot, now_ns, view, self.symbols, width=width, height=height, rate_hz=rate)
        if layout_name(width, height) == "small":
            self._lines("small", lambda: small_lines(frame))
            return
        self._lines("header", lambda: [header_line(frame)])
        self._lines("state", lambda: state_lines(frame)[: 1 if snapshot.progress is None else 2])
        self._lines("notice", lambda: notice_lines(frame))
        self._fit("state")
        self._fit("notice")
        self._lines("alarm", lambda: [alarm_line(frame)])
        self._show_listing(frame)
        self._show_keys()

    def _lines(self, name: str, lines: Any) -> None:
        widget = self.query_one(f"#{name}", LinesView)
        try:
            widget.set_lines(lines())
        except Exception as error:
            if self._is_news(error):
                log.exception("screen %s failed", self.view.name)
            widget.set_lines([(("view error, see the log", "alarm"),)])

    def _fit(self, name: str) -> None:
        """What needs more than one line gets it from the listing."""
        part = self.query_one(f"#{name}", LinesView)
        rows = max(len(part.lines), 1)
        if part.size.height != rows:
            part.styles.height = rows

    def _show_listing(self, frame: Frame) -> None:
        size = self.listing.size
        inner = replace(frame, width=max(size.width - 4, 1), height=size.height)
        try:
            self.listing.show(self.view.listing(self._look(inner)))
            self.view_error = ""
        except Exception as error:
            if self._is_news(error):
                log.exception("screen %s failed", self.view.name)
            broken = (("view error, see the log", "alarm"),)
            self.listing.show(Listing(title=((TITLES[self.view.name], "title"),), head=(broken,)))

    def _is_news(self, error: Exception) -> bool:
        """Whether it fails in another way than at the last drawing: the log is not filled with one fault."""
        words = f"{type(error).__name__}: {error}"
        before, self.view_error = self.view_error, words
        return words != before

    def _look(self, frame: Frame) -> Look:
        filters, sorts = self.view.filters, self.view.sorts
        return Look(
            frame,
            query=self._query.lower(),
            filter=filters[self._filter] if filters else "",
            sort=sorts[self._sort] if sorts else "",
            outside=self._outside,
            pick=self.listing.cursor,
        )

    def _show_keys(self) -> None:
        situation = self.situation()
        if situation is None:
            return
        try:
            self.query_one(FooterBar).show(situation)
        except Exception as error:
            if self._is_news(error):
                log.exception("keys of %s failed", self.view.name)

    def situation(self) -> Situation | None:
        """What the actions can depend on; None before the first picture."""
        if self._drawn is None:
            return None
        snapshot, _, view = self._drawn
        base = Situation(snapshot, view, screen=self.view.name)
        if not self.is_mounted:
            return base
        try:
            row = self.listing.selected
        except Exception:  # a broken row selects nothing; its drawing has told
            log.debug("no selection", exc_info=True)
            row = None
        if row is None:
            return base
        known = (*snapshot.orders, *snapshot.finished_orders) if self.view.name == "orders" else ()
        order = next((item for item in known if item.client_order_id == row.key), None)
        market: Ticker | None = order.ticker if order else None
        if self.view.name in ("markets", "positions"):
            market = Ticker(row.key)
        return replace(base, order=order, market=market, row=row.copy, pick=row.key)

    # Choices ----------------------------------------------------------------------------------------------------

    def next_filter(self) -> None:
        self._filter = (self._filter + 1) % max(len(self.view.filters), 1)
        self.redraw()

    def next_sort(self) -> None:
        self._sort = (self._sort + 1) % max(len(self.view.sorts), 1)
        self.redraw()

    def search(self) -> None:
        """Open the line to type into."""
        line = self.query_one(SearchInput)
        line.display = True
        line.focus()

    @property
    def searching(self) -> bool:
        return self.is_mounted and self.query_one(SearchInput).has_focus

    def clear(self) -> bool:
        """Put search and filter away, then the selection; False when there was nothing of it."""
        line = self.query_one(SearchInput)
        if not (self._query or self._filter or line.display):
            return self.listing.let_go()
        line.value, line.display = "", False
        self._query, self._filter = "", 0
        self.listing.focus()
        self.redraw()
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._query = event.value.strip()
        self.redraw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the search and go back to the rows."""
        event.stop()
        event.input.display = False
        self.listing.focus()

    def on_footer_bar_pressed(self, message: FooterBar.Pressed) -> None:
        message.stop()
        cast("TraderApp", self.app).action_operate(message.action)
