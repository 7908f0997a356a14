"""Accounts and positions: cash, netting of YES and NO, collateral of resting orders.

One signed net position per market. Opening costs the price (NO: its complement) in full; closing returns the other side
of the dollar at once. Cash here is before reservations; what a client may spend is `available`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.domain.amounts import PRICE_SCALE, Count, Money
from core.domain.enums import BookSide
from core.sim.collateral import Collateral
from core.sim.fees import DIRECT_PRECISION, FEE_STEP
from core.sim.model import Fill, Market, Order, Settlement, Transfer

if TYPE_CHECKING:
    from core.sim.groups import OrderGroup

BID = BookSide.BID
CENT = 10_000  # millionths


def closable(quantity: int, side: BookSide, count: int) -> int:
    """How much of an order on this side only gives back what is held."""
    held = -quantity if side is BID else quantity
    return 0 if held <= 0 else min(held, count)


class Position:
    """What an account holds in one market. `cost` is what the open part was bought for, fees apart.

    What every fill moves is plain integers here and in the account, contracts in hundredths and money in millionths:
    giving each sum its type again would take longer than adding.
    """

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
        self.quantity = 0
        self.cost = 0
        self.realized = 0
        self.fees = 0
        self.open_fees = 0
        self.traded = 0
        self.volume = 0
        self.updated_ns = 0
        self.settled = False

    def closable(self, side: BookSide, count: int) -> int:
        """How much of an order on this side only gives back what is held."""
        return closable(self.quantity, side, count)

    def trade(self, side: BookSide, price: int, count: int) -> int:
        """Move by a fill and return the cash it brings, before fees; buying is negative."""
        buys, before = side is BID, self.quantity
        unit = price if buys else PRICE_SCALE - price
        paid = unit * count
        self.quantity = before + count if buys else before - count
        self.traded += paid
        self.volume += count
        if before >= 0 if buys else before <= 0:
            self.cost += paid
            return -paid
        held = abs(before)
        closing = min(held, count)
        proceeds, opened = (PRICE_SCALE - unit) * closing, unit * (count - closing)
        released = self.cost * closing // held
        self.open_fees -= self.open_fees * closing // held
        self.realized += proceeds - released
        self.cost += opened - released
        return proceeds - opened

    def charge(self, fee: int, now_ns: int) -> None:
        self.fees += fee
        self.open_fees = self.open_fees + fee if self.quantity else 0
        self.updated_ns = now_ns


class Account:
    """One member. A house account has ample cash, needs no reservation and is told nothing."""

    def __init__(self, user_id: str, deposit: Money, *, house: bool = False, precision: int = DIRECT_PRECISION) -> None:
        self.user_id = user_id
        self.precision = precision  # what balance changes are rounded to: direct members $0.0001, others a cent
        self.deposits = deposit
        self.cash: int = deposit
        self.house = house
        self.fees = 0
        self.positions: dict[str, Position] = {}
        self.orders: dict[str, Order] = {}
        self.client_ids: set[str] = set()
        self.fills: list[Fill] = []
        self.groups: dict[str, OrderGroup] = {}
        self.settlements: list[Settlement] = []
        self.transfers: list[Transfer] = []
        self.tier: str | None = None  # its own, where it is better than the exchange's
        self.swept_ns = 0  # when it last canceled everything
        self.collateral = Collateral(self.quantity)

    @property
    def reserved(self) -> Money:
        """What resting orders could still cost; a house account reserves nothing."""
        return self.collateral.reserved

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
        return Count(held.quantity if held else 0)

    def resting(self, ticker: str, side: BookSide) -> Iterable[Order]:
        return self.collateral.of(ticker, side)

    def all_resting(self) -> list[Order]:
        """Every resting order, oldest first; those of a house account are in the books alone."""
        return self.collateral.all()

    def keep_resting(self, orders: dict[str, Order]) -> None:
        """Let these copies rest in place of the orders they were made of; for views of the past."""
        self.collateral = self.collateral.copied(self.quantity, orders)

    def rest(self, order: Order) -> None:
        if self.house:
            return
        self.collateral.add(order)
        if order.group is not None:
            order.group.members[order.order_id] = order

    def unrest(self, order: Order) -> None:
        if self.house:
            return
        self.collateral.remove(order)
        if order.group is not None:
            del order.group.members[order.order_id]

    def lessened(self, order: Order, by: int) -> None:
        """A resting order has become smaller."""
        if not self.house:
            self.collateral.lessen(order, by)

    def refresh(self, ticker: str) -> None:
        """The position in a market has changed, and with it what resting orders reserve."""
        if not self.house:
            self.collateral.moved(ticker)

    def can_surely_pay(self, full: int, multiplier: int) -> bool:
        """Whether an order and its fee are surely affordable: the quick answer, and only ever yes.

        One more order never reserves more than its own full price, and all of them never more than `gross`: where that
        is affordable nothing has to be worked out.
        """
        # A rate is at most 0.07, less than a fourteenth, and P * (1 - P) is less than either price.
        most_fee = full * multiplier // 14_000 + 2 * FEE_STEP
        return full + most_fee + self.collateral.gross <= self.cash

    def can_pay(self, order: Order, closing_back: int, fee: int, instead_of: Order | None) -> bool:
        """Whether the worst an order could cost is there: what it reserves more, less what closing brings, and its fee.

        An order that needs nothing may always come.
        """
        row = (order.price, order.unit_cost, int(order.remaining))
        needed = self.collateral.more((order.market.ticker, order.side), row, instead_of) - closing_back
        return needed <= 0 or needed + fee <= self.available

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
        held.realized += payout - cost
        held.quantity = held.cost = 0
        held.charge(kept, now_ns)
        self.cash += paid
        self.fees += kept
        row = Settlement(
            number=len(self.settlements) + 1,
            market=market,
            quantity=Count(quantity),
            cost=Money(cost),
            paid=paid,
            fees=Money(held.fees),
            at_ns=now_ns,
        )
        self.settlements.append(row)
        return kept

    def reserve_for(self, ticker: str, side: BookSide, orders: Iterable[tuple[int, int, int]]) -> int:
        """Collateral for `(price, unit cost, count)` rows, worked out from nothing: for proofs."""
        held = self.quantity(ticker) * -side.sign
        cover, total = max(held, 0), 0
        for _price, unit, count in sorted(orders, key=lambda row: -row[0] * side.sign):
            free = min(cover, count)
            cover -= free
            total += unit * (count - free)
        return total
