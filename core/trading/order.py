"""Order: one order of the account as we hold it, from whatever side it is known."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.amounts import Count, Price, worst_loss
from core.domain.effects import SendOrder
from core.domain.enums import FINAL_ORDER_STATES, BookSide, OrderState, Origin, Ownership, TimeInForce
from core.domain.events import OrderReport
from core.domain.ids import ClientOrderId, OrderId, Ticker
from core.domain.records import OrderIntended

O = OrderState  # noqa: E741
AMENDED = "amended"


@dataclass(slots=True)
class Order:
    """One order. `filled` is by fills held, `claimed` by the exchange's replies and reports."""

    client_order_id: ClientOrderId
    ticker: Ticker
    side: BookSide
    price: Price
    count: int
    time_in_force: TimeInForce
    ownership: Ownership
    origin: Origin
    created_ns: int
    created_at: int
    updated_at: int
    state: OrderState = OrderState.PLANNED
    order_id: OrderId | None = None
    post_only: bool = False
    reduce_only: bool = False
    expiration_s: int | None = None
    filled: int = 0
    claimed: int = 0
    reason: str = ""
    cancel_wanted: bool = False
    due_ns: int = 0
    lookups: int = 0
    lookup_request: int = 0
    cancel_failures: int = 0
    claimed_ns: int = 0
    # Price and total count an amend in flight asks for: until it is known, both are counted at their worst.
    asked: tuple[Price, int] | None = None

    @property
    def done(self) -> int:
        return max(self.filled, self.claimed)

    @property
    def most(self) -> int:
        """The contracts it is for, all in all; the larger of two while a change is not known to be made."""
        return max(self.count, self.asked[1]) if self.asked else self.count

    @property
    def remaining(self) -> int:
        return 0 if self.state in FINAL_ORDER_STATES else max(0, self.most - self.done)

    @property
    def worst_price(self) -> Price:
        """The price at which this order could cost most."""
        if self.asked is None:
            return self.price
        return max(self.price, self.asked[0]) if self.side is BookSide.BID else min(self.price, self.asked[0])

    @property
    def missing(self) -> int:
        """Contracts that the exchange says were filled and whose fill we do not hold yet."""
        return max(0, self.claimed - self.filled)

    @property
    def action(self) -> str:
        """What is being done with an order in flight, in a word."""
        words = {O.AMENDING: "amend", O.CANCELING: "cancel"}
        return words.get(self.state) or ("buy" if self.side is BookSide.BID else "sell")

    def shrinks_to(self, price: Price, count: int) -> bool:
        """True for a change that only takes contracts off: it risks nothing and keeps the order's place."""
        return price == self.price and 0 < count < self.count - self.done

    def settle_change(self, report: OrderReport, now_ns: int) -> str | None:
        """Whether a change in doubt was made is what the exchange says of price and size: the reason to be journaled,
        by which the next start knows it too. None for a word that may be from before the change: such are on their way
        for a while.
        """
        if self.state is not O.IN_DOUBT or self.asked is None:
            return report.reason
        made = (report.price, report.total) == self.asked
        if now_ns < self.due_ns and not made:
            return None
        self.price, self.count, self.asked = report.price, report.total, None
        return AMENDED if made else report.reason

    def intent(self, wall_ns: int) -> OrderIntended:
        """The record that has to be on disk before this order leaves."""
        return OrderIntended(
            at=wall_ns,
            client_order_id=self.client_order_id,
            ticker=self.ticker,
            side=self.side,
            price=self.price,
            count=Count(self.count),
            time_in_force=self.time_in_force,
            expiration_s=self.expiration_s,
            origin=self.origin,
        )

    def request(self, journal_position: int, group_id: str | None) -> SendOrder:
        """The request that leaves once the record at `journal_position` is on disk."""
        return SendOrder(
            client_order_id=self.client_order_id,
            ticker=self.ticker,
            side=self.side,
            price=self.price,
            count=Count(self.count),
            time_in_force=self.time_in_force,
            post_only=self.post_only,
            reduce_only=self.reduce_only,
            expiration_s=self.expiration_s,
            journal_position=journal_position,
            order_group_id=group_id,
        )

    @property
    def is_open(self) -> bool:
        return self.state not in FINAL_ORDER_STATES

    @property
    def in_flight(self) -> bool:
        return self.state in (O.PLANNED, O.SENT, O.AMENDING, O.CANCELING)


@dataclass(slots=True)
class OrderCounts:
    """Counts of the session."""

    placed: int = 0
    accepted: int = 0
    denied: int = 0
    rejected: int = 0
    canceled: int = 0
    filled: int = 0


def order_worst_loss(order: Order) -> int:
    """What the order's open part can lose, in Money units."""
    return worst_loss(order.worst_price, Count(order.remaining), buys_yes=order.side is BookSide.BID)
