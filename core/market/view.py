"""Markets: everything known of each market: what the exchange says of it, its book, its prints.

One owner (the engine). Decisions ask `quote()`, which gives nothing for a book that is not trusted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from core.domain.amounts import NO_CONTRACTS, Count, Price
from core.domain.enums import DECIDED, BookSide, MarketStatus
from core.domain.events import (
    BookLost,
    BookReplaced,
    MarketChanged,
    TickerChanged,
    TradePrinted,
)
from core.domain.ids import EventTicker, Ticker
from core.domain.market import MarketInfo
from core.market.book import OrderBook
from core.market.grid import PriceGrid

TAPE_LENGTH = 50
FAR_MS = 1 << 62


@dataclass(slots=True)
class Market:
    """One market: its facts, its grid, its book, its last prints."""

    info: MarketInfo
    grid: PriceGrid
    book: OrderBook
    tape: deque[TradePrinted] = field(default_factory=lambda: deque(maxlen=TAPE_LENGTH))
    last_price: Price | None = None
    volume: Count = NO_CONTRACTS
    open_interest: Count = NO_CONTRACTS
    printed_ns: int = 0
    wrong_prices: int = 0  # of the book that the last whole one replaced, trusted as it was
    version: int = 0

    @property
    def settlement_value(self) -> Price | None:
        return self.info.settlement_value

    @property
    def tradable(self) -> bool:
        return self.info.status is MarketStatus.ACTIVE and self.book.trusted

    def why_not_tradable(self) -> str:
        if self.info.status is not MarketStatus.ACTIVE:
            return f"market is {self.info.status}"
        return "" if self.book.trusted else f"book untrusted: {self.book.reason}"


class Markets:
    """All known markets and which of them are watched."""

    def __init__(self) -> None:
        self._markets: dict[Ticker, Market] = {}
        self.watched: tuple[Ticker, ...] = ()
        self._next_close_ms = 0
        self._dirty: set[Ticker] = set()
        self._events: dict[EventTicker, list[Ticker]] = {}
        self.listed_at = 0
        # What `untrusted` last said, and of which markets; None after a book turned.
        self._untrusted: tuple[Ticker, ...] | None = None
        self._untrusted_of: tuple[Ticker, ...] = ()

    def __contains__(self, ticker: Ticker) -> bool:
        return ticker in self._markets

    def get(self, ticker: Ticker) -> Market | None:
        return self._markets.get(ticker)

    def all(self) -> tuple[Market, ...]:
        return tuple(self._markets.values())

    def of_event(self, event: EventTicker) -> tuple[Market, ...]:
        """Known markets of one event."""
        return tuple(self._markets[t] for t in self._events.get(event, ()))

    def learn(self, infos: tuple[MarketInfo, ...], at: int = 0) -> None:
        """Take a list read at wall time `at`; books and prints of known markets stay."""
        self._next_close_ms = 0
        self.listed_at = at
        for info in infos:
            known = self._markets.get(info.ticker)
            if known is None:
                self._untrusted = None
                self._events.setdefault(info.event_ticker, []).append(info.ticker)
                self._markets[info.ticker] = Market(
                    info=info,
                    grid=PriceGrid(info.bands),
                    book=OrderBook(info.ticker, self._turned),
                    last_price=info.last_price,
                    volume=info.volume_24h,
                    open_interest=info.open_interest,
                )
            else:
                if known.info.status in DECIDED and info.status not in DECIDED:
                    # A reading that is behind what the stream has told: a decided market does not open again.
                    value = known.info.settlement_value
                    info = msgspec.structs.replace(info, status=known.info.status, settlement_value=value)
                known.info = info
                known.grid = PriceGrid(info.bands)

    def most_active(self, count: int) -> tuple[Ticker, ...]:
        """Tickers of the `count` most traded open markets, two-sided ones first, ties by ticker."""
        open_markets = [m.info for m in self._markets.values() if m.info.status is MarketStatus.ACTIVE]
        ranked = sorted(
            open_markets,
            key=lambda i: (i.best_bid is None or i.best_ask is None, -i.volume_24h, i.ticker),
        )
        return tuple(info.ticker for info in ranked[:count])

    def lose_all(self, reason: str) -> None:
        for market in self._markets.values():
            if market.book.trusted:
                market.book.lose(reason)

    def untrusted(self) -> tuple[Ticker, ...]:
        """Watched markets whose book may not be traded on."""
        if self._untrusted is None or self._untrusted_of is not self.watched:
            markets, self._untrusted_of = self._markets, self.watched
            self._untrusted = tuple([t for t in self.watched if t in markets and not markets[t].book.trusted])
        return self._untrusted

    def _turned(self) -> None:
        self._untrusted = None

    def apply(
        self,
        event: BookReplaced | BookLost | TradePrinted | TickerChanged | MarketChanged,
        now_ns: int,
    ) -> tuple[Ticker, ...]:
        """Take one fact; returns tickers whose book has just contradicted itself."""
        if isinstance(event, BookLost):
            for ticker in event.tickers:
                if ticker in self._markets:
                    self._markets[ticker].book.lose(event.reason)
                    self._markets[ticker].version += 1
            return ()
        market = self._markets.get(event.ticker)
        if market is None:
            return ()
        market.version += 1
        match event:
            case BookReplaced():
                market.wrong_prices = market.book.replace(event, now_ns)
                return () if market.book.trusted else (event.ticker,)
            case TradePrinted():
                market.tape.append(event)
                market.last_price = event.price
                market.printed_ns = now_ns
            case TickerChanged():
                market.last_price = event.last_price or market.last_price
                market.volume, market.open_interest = event.volume, event.open_interest
            case MarketChanged():
                self._next_close_ms = 0
                old, value = market.info, event.settlement_value
                market.info = msgspec.structs.replace(
                    old,
                    status=event.status or old.status,
                    close_ms=old.close_ms if event.close_ms is None else event.close_ms,
                    settlement_value=old.settlement_value if value is None else value,
                )
        return ()

    def change(self, ticker: Ticker, side: BookSide, price: Price, delta: int, seq: int, now_ns: int) -> bool:
        """Take one change of a level; False where the book has just contradicted itself."""
        market = self._markets.get(ticker)
        if market is None:
            return True
        market.version += 1
        self._dirty.add(ticker)
        return market.book.change(side, price, delta, seq, now_ns)

    def end_batch(self) -> tuple[Ticker, ...]:
        """Check the books changed in this batch; returns those found crossed."""
        if not self._dirty:
            return ()
        dirty = self._dirty if len(self._dirty) == 1 else sorted(self._dirty)
        bad = tuple([t for t in dirty if not self._markets[t].book.check_uncrossed()])
        self._dirty.clear()
        return bad

    def close_due(self, wall_ms: int) -> tuple[Ticker, ...]:
        """Markets whose close time has passed: "Scheduled close is not announced", so the clock closes them."""
        if wall_ms < self._next_close_ms:
            return ()
        closed = []
        self._next_close_ms = FAR_MS
        for market in self._markets.values():
            if market.info.status is not MarketStatus.ACTIVE or market.info.close_ms <= 0:
                continue
            if market.info.close_ms <= wall_ms:
                market.info = msgspec.structs.replace(market.info, status=MarketStatus.CLOSED)
                market.version += 1
                closed.append(market.info.ticker)
            else:
                self._next_close_ms = min(self._next_close_ms, market.info.close_ms)
        return tuple(closed)

    def mark(self, ticker: Ticker, position: int) -> tuple[Price | None, str]:
        """Price at which a position would leave, and its basis: bid for long YES, ask for short, else last trade.

        A book that is not trusted, or whose market is not open, keeps its last picture, and marks by it as `old`: a
        lost feed is no gain and no loss. A decided market is marked at its result, for that is what it pays.
        """
        market = self._markets.get(ticker)
        if market is None:
            return None, "none"
        if market.info.status in DECIDED and market.settlement_value is not None:
            return market.settlement_value, "result"
        side = BookSide.BID if position >= 0 else BookSide.ASK
        best = market.book.best_bid if side is BookSide.BID else market.book.best_ask
        if best is not None:
            return best, side.value if market.tradable else "old"
        if market.last_price is not None:
            return market.last_price, "last"
        return None, "none"
