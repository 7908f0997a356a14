"""One market's order book in YES terms: sorted price keys and a dict of sizes on each side.

Owned by the engine, fed only by BookReplaced and BookChanged. A book that contradicts itself (negative size, crossed)
or misses a change is untrusted: it keeps its last picture for the eye and gives no price to a decision.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide
from core.domain.events import BookReplaced
from core.domain.ids import Ticker

BID = BookSide.BID  # a member looked up on its class costs more than a comparison
NEVER = "no snapshot yet"


class OrderBook:
    """Levels of one market. `trusted` is False until a whole book arrived and again after any contradiction."""

    __slots__ = ("_asks", "_bids", "_sizes", "_turned", "reason", "seq", "ticker", "trusted", "updated_ns", "version")

    def __init__(self, ticker: Ticker, turned: Callable[[], None] = lambda: None) -> None:
        """`turned` is called when it is trusted, and when it is no more."""
        self.ticker = ticker
        self._turned = turned
        self.trusted = False
        self.reason = NEVER
        self.updated_ns = 0
        self.seq = 0
        self.version = 0
        self._bids: list[Price] = []
        self._asks: list[Price] = []
        self._sizes: dict[BookSide, dict[Price, Count]] = {BookSide.BID: {}, BookSide.ASK: {}}

    def replace(self, event: BookReplaced, now_ns: int) -> int:
        """Take a whole book; it is trusted if it does not contradict itself. Returns at how many prices a book that was
        trusted until now differed from it.
        """
        sizes: dict[BookSide, dict[Price, Count]] = {
            BookSide.BID: {price: count for price, count in event.bids if count > 0},
            BookSide.ASK: {price: count for price, count in event.asks if count > 0},
        }
        wrong = {(s, price) for s in BookSide for price, _ in sizes[s].items() ^ self._sizes[s].items()}
        differs = len(wrong) if self.trusted else 0
        self._sizes = sizes
        self._bids = sorted(self._sizes[BookSide.BID])
        self._asks = sorted(self._sizes[BookSide.ASK])
        self.trusted, self.reason = True, ""
        self._turned()
        self.seq = event.seq
        self._touch(now_ns)
        if self._crossed():
            self.lose("snapshot is crossed")
        return differs

    def change(self, side: BookSide, price: Price, delta: int, seq: int, now_ns: int) -> bool:
        """Apply a change; False when it contradicts the book, which is then untrusted."""
        if not self.trusted:
            return True
        sizes = self._sizes[side]
        old = sizes.get(price, 0)
        new = old + delta
        if new < 0:
            self.lose("a change made a size negative")
            return False
        keys = self._bids if side is BID else self._asks
        if new == 0:
            if old:
                del sizes[price]
                del keys[bisect_left(keys, price)]
        else:
            sizes[price] = Count(new)
            if not old:
                insort(keys, price)
        self.seq = seq
        self._touch(now_ns)
        return True

    def lose(self, reason: str) -> None:
        """Stop trusting this book; its last picture stays."""
        self.trusted = False
        self._turned()
        self.reason = reason
        self.version += 1

    def check_uncrossed(self) -> bool:
        """True when best bid < best ask; called at the end of a batch, since one match arrives as several changes."""
        if self.trusted and self._crossed():
            self.lose("crossed after a batch of changes")
            return False
        return True

    def _crossed(self) -> bool:
        return bool(self._bids and self._asks and self._bids[-1] >= self._asks[0])

    def _touch(self, now_ns: int) -> None:
        self.updated_ns = now_ns
        self.version += 1

    @property
    def best_bid(self) -> Price | None:
        return self._bids[-1] if self._bids else None

    @property
    def best_ask(self) -> Price | None:
        return self._asks[0] if self._asks else None

    def size(self, side: BookSide, price: Price) -> Count:
        return Count(self._sizes[side].get(price, 0))

    def levels(self, side: BookSide, depth: int = 0) -> tuple[tuple[Price, Count], ...]:
        """(price, count) best first; `depth` 0 means all."""
        most = depth or None
        keys = self._bids[: -depth - 1 if depth else None : -1] if side is BID else self._asks[:most]
        sizes = self._sizes[side]
        return tuple([(price, sizes[price]) for price in keys])
