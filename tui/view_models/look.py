"""What a screen beside the desk is drawn from: the frame, the operator's search, filter and order, and the few things
that are no part of the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.domain.market import MarketListing
from core.trading.inquiry import StrategyReport
from core.trading.snapshot import TraderSnapshot
from tui.view_models.cells import Line, fit
from tui.view_models.lab import LabView
from tui.view_models.listing import Listing
from tui.view_models.view_state import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenGauges:
    """How the screen itself does: frames left out, bytes waiting for the terminal (None: no terminal), broken views."""

    rate_hz: int = 4
    skipped: int = 0
    backlog: int | None = None
    view_errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Read only while a screen that needs it is shown."""

    markets: Callable[[], MarketListing] = MarketListing
    lab: Callable[[], LabView] = LabView
    strategy: Callable[[], StrategyReport | None] = lambda: None
    gauges: Callable[[], ScreenGauges] = ScreenGauges


@dataclass(frozen=True, slots=True)
class Look:
    """One moment of one screen. `query` is what is searched for, in lower case; `pick` the key of the
    selected row.
    """

    frame: Frame
    query: str = ""
    filter: str = ""
    sort: str = ""
    outside: Outside = field(default_factory=Outside)
    pick: str | None = None

    @property
    def snapshot(self) -> TraderSnapshot:
        return self.frame.snapshot

    @property
    def width(self) -> int:
        return self.frame.width

    def wants(self, *texts: str) -> bool:
        """Whether every word searched for is in one of the texts."""
        if not self.query:
            return True
        whole = " ".join(texts).lower()
        return all(word in whole for word in self.query.split())

    def chosen(self, *, plain: str = "") -> str:
        """Search, filter and order in words, for the title."""
        parts = [f"/{self.query}"] if self.query else []
        parts += [self.filter] if self.filter and self.filter != plain else []
        parts += [f"by {self.sort}"] if self.sort else []
        return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class View:
    """A screen beside the desk: what it shows and what can be chosen on it; `tells_pick`: it says more of the selected
    row.
    """

    name: str
    listing: Callable[[Look], Listing]
    filters: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    follows: bool = False
    tells_pick: bool = False


def titled(name: str, look: Look, *, plain: str = "") -> Line:
    """The title of a screen with what was chosen on it."""
    chosen = look.chosen(plain=plain)
    return ((name, ""), (f"  {chosen}", "own")) if chosen else ((name, ""),)


def wrapped(text: str, width: int) -> list[str]:
    """`text` over as many lines as it needs; a word longer than a line is cut through."""
    lines: list[str] = [""]
    for word in text.split(" "):
        while len(word) > width:
            room = width - len(lines[-1]) - (1 if lines[-1] else 0)
            if room > 8 or not lines[-1]:
                room = room if lines[-1] else width
                lines[-1] += (" " if lines[-1] else "") + word[:room]
                word = word[room:]
            lines.append("")
        if not lines[-1]:
            lines[-1] = word
        elif len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def record_lines(pairs: Sequence[tuple[str, str]], width: int = 78) -> tuple[Line, ...]:
    """Names and values below each other, long values on several lines; nothing is cut."""
    names = max((len(name) for name, _ in pairs), default=0) + 2
    lines: list[Line] = []
    for name, value in pairs:
        for number, part in enumerate(wrapped(value, max(width - names, 10))):
            lines.append(((fit(name if number == 0 else "", names), "dim"), (part, "")))
    return tuple(lines)
