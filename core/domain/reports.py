"""What the exchange says of one order, position or settlement of this account: parts of facts."""

from __future__ import annotations

import msgspec

from core.domain.amounts import Count, Money, Price
from core.domain.enums import BookSide, OrderStatus
from core.domain.ids import ClientOrderId, OrderId, Ticker


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the exchange describes it; `filled + remaining <= initial`."""

    order_id: OrderId
    client_order_id: ClientOrderId
    ticker: Ticker
    side: BookSide
    price: Price
    initial: Count
    filled: Count
    remaining: Count
    status: OrderStatus
    reason: str = ""
    created_ms: int | None = None
    expiration_ms: int | None = None

    @property
    def total(self) -> int:
        """Contracts it can fill all in all; what a resting order began with does not tell what was taken off."""
        return self.filled + self.remaining if self.status is OrderStatus.RESTING else self.initial


class PositionReport(msgspec.Struct, frozen=True, kw_only=True):
    """A position as the exchange keeps it; `position` is signed, YES > 0; `cost` is what the open position cost."""

    ticker: Ticker
    position: Count
    cost: Money
    realized: Money
    fees: Money


class SettlementReport(msgspec.Struct, frozen=True, kw_only=True):
    """A market that paid: `position` (signed, YES > 0) is what was held, `paid` the money that came for it."""

    ticker: Ticker
    position: Count
    paid: Money
    settled_ms: int
