"""What the operator has chosen to look at. It is the only state of the console; nothing in it is about trading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.domain.ids import Ticker
from core.trading.snapshot import BookView, TraderSnapshot
from tui.view_models.cells import Cell
from tui.view_models.symbols import UNICODE, Symbols
from tui.view_models.ticket import NO_TICKET, Ticket

PANELS = ("ladder", "positions", "orders", "money", "log")
PANEL_WORDS = {"ladder": "Book", "positions": "Positions", "orders": "Orders", "money": "P&L", "log": "Log"}
LOG_LEVELS = ("all", "warnings", "errors")


@dataclass(frozen=True, slots=True)
class Notice:
    """A word of the console itself (a copy made, a key that does not work now); `at`, wall time in ns, orders it among
    results.
    """

    text: str
    role: str = "warn"
    at: int = 0


@dataclass(frozen=True, slots=True)
class ViewState:
    """Chosen market, panels and filters; `dismissed` are the commands whose results were put away, `going` that
    g was pressed and a letter is awaited.
    """

    market: Ticker | None = None
    panel: str = "ladder"
    slot: str = "positions"
    zoom: bool = False
    log_level: str = "all"
    dismissed: frozenset[int] = frozenset()
    notice: Notice | None = None
    going: bool = False
    ticket: Ticket = NO_TICKET
    filters: tuple[tuple[str, str], ...] = ()
    sorts: tuple[tuple[str, int], ...] = ()

    def filter_of(self, panel: str) -> str:
        """Words that rows of a table must have."""
        return dict(self.filters).get(panel, "")

    def sort_of(self, panel: str) -> int:
        """Which of the table's orders is chosen; 0 is its own."""
        return dict(self.sorts).get(panel, 0)


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment to draw: a snapshot, the time it is drawn at, the choices and the room there is."""

    snapshot: TraderSnapshot
    now_ns: int
    view: ViewState = ViewState()
    symbols: Symbols = UNICODE
    width: int = 80
    height: int = 10
    rows: int = 10
    rate_hz: int = 4
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def signs(self) -> tuple[str, str]:
        """Passed and refused."""
        return self.symbols.done, self.symbols.failed

    @property
    def dash(self) -> Cell:
        return (f" {self.symbols.middle} ", "dim")


def chosen_book(snapshot: TraderSnapshot, market: Ticker | None) -> BookView | None:
    """The book the ladder shows: the chosen one while it is watched, else the most active."""
    for book in snapshot.books:
        if book.ticker == market:
            return book
    return snapshot.books[0] if snapshot.books else None


def neighbour_market(snapshot: TraderSnapshot, market: Ticker | None, step: int) -> Ticker | None:
    """The market `step` places from the shown one among the watched, in order of name so that it holds still."""
    tickers = sorted(book.ticker for book in snapshot.books)
    shown = chosen_book(snapshot, market)
    if shown is None:
        return None
    return tickers[(tickers.index(shown.ticker) + step) % len(tickers)]


Presenter = Callable[[Frame], object]
