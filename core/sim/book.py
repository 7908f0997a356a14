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


class Ladder:
    """One side. Prices are kept as rank = price for bids and -price for asks, so the best is always the last."""

    def __init__(self, side: BookSide) -> None:
        self._sign = side.sign
        self._ranks: list[int] = []
        self._queues: dict[int, dict[str, Order]] = {}
        self._sizes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._ranks)

    @property
    def best(self) -> Price | None:
        return Price(self._ranks[-1] * self._sign) if self._ranks else None

    @property
    def best_size(self) -> Count:
        return Count(self._sizes[self._ranks[-1]]) if self._ranks else Count(0)

    def size_at(self, price: int) -> Count:
        return Count(self._sizes.get(price * self._sign, 0))

    def head(self) -> Order | None:
        """First in line at the best price."""
        return next(iter(self._queues[self._ranks[-1]].values())) if self._ranks else None

    def within(self, limit: int) -> bool:
        """Whether an opposite order with this limit would meet the best price."""
        return bool(self._ranks) and self._ranks[-1] >= limit * self._sign

    def crossing(self, limit: int) -> Iterator[Order]:
        """Orders an opposite order with this limit would meet, in priority order."""
        for rank in reversed(self._ranks):
            if rank < limit * self._sign:
                return
            yield from self._queues[rank].values()

    def orders(self) -> Iterator[Order]:
        """Every resting order, best first."""
        for rank in reversed(self._ranks):
            yield from self._queues[rank].values()

    def levels(self) -> list[tuple[Price, Count]]:
        """Price and size, best first."""
        return [(Price(rank * self._sign), Count(self._sizes[rank])) for rank in reversed(self._ranks)]

    def add(self, order: Order) -> None:
        rank = order.price * self._sign
        queue = self._queues.get(rank)
        if queue is None:
            queue = self._queues[rank] = {}
            self._sizes[rank] = 0
            insort(self._ranks, rank)
        queue[order.order_id] = order
        self._sizes[rank] += order.remaining

    def remove(self, order: Order) -> None:
        """Take a whole resting order off; its `remaining` is what the level loses."""
        rank = order.price * self._sign
        queue = self._queues[rank]
        del queue[order.order_id]
        self._sizes[rank] -= order.remaining
        if not queue:
            del self._queues[rank], self._sizes[rank]
            del self._ranks[bisect_left(self._ranks, rank)]

    def shrink(self, order: Order, by: int) -> None:
        """Lessen a resting order by less than all of it; its place in the queue stays."""
        order.remaining = Count(order.remaining - by)
        self._sizes[order.price * self._sign] -= by

    def ahead(self, order: Order) -> Count:
        """Contracts in front of a resting order: 0 means first in line."""
        waiting = 0
        for rank in reversed(self._ranks):
            for other in self._queues[rank].values():
                if other is order:
                    return Count(waiting)
                waiting += other.remaining
        return Count(waiting)


class Book:
    """Both sides of one market."""

    def __init__(self) -> None:
        self.bids = Ladder(BookSide.BID)
        self.asks = Ladder(BookSide.ASK)

    def side(self, side: BookSide) -> Ladder:
        return self.bids if side is BookSide.BID else self.asks

    def against(self, side: BookSide) -> Ladder:
        return self.asks if side is BookSide.BID else self.bids
