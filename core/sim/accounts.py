"""Accounts and positions: cash, netting of YES and NO, collateral of resting orders.

One signed net position per market. Opening costs the price (NO: its complement) in full; closing returns the other side
of the dollar at once. Cash here is before reservations; what a client may spend is `available`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.domain.amounts import PRICE_SCALE, Count, Money
from core.domain.enums import BookSide
from core.sim.fees import DIRECT_PRECISION
from core.sim.model import Fill, Market, Order, Settlement, Transfer

if TYPE_CHECKING:
    from core.sim.groups import OrderGroup

CENT = 10_000  # millionths


class Position:
    """What an account holds in one market. `cost` is what the open part was bought for, fees apart."""

    __slots__ = (
        "cost",
        "fees",
        "market",
        "number",
        "open_fees",
        "quantity",
        "realized",
        "settled",
        "traded",
        "updated_ns",
        "volume",
    )

    def __init__(self, market: Market, number: int) -> None:
        self.market = market
        self.number = number
        self.quantity = Count(0)
        self.cost = Money(0)
        self.realized = Money(0)
        self.fees = Money(0)
        self.open_fees = Money(0)
        self.traded = Money(0)
        self.volume = Count(0)
        self.updated_ns = 0
        self.settled = False

    def closable(self, side: BookSide, count: int) -> int:
        """How much of an order on this side only gives back what is held."""
        held = -self.quantity if side is BookSide.BID else self.quantity
        return min(max(held, 0), count)

    def trade(self, side: BookSide, price: int, count: int) -> Money:
        """Move by a fill and return the cash it brings, before fees; buying is negative."""
        unit = price if side is BookSide.BID else PRICE_SCALE - price
        closing = self.closable(side, count)
        opening = count - closing
        proceeds = (PRICE_SCALE - unit) * closing
        if closing:
            held = abs(self.quantity)
            released = self.cost * closing // held
            self.open_fees = Money(self.open_fees - self.open_fees * closing // held)
            self.realized = Money(self.realized + proceeds - released)
            self.cost = Money(self.cost - released)
        self.cost = Money(self.cost + unit * opening)
        self.quantity = Count(self.quantity + side.sign * count)
        self.traded = Money(self.traded + unit * count)
        self.volume = Count(self.volume + count)
        return Money(proceeds - unit * opening)

    def charge(self, fee: Money, now_ns: int) -> None:
        self.fees = Money(self.fees + fee)
        self.open_fees = Money(self.open_fees + fee) if self.quantity else Money(0)
        self.updated_ns = now_ns


class Account:
    """One member. A house account has ample cash, needs no reservation and is told nothing."""

    def __init__(self, user_id: str, deposit: Money, *, house: bool = False, precision: int = DIRECT_PRECISION) -> None:
        self.user_id = user_id
        self.precision = precision  # what balance changes are rounded to: direct members $0.0001, others a cent
        self.deposits = deposit
        self.cash = deposit
        self.house = house
        self.reserved = Money(0)
        self.fees = Money(0)
        self.positions: dict[str, Position] = {}
        self.orders: dict[str, Order] = {}
        self.client_ids: set[str] = set()
        self.fills: list[Fill] = []
        self.groups: dict[str, OrderGroup] = {}
        self.settlements: list[Settlement] = []
        self.transfers: list[Transfer] = []
        self.resting_count = 0
        self.tier: str | None = None  # its own, where it is better than the exchange's
        self._resting: dict[tuple[str, BookSide], dict[str, Order]] = {}
        self._ranked: dict[tuple[str, BookSide], list[tuple[int, int, Order]]] = {}  # those that would fill first first
        self._gross: dict[tuple[str, BookSide], int] = {}  # what resting orders cost if nothing covers them
        self._reserves: dict[tuple[str, BookSide], int] = {}

    @property
    def available(self) -> Money:
        """The balance a client sees: cash less what resting orders could still cost."""
        return Money(self.cash - self.reserved)

    def position(self, market: Market) -> Position:
        held = self.positions.get(market.ticker)
        if held is None:
            held = self.positions[market.ticker] = Position(market, len(self.positions) + 1)
        return held

    def quantity(self, ticker: str) -> Count:
        held = self.positions.get(ticker)
        return held.quantity if held else Count(0)

    def resting(self, ticker: str, side: BookSide) -> Iterable[Order]:
        return self._resting.get((ticker, side), {}).values()

    def all_resting(self) -> list[Order]:
        """Every resting order, oldest first."""
        found = [order for orders in self._resting.values() for order in orders.values()]
        return sorted(found, key=lambda order: order.number)

    def keep_resting(self, orders: dict[str, Order]) -> None:
        """Let these copies rest in place of the orders they were made of; for views of the past."""
        self._resting = {key: {i: orders[i] for i in rows} for key, rows in self._resting.items()}
        self._ranked = {key: [(r, n, orders[o.order_id]) for r, n, o in rows] for key, rows in self._ranked.items()}
        self._reserves, self._gross = dict(self._reserves), dict(self._gross)

    def rest(self, order: Order) -> None:
        key = (order.market.ticker, order.side)
        self._resting.setdefault(key, {})[order.order_id] = order
        self._gross[key] = self._gross.get(key, 0) + order.unit_cost * order.remaining
        insort(self._ranked.setdefault(key, []), (-order.price * order.side.sign, order.number, order))
        self.resting_count += 1
        if order.group is not None:
            order.group.members[order.order_id] = order

    def unrest(self, order: Order) -> None:
        key = (order.market.ticker, order.side)
        del self._resting[key][order.order_id]
        self._gross[key] -= order.unit_cost * order.remaining
        ranked = self._ranked[key]
        del ranked[bisect_left(ranked, (-order.price * order.side.sign, order.number))]
        self.resting_count -= 1
        if order.group is not None:
            del order.group.members[order.order_id]

    def lessened(self, order: Order, by: int) -> None:
        """A resting order has become smaller."""
        self._gross[order.market.ticker, order.side] -= order.unit_cost * by

    def settle(self, market: Market, value: int, now_ns: int) -> Money | None:
        """Pay the net position and return what rounding down to whole cents keeps; None where nothing was held."""
        held = self.positions.get(market.ticker)
        if held is None:
            return None
        held.settled, held.updated_ns = True, now_ns
        quantity, cost = held.quantity, held.cost
        if not quantity:
            return None
        payout = (value if quantity > 0 else PRICE_SCALE - value) * abs(quantity)
        paid = Money(payout // CENT * CENT)
        kept = Money(payout - paid)
        held.realized = Money(held.realized + payout - cost)
        held.quantity, held.cost = Count(0), Money(0)
        held.charge(kept, now_ns)
        self.cash = Money(self.cash + paid)
        self.fees = Money(self.fees + kept)
        row = Settlement(
            number=len(self.settlements) + 1,
            market=market,
            quantity=quantity,
            cost=cost,
            paid=paid,
            fees=held.fees,
            at_ns=now_ns,
        )
        self.settlements.append(row)
        return kept

    def reserve_for(self, ticker: str, side: BookSide, orders: Iterable[tuple[int, int, int]]) -> int:
        """Collateral for `(price, unit cost, count)` rows: the position covers the orders that would fill first."""
        held = self.quantity(ticker) * -side.sign
        cover, total = max(held, 0), 0
        for _price, unit, count in sorted(orders, key=lambda row: -row[0] * side.sign):
            free = min(cover, count)
            cover -= free
            total += unit * (count - free)
        return total

    def reserve_with(self, ticker: str, side: BookSide, row: tuple[int, int, int], without: Order | None = None) -> int:
        """How much more would be reserved on this side with one more order, and without another."""
        price, unit, count = row
        gross = unit * count - (without.unit_cost * without.remaining if without is not None else 0)
        cover = -self.quantity(ticker) * side.sign
        if cover <= 0:
            return gross
        key = (ticker, side)
        saved = self._saved(key, cover, (-price * side.sign, unit, count), without)
        return self._gross.get(key, 0) + gross - saved - self._reserves.get(key, 0)

    def _saved(
        self,
        key: tuple[str, BookSide],
        cover: int,
        more: tuple[int, int, int] | None = None,
        without: Order | None = None,
    ) -> int:
        """What the position covers of the orders that would fill first: by rank, as far as it reaches."""
        saved = 0
        for rank, _number, order in self._ranked.get(key, ()):
            if more is not None and more[0] < rank:
                free = min(cover, more[2])
                saved, cover, more = saved + more[1] * free, cover - free, None
            if cover <= 0:
                return saved
            if order is not without:
                free = min(cover, order.remaining)
                saved, cover = saved + order.unit_cost * free, cover - free
        return saved + more[1] * min(cover, more[2]) if more is not None else saved

    def refresh(self, ticker: str) -> None:
        """Bring up to date what this market's resting orders reserve, after a fill, a placing or a cancel."""
        if self.house:
            return
        held = self.quantity(ticker)
        for side, cover in ((BookSide.BID, -held), (BookSide.ASK, held)):
            key = (ticker, side)
            now = self._gross.get(key, 0)
            if cover > 0 and now:
                now -= self._saved(key, cover)
            before = self._reserves.get(key, 0)
            if now != before:
                self._reserves[key] = now
                self.reserved = Money(self.reserved + now - before)
