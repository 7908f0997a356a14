"""What the resting orders of one account reserve, by market and side: their worst case, less what closes a position.

A position covers the orders that would fill first; all others cost their full price if they open. The exact sum is
worked out only when somebody looks at it or when money is short: most of the time `gross`, which is never less, says
that there is enough. Until then nothing is sorted either.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING

from core.domain.amounts import ONE_DOLLAR, Money
from core.domain.enums import BookSide

if TYPE_CHECKING:
    from core.sim.model import Order

ASK = BookSide.ASK
Key = tuple[str, BookSide]
NUMBERS = 40  # bits of an order's place below its rank
NUMBER = (1 << NUMBERS) - 1


class Resting:
    """One side of one market, by order numbers."""

    __slots__ = ("contracts", "gross", "orders", "places", "reserved")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.contracts = 0
        self.gross = 0  # what the orders cost if nothing covers them
        self.reserved = 0  # as last worked out
        # Integers, rank above number, so that those that would fill first come first; kept up once they were asked for.
        self.places: list[int] | None = None

    def covered(self, cover: int, more: tuple[int, int, int] | None = None, without: Order | None = None) -> int:
        """What a position of `cover` contracts saves here; also with one more (rank, unit, count), without another."""
        saved = 0
        if self.places is None:
            self.places = sorted(_place(order) for order in self.orders.values())
        for place in self.places:
            if more is not None and more[0] < place >> NUMBERS:
                free = min(cover, more[2])
                saved, cover, more = saved + more[1] * free, cover - free, None
            if cover <= 0:
                return saved
            order = self.orders[place & NUMBER]
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

    __slots__ = ("_held", "_moved", "_reserved", "_sides", "gross", "orders")

    def __init__(self, held: Callable[[str], int]) -> None:
        self._held = held
        self._sides: dict[str, tuple[Resting, Resting]] = {}  # bids and asks by market
        self._moved: dict[str, None] = {}  # markets to be worked out again
        self._reserved = 0
        self.gross = 0
        self.orders = 0

    @property
    def reserved(self) -> Money:
        """What is reserved now, exactly."""
        if self._moved:
            for ticker in self._moved:
                self._work_out(ticker)
            self._moved.clear()
        return Money(self._reserved)

    def moved(self, ticker: str) -> None:
        """The position in a market has changed."""
        self._moved[ticker] = None

    def add(self, order: Order) -> None:
        ticker, contracts = order.market.ticker, order.remaining
        sides = self._sides.get(ticker)
        if sides is None:
            sides = self._sides[ticker] = (Resting(), Resting())
        side = sides[order.side is ASK]
        side.orders[order.number] = order
        if side.places is not None:
            insort(side.places, _place(order))
        full = (ONE_DOLLAR - order.price if order.side is ASK else order.price) * contracts
        side.contracts += contracts
        side.gross += full
        self.gross += full
        self.orders += 1
        self._moved[ticker] = None

    def remove(self, order: Order) -> None:
        """A whole order goes; its `remaining` is what it held to the last."""
        ticker, contracts = order.market.ticker, order.remaining
        side = self._sides[ticker][order.side is ASK]
        del side.orders[order.number]
        if side.places is not None:
            del side.places[bisect_left(side.places, _place(order))]
        full = (ONE_DOLLAR - order.price if order.side is ASK else order.price) * contracts
        side.contracts -= contracts
        side.gross -= full
        self.gross -= full
        self.orders -= 1
        self._moved[ticker] = None

    def lessen(self, order: Order, by: int) -> None:
        """An order has become smaller."""
        ticker = order.market.ticker
        side = self._sides[ticker][order.side is ASK]
        full = (ONE_DOLLAR - order.price if order.side is ASK else order.price) * by
        side.contracts -= by
        side.gross -= full
        self.gross -= full
        self._moved[ticker] = None

    def of(self, ticker: str, side: BookSide) -> Iterable[Order]:
        found = self._sides.get(ticker)
        return found[side is ASK].orders.values() if found else ()

    def in_market(self, ticker: str) -> list[Order]:
        """Resting orders of one market: bids, then asks, each oldest first."""
        found = self._sides.get(ticker)
        return [*found[0].orders.values(), *found[1].orders.values()] if found else []

    def all(self) -> list[Order]:
        """Every resting order, oldest first."""
        found = [order for sides in self._sides.values() for side in sides for order in side.orders.values()]
        return sorted(found, key=attrgetter("number"))

    def more(self, key: Key, row: tuple[int, int, int], without: Order | None) -> int:
        """How much more is reserved with one more (price, unit cost, count) on a side, and without another order."""
        price, unit, count = row
        gross = unit * count - (without.unit_cost * without.remaining if without is not None else 0)
        cover = -self._held(key[0]) * key[1].sign
        if cover <= 0:
            return gross
        sides = self._sides.get(key[0])
        side = sides[key[1] is ASK] if sides else Resting()
        saved = side.covered(cover, (-price * key[1].sign, unit, count), without)
        return side.gross + gross - saved - side.needs(cover)

    def copied(self, held: Callable[[str], int], orders: dict[str, Order]) -> Collateral:
        """The same with other copies of the orders, for views of the past."""
        made = Collateral(held)
        for order in self.all():
            made.add(orders[order.order_id])
        return made

    def _work_out(self, ticker: str) -> None:
        sides = self._sides.get(ticker)
        if sides is None:
            return  # nothing rests in a market whose position has moved
        cover = -self._held(ticker)
        for side, saves in zip(sides, (cover, -cover), strict=True):
            now = side.needs(saves)
            self._reserved += now - side.reserved
            side.reserved = now


def _place(order: Order) -> int:
    rank = order.price if order.side is ASK else -order.price
    return (rank << NUMBERS) + order.number
