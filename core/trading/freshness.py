"""Freshness: is a book that nothing contradicts still the present one?

Signs against it. Changes that arrive much later than the exchange stamped them, measured against the quickest of
this connection, so that a clock that is off does not matter. And silence: a book in which nothing changed for long, or
not although its market traded, is asked for whole; if that answer does not come, its channel is dead. And age: every
book is asked for now and then, so that one that went wrong unnoticed does not stay so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.effects import RefreshBooks
from core.domain.events import BookChanged, BookReplaced
from core.domain.ids import Ticker
from core.market.view import Market

if TYPE_CHECKING:
    from core.trading.desk import Desk

NS = 1_000_000_000
MS = 1_000_000
LATE_MS = 3_000
QUIET_NS = 20 * NS
WHOLE_NS = 120 * NS
PRINT_NS = 2 * NS
ANSWER_NS = 3 * NS


class Freshness:
    """Asked once a beat; every frame of a book is noted. All books are looked at when the first can be due."""

    def __init__(self) -> None:
        self._epoch = 0
        self._quickest_ms: int | None = None
        self._probed_ns: dict[Ticker, int] = {}
        self._whole_ns: dict[Ticker, int] = {}
        self._due_ns = 0  # before it nothing but an answer is due
        self._watched: tuple[Ticker, ...] = ()
        self.late = 0
        self.probes = 0

    def note(self, desk: Desk, fact: BookChanged | BookReplaced) -> bool:
        """Note one frame of a book; False where it came so late that the book is not the present one."""
        if desk.links.stream_epoch != self._epoch:
            self._epoch, self._quickest_ms = desk.links.stream_epoch, None
            self._probed_ns.clear()
        if isinstance(fact, BookReplaced):
            self._whole_ns[fact.ticker] = desk.now_ns
        market = desk.markets.get(fact.ticker)
        if fact.exchange_ms is None or market is None:
            return True
        took_ms = desk.now_ns // MS - fact.exchange_ms
        self._quickest_ms = took_ms if self._quickest_ms is None else min(took_ms, self._quickest_ms)
        late_ms = took_ms - self._quickest_ms
        if late_ms <= LATE_MS:
            return True
        self.late += 1
        if not market.book.trusted:
            return True
        market.book.lose(f"changes arrive {late_ms // 1_000} s late")
        return False

    def beat(self, desk: Desk) -> None:
        """Ask for books that are suspiciously quiet; lose those that do not answer."""
        if not desk.links.stream_up:
            return
        watched = desk.markets.watched
        if not self._probed_ns and watched is self._watched and desk.now_ns <= self._due_ns:
            return
        # A print from now on makes a book suspect no sooner than this; all else puts off what is due.
        self._watched, self._due_ns = watched, desk.now_ns + PRINT_NS
        asked: list[Ticker] = []
        for ticker in watched:
            market = desk.markets.get(ticker)
            if market is None or not market.book.trusted:
                self._probed_ns.pop(ticker, None)
                continue
            probed_ns = self._probed_ns.get(ticker)
            if probed_ns is None:
                due_ns = self._due(market, desk.now_ns)
                if desk.now_ns > due_ns:
                    self._probed_ns[ticker] = desk.now_ns
                    asked.append(ticker)
                self._due_ns = min(self._due_ns, due_ns)
            elif self._whole_ns.get(ticker, 0) >= probed_ns:
                del self._probed_ns[ticker]
            elif desk.now_ns - probed_ns > ANSWER_NS:
                del self._probed_ns[ticker]
                self._unanswered(desk, market, probed_ns)
        if asked:
            self.probes += len(asked)
            desk.out.do(RefreshBooks(tickers=tuple(asked), reason="quiet", check=True))

    def _unanswered(self, desk: Desk, market: Market, probed_ns: int) -> None:
        """No whole book came: one that changes is alive and is asked for later, one that does not has no channel."""
        ticker = market.info.ticker
        if market.book.updated_ns >= probed_ns:
            self._whole_ns[ticker] = desk.now_ns
            return
        market.book.lose("silent, and no answer when asked for")
        desk.warn("book untrusted: silent, and no answer when asked for", ticker)

    def _due(self, market: Market, now_ns: int) -> int:
        """After this time the book is suspect, by its age or its silence, as things stand."""
        updated_ns, printed_ns = market.book.updated_ns, market.printed_ns
        due_ns = min(self._whole_ns.get(market.info.ticker, now_ns) + WHOLE_NS, updated_ns + QUIET_NS)
        return min(due_ns, printed_ns + PRINT_NS) if printed_ns > updated_ns else due_ns
