"""What the resting orders of one account reserve, by market and side: their worst case, less what closes a position.

A position covers the orders that would fill first; all others cost their full price if they open. The exact sum is
worked out only when somebody looks at it or when money is short: most of the time `gross`, which is never less, says
that there is enough.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING

from core.domain.amounts import Money
from core.domain.enums import BookSide

if TYPE_CHECKING:
    from core.sim.model import Order

Key = tuple[str, BookSide]
NUMBERS = 40  # bits of an order's place below its rank


class Resting:
    """One side of one market. Places are integers, rank above number: those that would fill first come first."""

    __slots__ = ("contracts", "gross", "orders", "places", "reserved")

    def __init__(self) -> None:
        self.places: list[int] = []
        self.orders: dict[int, Order] = {}
        self.contracts = 0
        self.gross = 0  # what the orders cost if nothing covers them
        self.reserved = 0  # as last worked out

    def covered(self, cover: int, more: tuple[int, int, int] | None = None, without: Order | None = None) -> int:
        """What a position of `cover` contracts saves here; also with one more (rank, unit, count), without another."""
        saved = 0
        for place in self.places:
            if more is not None and more[0] < place >> NUMBERS:
                free = min(cover, more[2])
                saved, cover, more = saved + more[1] * free, cover - free, None
            if cover <= 0:
                return saved
            order = self.orders[place]
            if order is not without:
                free = min(cover, order.remaining)
                saved, cover = saved + order.unit_cost * free, cover - free
        return saved + more[1] * min(cover, more[2]) if more is not None else saved

    def needs(self, cover: int) -> int:
        """The reserve under a position that covers so much."""
        if cover <= 0:
            return self.gross
        return 0 if cover >= self.contracts else self.gross - self.covered(cover)


class Collateral:
    """All resting orders of an account. `held` says what it holds in a market, YES positive."""

    def __init__(self, held: Callable[[str], int]) -> None:
        self._held = held
        self._sides: dict[Key, Resting] = {}
        self._moved: dict[Key, None] = {}
        self._reserved = 0
        self.gross = 0
        self.orders = 0

    @property
    def reserved(self) -> Money:
        """What is reserved now, exactly."""
        if self._moved:
            for key in self._moved:
                self._work_out(key)
            self._moved.clear()
        return Money(self._reserved)

    def moved(self, ticker: str) -> None:
        """The position in a market has changed."""
        for key in ((ticker, BookSide.BID), (ticker, BookSide.ASK)):
            if key in self._sides:
                self._moved[key] = None

    def add(self, order: Order) -> None:
        key = (order.market.ticker, order.side)
        side = self._sides.get(key)
        if side is None:
            side = self._sides[key] = Resting()
        place = _place(order)
        insort(side.places, place)
        side.orders[place] = order
        self.orders += 1
        self._count(key, side, order.remaining, order.unit_cost)

    def remove(self, order: Order) -> None:
        """A whole order goes; its `remaining` is what it held to the last."""
        key = (order.market.ticker, order.side)
        side = self._sides[key]
        place = _place(order)
        del side.places[bisect_left(side.places, place)], side.orders[place]
        self.orders -= 1
        self._count(key, side, -order.remaining, order.unit_cost)

    def lessen(self, order: Order, by: int) -> None:
        """An order has become smaller."""
        key = (order.market.ticker, order.side)
        self._count(key, self._sides[key], -by, order.unit_cost)

    def of(self, ticker: str, side: BookSide) -> Iterable[Order]:
        found = self._sides.get((ticker, side))
        return found.orders.values() if found else ()

    def all(self) -> list[Order]:
        """Every resting order, oldest first."""
        found = [order for side in self._sides.values() for order in side.orders.values()]
        return sorted(found, key=attrgetter("number"))

    def more(self, key: Key, row: tuple[int, int, int], without: Order | None) -> int:
        """How much more is reserved with one more (price, unit cost, count) on a side, and without another order."""
        price, unit, count = row
        gross = unit * count - (without.unit_cost * without.remaining if without is not None else 0)
        cover = -self._held(key[0]) * key[1].sign
        if cover <= 0:
            return gross
        side = self._sides.get(key) or Resting()
        saved = side.covered(cover, (-price * key[1].sign, unit, count), without)
        return side.gross + gross - saved - side.needs(cover)

    def copied(self, held: Callable[[str], int], orders: dict[str, Order]) -> Collateral:
        """The same with other copies of the orders, for views of the past."""
        made = Collateral(held)
        for order in self.all():
            made.add(orders[order.order_id])
        return made

    def _count(self, key: Key, side: Resting, contracts: int, unit: int) -> None:
        side.contracts += contracts
        side.gross += unit * contracts
        self.gross += unit * contracts
        self._moved[key] = None

    def _work_out(self, key: Key) -> None:
        side = self._sides[key]
        now = side.needs(-self._held(key[0]) * key[1].sign)
        self._reserved += now - side.reserved
        side.reserved = now


def _place(order: Order) -> int:
    rank = -order.price if order.side is BookSide.BID else order.price
    return (rank << NUMBERS) + order.number
