"""PositionTracker: positions from fills, their cost, realized and unrealized P&L, fees, and the cash balance.

Integers only; every fill moves position, cost, realized, fees and cash in one call, so the parts always agree.
Cash here is total cash: what is free plus what resting orders reserve. Fees are never inside realized P&L.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.domain.amounts import PRICE_SCALE, Count, Money, Price, div_half_up
from core.domain.enums import BookSide
from core.domain.events import FillReported, PositionReport
from core.domain.ids import Ticker

CENT = 10_000


@dataclass(slots=True)
class Position:
    """One market's net position: `count` signed, YES > 0; `cost` is what the open contracts cost, never negative."""

    ticker: Ticker
    count: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0
    traded: int = 0
    updated_at: int = 0

    def average_price(self) -> Price | None:
        """Average YES price of the open contracts, rounded for showing."""
        if self.count == 0:
            return None
        own = div_half_up(self.cost, abs(self.count))
        return Price(own if self.count > 0 else PRICE_SCALE - own)

    def value_at(self, mark: Price) -> int:
        """What the open contracts bring at YES price `mark`."""
        return (mark if self.count > 0 else PRICE_SCALE - mark) * abs(self.count)

    def unrealized_at(self, mark: Price | None) -> int:
        """Value at `mark` less cost; 0 when flat or without a mark."""
        if self.count == 0 or mark is None:
            return 0
        return self.value_at(mark) - self.cost

    def take(self, side: BookSide, price: Price, count: int) -> int:
        """Apply a trade; returns the change of cash before fees.

        "Buying the opposite side of what you hold first closes it; collateral of a pair is returned at once." The
        part larger than the position opens the other side.
        """
        own_price = price if side is BookSide.BID else PRICE_SCALE - price
        closing = min(count, abs(self.count)) if self.count * side.sign < 0 else 0
        opening = count - closing
        cash = 0
        if closing:
            held = abs(self.count)
            released = self.cost * closing // held if closing < held else self.cost
            proceeds = (PRICE_SCALE - own_price) * closing
            self.cost -= released
            self.realized += proceeds - released
            cash += proceeds
        if opening:
            self.cost += own_price * opening
            cash -= own_price * opening
        self.count += side.sign * count
        self.traded += own_price * count
        return cash


class PositionTracker:
    """All positions and the cash of the account. The exchange's word replaces ours only by `correct`."""

    def __init__(self) -> None:
        self._positions: dict[Ticker, Position] = {}
        self.cash = 0
        self.cash_known = False
        self.version = 0
        self.awaiting: set[Ticker] = set()

    def get_position(self, ticker: Ticker) -> Position:
        """The position in a market; flat when none was ever held."""
        return self._positions.get(ticker) or Position(ticker)

    def all(self) -> tuple[Position, ...]:
        return tuple(self._positions[t] for t in sorted(self._positions))

    def open(self) -> tuple[Position, ...]:
        return tuple(p for p in self.all() if p.count)

    def restore(self, positions: Iterable[Position]) -> None:
        """Go on with the positions, costs and P&L of an earlier session."""
        self._positions.update((p.ticker, p) for p in positions)
        self.version += 1

    def update_from_fill(self, fill: FillReported, wall_ns: int) -> None:
        """Apply one fill; the caller (FillProcessor) guarantees that it is applied once."""
        position = self._positions.setdefault(fill.ticker, Position(fill.ticker))
        self.cash += position.take(fill.side, fill.price, fill.count) - fill.fee
        position.fees += fill.fee
        position.updated_at = wall_ns
        self.version += 1

    def settle(self, ticker: Ticker, value: Price, wall_ns: int) -> None:
        """A market paid: `value` is the payout per YES contract. "Payout rounded down to whole cents, remainder
        reported as fee."
        """
        payout = self.get_position(ticker).value_at(value)
        self.paid(ticker, payout // CENT * CENT, payout % CENT, wall_ns)

    def paid(self, ticker: Ticker, cash: int, fee: int, wall_ns: int) -> None:
        """So much came for an open position, which is flat then; `fee` was kept back of it."""
        position = self._positions.get(ticker)
        if position is None or position.count == 0:
            return
        self.awaiting.discard(ticker)
        position.realized += cash + fee - position.cost
        position.fees += fee
        self.cash += cash
        position.count = position.cost = 0
        position.updated_at = wall_ns
        self.version += 1

    def drop(self, ticker: Ticker, wall_ns: int) -> None:
        """The exchange does not list this position any more: it is flat, what it cost is realized as lost until the
        cash that came for it is compared.
        """
        position = self._positions.get(ticker)
        if position is not None and position.count:
            position.realized -= position.cost
            position.count = position.cost = 0
            position.updated_at = wall_ns
            self.version += 1

    def awaiting_payout(self) -> bool:
        """True while a market has paid or will pay whose cash is not in ours yet."""
        return bool(self.awaiting)

    def correct(self, report: PositionReport, wall_ns: int) -> int:
        """Take the exchange's position; returns the difference in Count units (theirs - ours)."""
        position = self._positions.setdefault(report.ticker, Position(report.ticker))
        difference = report.position - position.count
        if difference:
            position.count, position.cost = report.position, report.cost
            position.updated_at = wall_ns
            self.version += 1
        return difference

    def set_cash(self, cash: Money) -> int:
        """Take the exchange's cash; returns the difference (theirs - ours), 0 the first time."""
        difference = cash - self.cash if self.cash_known else 0
        self.cash, self.cash_known = cash, True
        self.version += 1
        return difference

    @property
    def realized(self) -> Money:
        return Money(sum(p.realized for p in self._positions.values()))

    @property
    def fees(self) -> Money:
        return Money(sum(p.fees for p in self._positions.values()))

    def cost_at_risk(self) -> Money:
        """Loss if every position settles against us: all of its cost."""
        return Money(sum(p.cost for p in self._positions.values()))

    def net(self, ticker: Ticker) -> Count:
        return Count(self.get_position(ticker).count)
