"""The main screen: presents the parts of the picture that changed, in the places that the size of the terminal gives.

A part whose piece of the snapshot is the same object and whose clock has not reached the next second is not presented
again. A view that fails shows "view error" in its own place; the rest goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.geometry import NULL_OFFSET, Region, Size, Spacing
from textual.layout import Layout, WidgetPlacement
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from core.domain.enums import Mode
from core.domain.ids import Ticker
from core.trading.snapshot import TraderSnapshot
from tui.action import Situation
from tui.desk_actions import own_at_cursor
from tui.view_models.ages import SECOND_NS
from tui.view_models.box import Scroll, boxed
from tui.view_models.cells import Block, Line
from tui.view_models.geometry import TABLES, arrange, layout_name
from tui.view_models.header import alarm_line, header_line, notice_lines, shown_action, small_lines
from tui.view_models.log import log_block
from tui.view_models.money import money_block, risk_block
from tui.view_models.state import state_block, state_lines
from tui.view_models.symbols import UNICODE, Symbols
from tui.view_models.tables import orders_block, positions_block
from tui.view_models.view_state import PANELS, Frame, Notice, ViewState, chosen_book, neighbour_market
from tui.widgets.bars import FooterBar
from tui.widgets.ladder import Ladder
from tui.widgets.lines import LinesView
from tui.widgets.panel import Panel

log = logging.getLogger("tui")

PALETTE_KEYS: Line = (
    (" ", ""), ("^k", "key"), (" PANIC  ", ""), ("type", "key"), (" an action or a market  ", ""),
    ("up down", "key"), (" choose  ", ""), ("enter", "key"), (" do it  ", ""), ("esc", "key"), (" back", ""),
)  # fmt: skip

Parts = Callable[[TraderSnapshot], tuple[object, ...]]

# What of the snapshot each panel is made of, besides the health of feed and state that all of them need.
PANEL_PARTS: dict[str, Parts] = {
    "ladder": lambda s: (s.books, s.orders),
    "positions": lambda s: (s.positions, s.money),
    "orders": lambda s: (s.orders, s.finished_orders, s.money),
    "money": lambda s: (s.money, s.equity, s.limits),
    "log": lambda s: (s.activity, s.errors),
    "risk": lambda s: (s.limits, s.breaker, s.counters, s.components),
}


# The youngest thing whose age a panel shows, as wall time. Ages over 100 s are told in minutes: then the panel need not
# be looked at each second.
YOUNGEST: dict[str, Callable[[TraderSnapshot], int]] = {
    "ladder": lambda s: s.taken_at - s.taken_ns + max((book.updated_ns for book in s.books), default=0),
    "positions": lambda s: max((position.updated_at for position in s.positions), default=0),
    "orders": lambda s: max((order.updated_at for order in (*s.orders, *s.finished_orders)), default=0),
    "log": lambda s: max(s.activity[-1].at if s.activity else 0, s.errors[-1].at if s.errors else 0),
}
YOUNG_S, SELDOM_S = 100, 10

# The lines around the panels are made of all but what only panels show; times and ages follow once a second.
_OF_THE_MOMENT = {"version", "taken_ns", "taken_at", "feed"}
_IN_PANELS_ONLY = {"books", "equity", "days", "liquidation"}
ALL_PARTS: Parts = attrgetter(*(n for n in TraderSnapshot.__struct_fields__ if n not in _OF_THE_MOMENT))
LINE_PARTS: Parts = attrgetter(
    *(n for n in TraderSnapshot.__struct_fields__ if n not in _OF_THE_MOMENT | _IN_PANELS_ONLY)
)


class PanelLayout(Layout):
    """Places the children of the desk by `arrange`; a child without a place is not shown."""

    name = "panels"

    def __init__(self, place: Callable[[int, int], dict[str, tuple[int, int, int, int]]]) -> None:
        self._place = place

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> list[WidgetPlacement]:
        boxes = self._place(size.width, size.height)
        return [
            WidgetPlacement(Region(*boxes[child.id]), NULL_OFFSET, Spacing(), child)
            for child in children
            if child.id in boxes
        ]


class Desk(Widget):
    """Holds all parts of the main screen; nothing of its own is seen."""

    BLANK = True

    def __init__(self, place: Callable[[int, int], dict[str, Any]]) -> None:
        super().__init__(id="desk")
        self._panel_layout = PanelLayout(place)

    @property
    def layout(self) -> Layout:
        return self._panel_layout


class MainScreen(Screen[None], inherit_bindings=False):
    """Owns the view state and hands frames to the panels."""

    BLANK = True
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = []

    class Ready(Message):
        """Composed and mounted: it can be drawn."""

    class Changed(Message):
        """The operator chose something else to look at."""

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__()
        self.symbols: Symbols = UNICODE
        self.ascii_only = ascii_only
        self.view = ViewState()
        self.snapshot: TraderSnapshot | None = None
        self.now_ns = 0
        self.rate_hz = 4
        self.covered = False
        self.view_errors: dict[str, str] = {}
        self._drawn: dict[str, tuple[object, ...]] = {}
        self._boxes: dict[str, tuple[int, int, int, int]] = {}
        self._notice_rows = 1
        self._presenters: dict[str, Callable[[Frame], Block]] = {}
        self._panels: dict[str, Panel] = {}

    def compose(self) -> ComposeResult:
        ladder = Ladder(id="ladder")
        self._presenters = {
            "ladder": ladder.present,
            "positions": positions_block,
            "orders": orders_block,
            "money": money_block,
            "log": log_block,
            "risk": risk_block,
        }
        with Desk(self.places):
            yield LinesView(id="header")
            yield LinesView(id="state")
            yield ladder
            yield Panel(id="positions")
            yield Panel(id="orders")
            yield Panel(id="money", selectable=False)
            yield Panel(id="log", follows=True)
            yield Panel(id="risk", selectable=False)
            yield LinesView(id="notice")
            yield LinesView(id="alarm")
            yield FooterBar(id="footer")
            yield LinesView(id="small")

    def on_mount(self) -> None:
        self.query_one("#risk").can_focus = False
        for view in self.query(LinesView):
            view.ascii_only = self.ascii_only
            if isinstance(view, Panel):
                view.symbols = self.symbols
                self._panels[str(view.id)] = view
        self.post_message(self.Ready())

    # Places -----------------------------------------------------------------------------------------------------

    def places(self, width: int, height: int) -> dict[str, tuple[int, int, int, int]]:
        """Boxes by part for this size and the current choices."""
        view = self.view
        zoom = view.panel if view.zoom else None
        boxes = arrange(width, height, slot=view.slot, zoom=zoom, notice=self._notice_rows)
        return {name: tuple(box) for name, box in boxes.items()}  # type: ignore[misc]

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()
        self.call_after_refresh(self._after_layout)

    def _after_layout(self) -> None:
        self.focus_panel(self.view.panel)
        self.redraw()

    def rearrange(self) -> None:
        """New places for the same size."""
        self.query_one("#header").refresh(layout=True)  # a child's request is what makes its parent place anew
        self.call_after_refresh(self._after_layout)

    def focus_panel(self, name: str) -> None:
        """Remember and focus a panel; where one table switches, it becomes the shown one."""
        changed = name != self.view.panel or (name in TABLES and self.view.slot != name)
        self.view = replace(self.view, panel=name, slot=name if name in TABLES else self.view.slot)
        if changed:
            self.rearrange()
        elif layout_name(*self.size) != "small":
            self.set_focus(self.query_one(f"#{name}"))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        name = event.widget.id
        if name in PANELS and name != self.view.panel and name in self.places(*self.size):
            self.view = replace(self.view, panel=name, slot=name if name in TABLES else self.view.slot)
            self.post_message(self.Changed())

    def on_ladder_pointed(self, message: Ladder.Pointed) -> None:
        """Another price is pointed at; the market it belongs to is the one that is shown from now on."""
        ticket = replace(self.view.ticket, market=message.market, cursor=message.price)
        self.choose(market=message.market, ticket=ticket)

    def on_panel_selected(self) -> None:
        self.post_message(self.Changed())

    # Choices ----------------------------------------------------------------------------------------------------

    def step_panel(self, step: int) -> None:
        self.focus_panel(PANELS[(PANELS.index(self.view.panel) + step) % len(PANELS)])

    def toggle_zoom(self) -> None:
        self.view = replace(self.view, zoom=not self.view.zoom)
        self.rearrange()

    def step_market(self, step: int) -> None:
        if self.snapshot is not None:
            ticket = replace(self.view.ticket, moving=None)
            self.choose(market=neighbour_market(self.snapshot, self.view.market, step), ticket=ticket)

    def choose(self, **changes: Any) -> None:
        """Change the view state and draw it."""
        self.view = replace(self.view, **changes)
        self.redraw()

    def say(self, text: str, role: str = "warn") -> None:
        """A word of the console itself in the notice line."""
        newest = max((action.at for action in self.snapshot.actions), default=0) if self.snapshot else 0
        self.choose(notice=Notice(text=text, role=role, at=newest))

    def dismiss_results(self) -> bool:
        """Put away what the notice line shows, a word or a result; the next one shows itself. False when there was
        nothing.
        """
        if self.snapshot is None:
            return False
        shown = shown_action(self.snapshot, self.view.dismissed)
        notice = self.view.notice
        if notice is not None and (shown is None or shown.is_open or shown.at <= notice.at):
            self.choose(notice=None)
            return True
        done = {action.command_id for action in self.snapshot.actions if not action.is_open}
        left = done - self.view.dismissed
        if not left:
            return False
        gone = shown.command_id if shown is not None and shown.command_id in left else max(left)
        self.choose(dismissed=self.view.dismissed & done | {gone})
        return True

    def selected_text(self) -> str:
        panel = self.query_one(f"#{self.view.panel}", Panel)
        return panel.selected.copy if panel.selected is not None else ""

    def situation(self) -> Situation:
        """What the actions can depend on now; before the panels are there, nothing is selected."""
        assert self.snapshot is not None
        book = chosen_book(self.snapshot, self.view.market)
        order, market = None, book.ticker if book else None
        name = self.view.panel
        panel = self._panels.get(name)
        row = panel.selected if panel is not None else None
        if row is not None and name == "orders":
            known = (*self.snapshot.orders, *self.snapshot.finished_orders)
            order = next((item for item in known if item.client_order_id == row.key), None)
            market = order.ticker if order else market
        elif row is not None and name == "positions":
            market = Ticker(row.key)
        found = Situation(self.snapshot, self.view, order, market, row.copy if row is not None else "")
        return replace(found, order=own_at_cursor(found)) if name == "ladder" else found

    # Drawing ----------------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw everything from the picture at hand; nothing while another screen covers this one."""
        if self.snapshot is not None and not self.covered:
            self._drawn.clear()
            self.draw(self.snapshot, self.now_ns)

    def draw(self, snapshot: TraderSnapshot, now_ns: int) -> None:
        """Present what changed since the last call."""
        self.snapshot, self.now_ns = snapshot, now_ns
        roads = (snapshot.state.state, snapshot.feed.stream_up, snapshot.feed.rest_up)
        second = now_ns // SECOND_NS
        if self._same("", (second, *self.size, self.view, *roads, *ALL_PARTS(snapshot))):
            return
        self.set_class(snapshot.identity.mode is Mode.LIVE, "-live")
        self._make_room_for_notice(snapshot, now_ns)
        self._boxes = self.places(*self.size)
        frame = Frame(snapshot, now_ns, self.view, self.symbols, rate_hz=self.rate_hz)
        around = LINE_PARTS(snapshot)
        for name, (_, _, width, height) in self._boxes.items():
            parts = PANEL_PARTS.get(name)
            sources = around if parts is None else parts(snapshot)
            if self._same(name, (self._pace(name, snapshot, second), width, height, self.view, *roads, *sources)):
                continue
            self._present(name, replace(frame, width=width, height=height))

    def _make_room_for_notice(self, snapshot: TraderSnapshot, now_ns: int) -> None:
        """A result that needs more than one line gets it from the lower panels; the ladder stays where it is."""
        frame = Frame(snapshot, now_ns, self.view, self.symbols, width=self.size.width)
        rows = len(notice_lines(frame)) or 1
        if rows != self._notice_rows:
            self._notice_rows = rows
            self.query_one("#header").refresh(layout=True)

    def _pace(self, name: str, snapshot: TraderSnapshot, second: int) -> int:
        """A number that changes as often as the ages in this part have to be looked at."""
        if name == "footer":
            return second // SELDOM_S
        if name not in YOUNGEST or snapshot.taken_at // SECOND_NS - YOUNGEST[name](snapshot) // SECOND_NS < YOUNG_S:
            return second
        return second // SELDOM_S

    def _same(self, name: str, sources: tuple[object, ...]) -> bool:
        """Whether the part was drawn from these very objects; numbers are compared by value."""
        old = self._drawn.get(name)
        self._drawn[name] = sources
        return (
            old is not None
            and len(old) == len(sources)
            and all(a is b or (isinstance(a, int) and a == b) for a, b in zip(old, sources, strict=True))
        )

    def _present(self, name: str, frame: Frame) -> None:
        try:
            self._present_part(name, frame)
            self.view_errors.pop(name, None)
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            if self.view_errors.get(name) != words:
                self.view_errors[name] = words
                log.exception("view %s failed", name)
            broken: list[Line] = [(("view error, see the log", "alarm"),)]
            widget = self.query_one(f"#{name}", LinesView)
            if isinstance(widget, Panel):
                widget.show(Block(title=((name, "title"),), head=tuple(broken)))
            else:
                widget.set_lines(broken)

    def _present_part(self, name: str, frame: Frame) -> None:
        if name in self._presenters:
            panel = self._panels[name]
            inner = replace(frame, width=max(frame.width - 4, 1), rows=max(frame.height - 3, 1))
            block = self._presenters[name](inner)
            if name == self.view.slot and layout_name(*self.size) == "narrow":
                block = replace(block, title=self._tabs())
            panel.show(block)
            return
        if name == "footer":
            over = PALETTE_KEYS if isinstance(self.app.screen, CommandPalette) else ()
            self.query_one(FooterBar).show(self.situation(), over)
            return
        view = self.query_one(f"#{name}", LinesView)
        if name == "state":
            view.set_lines(self._state(frame))
        elif name in ("small", "notice"):
            view.set_lines(small_lines(frame) if name == "small" else notice_lines(frame))
        else:
            view.set_lines([(header_line if name == "header" else alarm_line)(frame)])

    def _state(self, frame: Frame) -> list[Line]:
        if frame.height < 4:
            return state_lines(frame)
        block = state_block(replace(frame, width=frame.width - 4))
        return boxed(block, frame.width, frame.height, Scroll(), self.symbols)

    def _tabs(self) -> Line:
        """The names of the tables that share one place, the shown one marked."""
        assert self.snapshot is not None
        held = sum(1 for position in self.snapshot.positions if position.count)
        troubles = len(self.snapshot.errors)
        dot = self.symbols.middle
        tabs = (
            ("positions", f"2 Positions{dot}{held}"),
            ("orders", f"3 Orders{dot}{len(self.snapshot.orders)}"),
            ("log", f"5 Log{dot}{troubles}"),
        )
        cells: list[tuple[str, str]] = []
        for name, text in tabs:
            if cells:
                cells.append(("  ", "dim"))
            cells.append((f"[{text}]", "title") if name == self.view.slot else (text, "dim"))
        return tuple(cells)
