"""Books of one connection: which are watched, which wait for a whole book, and what a delta may do. Sans-IO.

The books themselves live elsewhere; here it is only decided whether a change may be told. A delta is told only after
the whole book it belongs to, and never one the whole book already holds. `OrderbookIntegration` is the door by which
the stream's effects come in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from core.domain.effects import StreamEffect, WatchMarkets
from core.domain.events import BookChanged, BookReplaced
from core.domain.ids import Ticker
from core.exchange.wire_stream import Delta, Snapshot, book_changed, book_replaced


class OrderbookClient:
    """State of the watched books' subscription on one connection."""

    def __init__(self) -> None:
        self.watched: set[Ticker] = set()
        # Books that may not be told as changed until they were told whole.
        self.waiting: set[Ticker] = set()
        self._clocks: dict[Ticker, int] = {}

    def watch(self, tickers: Iterable[Ticker]) -> None:
        """The whole watched set; new ones wait for their book."""
        wanted = set(tickers)
        self.waiting = (self.waiting & wanted) | (wanted - self.watched)
        for ticker in self.watched - wanted:
            self._clocks.pop(ticker, None)
        self.watched = wanted

    def lose(self, tickers: Iterable[Ticker]) -> tuple[Ticker, ...]:
        """These wait for a whole book from here on; returns those that are watched, sorted."""
        lost = tuple(sorted(self.watched.intersection(tickers)))
        self.waiting.update(lost)
        return lost

    def replaced(self, snapshot: Snapshot) -> BookReplaced:
        """The whole book; raises RefusedInput and then changes nothing."""
        book = book_replaced(snapshot)
        self.waiting.discard(book.ticker)
        # "A snapshot with clock c contains all changes of that market up to c."
        if snapshot.msg.clock is None:
            self._clocks.pop(book.ticker, None)
        else:
            self._clocks[book.ticker] = snapshot.msg.clock
        return book

    def changed(self, delta: Delta) -> BookChanged | None:
        """The change to tell, or None where the book waits or already holds it; raises RefusedInput."""
        msg = delta.msg
        if msg.market_ticker in self.waiting:
            return None
        if msg.clock is not None and msg.clock <= self._clocks.get(Ticker(msg.market_ticker), -1):
            return None
        return book_changed(delta)


class StreamControl(Protocol):
    """What the stream lets itself be told."""

    def watch(self, tickers: Iterable[Ticker]) -> None: ...

    def refresh(self, tickers: Iterable[Ticker], reason: str, reconnect: bool = False, check: bool = False) -> None: ...


class OrderbookIntegration:
    """Performs the stream's effects; no fact comes back here, they come by the stream."""

    def __init__(self, stream: StreamControl) -> None:
        self._stream = stream

    def perform(self, effect: StreamEffect) -> None:
        """Do `effect` as soon as a connection is there; returns at once."""
        if isinstance(effect, WatchMarkets):
            self._stream.watch(effect.tickers)
        else:
            self._stream.refresh(effect.tickers, effect.reason, effect.reconnect, effect.check)
