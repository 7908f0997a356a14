"""One YES book: bids and asks in price-time priority, levels as insertion-ordered dicts.

A level keeps its orders in the order they came, so the first value is the head of the queue and a removal in the middle
leaves no hole. Nothing here knows money, accounts or time.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide

if TYPE_CHECKING:
    from core.sim.model import Order

BID, ASK = BookSide  # a member looked up on its class costs more than a comparison


class Level:
    """The orders at one price by their numbers, and what they add up to."""

    __slots__ = ("queue", "size")

    def __init__(self) -> None:
        self.queue: dict[int, Order] = {}
        self.size = 0


class Ladder:
    """One side. Prices are kept as rank = price for bids and -price for asks, so the best is always the last."""

    __slots__ = ("_levels", "_sign", "ranks")

    def __init__(self, side: BookSide) -> None:
        self._sign = side.sign
        self.ranks: list[int] = []
        self._levels: dict[int, Level] = {}

    def __len__(self) -> int:
        return len(self.ranks)

    @property
    def best(self) -> Price | None:
        return Price(self.ranks[-1] * self._sign) if self.ranks else None

    @property
    def best_size(self) -> Count:
        return Count(self._levels[self.ranks[-1]].size) if self.ranks else Count(0)

    def size_at(self, price: int) -> Count:
        level = self._levels.get(price * self._sign)
        return Count(level.size) if level is not None else Count(0)

    def head(self, limit: int) -> Order | None:
        """First in line at the best price, if an opposite order with this limit would meet it."""
        ranks = self.ranks
        if not ranks or ranks[-1] < limit * self._sign:
            return None
        return next(iter(self._levels[ranks[-1]].queue.values()))

    def within(self, limit: int) -> bool:
        """Whether an opposite order with this limit would meet the best price."""
        return bool(self.ranks) and self.ranks[-1] >= limit * self._sign

    def crossing(self, limit: int) -> Iterator[Order]:
        """Orders an opposite order with this limit would meet, in priority order."""
        for rank in reversed(self.ranks):
            if rank < limit * self._sign:
                return
            yield from self._levels[rank].queue.values()

    def orders(self) -> Iterator[Order]:
        """Every resting order, best first."""
        for rank in reversed(self.ranks):
            yield from self._levels[rank].queue.values()

    def levels(self) -> list[tuple[Price, Count]]:
        """Price and size, best first."""
        return [(Price(rank * self._sign), Count(self._levels[rank].size)) for rank in reversed(self.ranks)]

    def add(self, order: Order) -> None:
        rank = order.price * self._sign
        level = self._levels.get(rank)
        if level is None:
            level = self._levels[rank] = Level()
            insort(self.ranks, rank)
        level.queue[order.number] = order
        level.size += order.remaining

    def remove(self, order: Order) -> None:
        """Take a whole resting order off; its `remaining` is what the level loses."""
        rank = order.price * self._sign
        level = self._levels[rank]
        del level.queue[order.number]
        level.size -= order.remaining
        if not level.queue:
            del self._levels[rank]
            del self.ranks[bisect_left(self.ranks, rank)]

    def shrink(self, order: Order, by: int) -> None:
        """Lessen a resting order by less than all of it; its place in the queue stays."""
        order.remaining -= by
        self._levels[order.price * self._sign].size -= by

    def ahead(self, order: Order) -> Count:
        """Contracts in front of a resting order: 0 means first in line."""
        waiting = 0
        for rank in reversed(self.ranks):
            for other in self._levels[rank].queue.values():
                if other is order:
                    return Count(waiting)
                waiting += other.remaining
        return Count(waiting)


class Book:
    """Both sides of one market."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Ladder(BID)
        self.asks = Ladder(ASK)

    def side(self, side: BookSide) -> Ladder:
        return self.bids if side is BID else self.asks

    def against(self, side: BookSide) -> Ladder:
        return self.asks if side is BID else self.bids
