"""Candlesticks: what quotes and prices did in each minute; hours and days are added up from the minutes.

A candle is named by the inclusive end of its period. A minute in which nothing happened has no candle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from core.domain.amounts import PRICE_SCALE, div_half_up
from core.sim.model import Market, Trade
from core.sim.text import NS

MINUTE = 60
MINUTES_KEPT = 3_000


class Span:
    """Open, low, high and close of one quantity."""

    __slots__ = ("close", "high", "low", "open")

    def __init__(self, value: int) -> None:
        self.open = self.low = self.high = self.close = value

    def take(self, value: int) -> None:
        self.close = value
        if value < self.low:
            self.low = value
        elif value > self.high:
            self.high = value

    def join(self, later: Span) -> None:
        self.low, self.high, self.close = min(self.low, later.low), max(self.high, later.high), later.close

    def copy(self) -> Span:
        made = Span(self.open)
        made.low, made.high, made.close = self.low, self.high, self.close
        return made


class Candle:
    """One period of one market. `price` is None where nothing traded; `previous` is the last price before it."""

    __slots__ = ("ask", "bid", "end_s", "open_interest", "previous", "price", "value", "volume")

    def __init__(self, end_s: int, bid: int, ask: int, previous: int | None, open_interest: int) -> None:
        self.end_s = end_s
        self.bid = Span(bid)
        self.ask = Span(ask)
        self.price: Span | None = None
        self.previous = previous
        self.value = 0
        self.volume = 0
        self.open_interest = open_interest

    @property
    def mean(self) -> int | None:
        return div_half_up(self.value, self.volume) if self.volume else None

    def join(self, later: Candle) -> None:
        """Add the period that follows."""
        self.bid.join(later.bid)
        self.ask.join(later.ask)
        if later.price is not None:
            if self.price is None:
                self.price = later.price.copy()
            else:
                self.price.join(later.price)
        self.value += later.value
        self.volume += later.volume
        self.open_interest = later.open_interest

    def copy(self, end_s: int) -> Candle:
        made = Candle(end_s, 0, 0, self.previous, self.open_interest)
        made.bid, made.ask = self.bid.copy(), self.ask.copy()
        made.price = self.price.copy() if self.price else None
        made.value, made.volume = self.value, self.volume
        return made


def _best(market: Market) -> tuple[int, int]:
    """Best bid and ask; where there is none, the end of the scale."""
    bids, asks = market.book.bids.ranks, market.book.asks.ranks
    return bids[-1] if bids else 0, -asks[-1] if asks else PRICE_SCALE


class Candles:
    """The minutes of every market."""

    def __init__(self) -> None:
        self._minutes: dict[str, deque[Candle]] = {}
        self._last: dict[str, Candle] = {}

    def quoted(self, market: Market, at_ns: int) -> None:
        """The best prices may have moved."""
        candle = self._last.get(market.ticker)
        if candle is None or at_ns >= candle.end_s * NS:
            candle = self._next(market, at_ns)
        bids, asks = market.book.bids.ranks, market.book.asks.ranks
        bid, ask = bids[-1] if bids else 0, -asks[-1] if asks else PRICE_SCALE
        if bid != candle.bid.close:
            candle.bid.take(bid)
        if ask != candle.ask.close:
            candle.ask.take(ask)
        candle.open_interest = market.base_open_interest + market.open_interest

    def traded(self, trade: Trade) -> None:
        market, at_ns = trade.market, trade.at_ns
        candle = self._last.get(market.ticker)
        if candle is None or at_ns >= candle.end_s * NS:
            candle = self._next(market, at_ns)
        if candle.price is None:
            candle.price = Span(trade.price)
        else:
            candle.price.take(trade.price)
        candle.value += trade.price * trade.count
        candle.volume += trade.count

    def _next(self, market: Market, at_ns: int) -> Candle:
        kept = self._minutes.setdefault(market.ticker, deque(maxlen=MINUTES_KEPT))
        price = next((c.price.close for c in reversed(kept) if c.price is not None), None)
        candle = Candle((at_ns // NS // MINUTE + 1) * MINUTE, *_best(market), price, market.base_open_interest)
        kept.append(candle)
        self._last[market.ticker] = candle
        return candle

    def between(self, ticker: str, start_s: int, end_s: int, minutes: int) -> list[Candle]:
        """Candles of a period that end in the inclusive span, oldest first."""
        return [c for c in self._added_up(ticker, minutes) if start_s <= c.end_s <= end_s]

    def last_before(self, ticker: str, start_s: int, minutes: int) -> Candle | None:
        found = [c for c in self._added_up(ticker, minutes) if c.end_s < start_s]
        return found[-1] if found else None

    def _added_up(self, ticker: str, minutes: int) -> Iterable[Candle]:
        kept = self._minutes.get(ticker, ())
        if minutes == 1:
            return kept
        period = minutes * MINUTE
        out: list[Candle] = []
        for candle in kept:
            end_s = -(-candle.end_s // period) * period
            if out and out[-1].end_s == end_s:
                out[-1].join(candle)
            else:
                out.append(candle.copy(end_s))
        return out
