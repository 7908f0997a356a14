"""The auditor's own books of the exchange's truth: orders, fills, positions, cash, and every ladder. Naive on purpose.

Prices are ten-thousandths of a dollar, counts hundredths of a contract, money millionths: integers all the way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

DOLLAR = 10_000
OWN_PREFIX = "kt-"
BID = "bid"


@dataclass
class Order:
    """An order of the trader's account as the exchange told of it last."""

    order_id: str
    client_id: str
    ticker: str
    side: str
    price: int
    count: int
    remaining: int
    filled: int
    status: str
    at_ns: int

    @property
    def own(self) -> bool:
        return self.client_id.startswith(OWN_PREFIX)

    @property
    def rests(self) -> bool:
        return self.status == "resting" and self.remaining > 0


class Ledger:
    """One account. `cash` follows from deposits, fills, fees and settlements alone."""

    def __init__(self, cash: int) -> None:
        self.cash = cash
        self.orders: dict[str, Order] = {}
        self._resting: dict[str, Order] = {}  # those of them that rest
        self.by_client: defaultdict[str, list[str]] = defaultdict(list)
        self.fills: Counter[tuple[str, str]] = Counter()
        self.filled: Counter[str] = Counter()
        self.positions: defaultdict[str, int] = defaultdict(int)
        self.costs: defaultdict[str, int] = defaultdict(int)
        self.ladders: defaultdict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        self.foreign_ns = -(10**18)
        self.moved_ns = 0

    # ---- what happens ----------------------------------------------------------------------------------------------

    def level(self, ticker: str, side: str, price: int, delta: int) -> None:
        """A level of a ladder changed."""
        ladder = self.ladders[ticker, side]
        size = ladder.get(price, 0) + delta
        if size > 0:
            ladder[price] = size
        else:
            ladder.pop(price, None)

    def order(self, order: Order) -> bool:
        """An order is as told now; True when it is new."""
        known = self.orders.get(order.order_id)
        self.orders[order.order_id] = order
        if order.rests:
            self._resting[order.order_id] = order
        else:
            self._resting.pop(order.order_id, None)
        self.moved_ns = order.at_ns
        if not order.own:
            self.foreign_ns = order.at_ns
        if known is None:
            self.by_client[order.client_id].append(order.order_id)
        return known is None

    def fill(
        self, trade_id: str, order_id: str, ticker: str, side: str, price: int, count: int, fee: int, at_ns: int
    ) -> None:
        """One half of a trade is ours; a negative count takes a trade back."""
        self.fills[trade_id, order_id] += 1 if count > 0 else -1
        self.filled[order_id] += count
        self.moved_ns = at_ns
        self.cash -= fee
        unit, signed = (price, count) if side == BID else (DOLLAR - price, -count)
        held, cost = self.positions[ticker], self.costs[ticker]
        closing = min(abs(held), abs(signed)) if held * signed < 0 else 0
        opening = abs(signed) - closing
        if closing:
            self.cash += closing * (DOLLAR - unit)
            cost -= cost * closing // abs(held)
        self.cash -= opening * unit
        self.positions[ticker], self.costs[ticker] = held + signed, cost + opening * unit

    def settled(self, ticker: str, paid: int, at_ns: int) -> None:
        """A market paid out and is flat."""
        self.cash += paid
        self.positions[ticker] = self.costs[ticker] = 0
        self.moved_ns = at_ns

    def moved_cash(self, amount: int, at_ns: int) -> None:
        """A deposit, or a withdrawal when negative."""
        self.cash += amount
        self.moved_ns = at_ns

    # ---- what is -----------------------------------------------------------------------------------------------------

    def own_resting(self) -> list[Order]:
        return [order for order in self._resting.values() if order.own]

    def foreign_resting(self) -> list[Order]:
        return [order for order in self._resting.values() if not order.own]

    def reserved(self) -> int:
        """What resting orders could still cost: what is held covers those that would fill first, the rest is paid."""
        total = 0
        sides: defaultdict[tuple[str, str], list[Order]] = defaultdict(list)
        for order in self._resting.values():
            sides[order.ticker, order.side].append(order)
        for (ticker, side), orders in sides.items():
            held = self.positions[ticker]
            free = max(0, -held if side == BID else held)
            # The highest bid and the lowest ask, so the dearest: nobody passes the better price by.
            rows = sorted(((o.price if side == BID else DOLLAR - o.price), o.remaining) for o in orders)
            for unit, remaining in reversed(rows):
                covered = min(free, remaining)
                free -= covered
                total += unit * (remaining - covered)
        return total

    def best(self, ticker: str, side: str) -> int | None:
        prices = self.ladders.get((ticker, side))
        return None if not prices else max(prices) if side == BID else min(prices)
