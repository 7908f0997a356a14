"""Find a market by words: type, up and down, Enter. It only shows; nothing is traded for it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from core.domain.ids import Ticker
from core.domain.market import MarketInfo, MarketListing
from tui.screens.dialog import TypedInput
from tui.screens.overlay import PANIC, Overlay
from tui.view_models.cells import Line
from tui.view_models.finder import finder_lines, found_markets
from tui.widgets.lines import LinesView

KEYS: Line = (
    *PANIC, ("up down", "key"), (" choose  ", ""),
    ("enter", "key"), (" show  ", ""), ("esc", "key"), (" back", ""),
)  # fmt: skip


class FinderScreen(Overlay[Ticker | None]):
    """Dismissed with the chosen ticker, None when left."""

    KEYS = KEYS

    AUTO_FOCUS = "#query"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
    ]

    def __init__(self, listing: MarketListing, watched: frozenset[Ticker], *, ascii_only: bool) -> None:
        super().__init__(id="finder")
        self._listing = listing
        self._watched = watched
        self._ascii = ascii_only
        self._chosen = 0
        self._found: list[MarketInfo] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = Content(" Find a market ")
            yield TypedInput(placeholder="words of the ticker or the title", id="query")
            for name in ("count", "head", "body"):
                view = LinesView(id=name)
                view.ascii_only = self._ascii
                yield view
        keys = LinesView(id="keys")
        keys.ascii_only = self._ascii
        yield keys

    def on_mount(self) -> None:
        if self.gone:
            return
        self.show_keys()
        self._search("")

    def on_resize(self) -> None:
        if not self.gone:
            self._show()

    @property
    def gone(self) -> bool:
        return super().gone or not (self.query("#count") and self.query("#head") and self.query("#body"))

    @property
    def way_back(self) -> str:
        return "back"

    def on_input_changed(self, event: Input.Changed) -> None:
        self.hush()
        self._search(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._found:
            self.dismiss(self._found[self._chosen].ticker)
        else:
            self.refuse("no market has these words: nothing to show")

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_move(self, step: int) -> None:
        self.hush()
        self._chosen = min(max(self._chosen + step, 0), max(len(self._found) - 1, 0))
        self._show()

    def _search(self, query: str) -> None:
        self._found, self._chosen = found_markets(self._listing, self._watched, query), 0
        self._show()

    def _show(self) -> None:
        if self.gone:
            return
        width = min(100, self.app.size.width) - 4
        rows = max(self.app.size.height - 9, 1)
        head, lines = finder_lines(self._found, self._watched, self._chosen, width, rows)
        total = len(self._listing.markets)
        words: Line = ((f"{len(self._found)} of {total} markets", "dim"),)
        if not self._found:
            words = ((f"no market has these words ({total} are known)", "warn"),)
        self.query_one("#count", LinesView).set_lines([words])
        self.query_one("#head", LinesView).set_lines([head if self._found else ()])
        body = self.query_one("#body", LinesView)
        body.styles.height = rows
        body.set_lines(lines)
