"""What the exchange knows: series, events, markets, orders, trades, fills. Owned and changed by the venue alone.

Amounts are integers in the units of `core.domain.amounts`; times are nanoseconds since the Unix epoch. Clients see
these only through `views` and `frames`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from core.domain.amounts import PRICE_SCALE, Count, Money, Price
from core.domain.enums import BookSide, MarketStatus, OrderStatus, TimeInForce
from core.sim.book import Book
from core.sim.fees import FeeRule
from core.sim.grid import STRUCTURES, VALID, Band
from core.sim.text import Ids

if TYPE_CHECKING:
    from core.sim.accounts import Account
    from core.sim.groups import OrderGroup

BID = BookSide.BID
SETTLEMENT_TIMER_S = 1800
WAIVED = FeeRule("quadratic", 0)
TAKER_AT_CROSS = "taker_at_cross"
MAKER = "maker"


class Series(msgspec.Struct, kw_only=True, eq=False):
    ticker: str
    title: str
    category: str
    frequency: str
    tags: tuple[str, ...]
    fee: FeeRule


class Event(msgspec.Struct, kw_only=True, eq=False):
    """Markets about one question. Of a mutually exclusive event at most one market settles to YES."""

    ticker: str
    series: Series
    title: str
    sub_title: str
    strike_ns: int
    markets: list[Market]
    mutually_exclusive: bool = False
    # An override wins over the series' rule when present; None clears it.
    fee_type_override: str | None = None
    fee_multiplier_override: int | None = None

    @property
    def updated_ns(self) -> int:
        return max((market.updated_ns for market in self.markets), default=0)

    @property
    def fee(self) -> FeeRule:
        """What a trade costs here now."""
        kind, multiplier = self.fee_type_override, self.fee_multiplier_override
        if kind is None and multiplier is None:
            return self.series.fee
        own = self.series.fee
        return FeeRule(own.fee_type if kind is None else kind, own.multiplier if multiplier is None else multiplier)


class Market(msgspec.Struct, kw_only=True, eq=False):
    """One YES book and what is said about it. `base_*` is history from before this exchange was started.

    The totals that every trade moves are plain integers, in the units of counts and money.
    """

    index: int
    ticker: str
    market_id: str
    event: Event
    title: str
    outcome: str
    rules: str
    structure: str
    strike: int
    activity: int  # rank: 0 is the busiest
    anchor: Price  # where fair value comes back to
    created_ns: int
    open_ns: int
    close_ns: int
    updated_ns: int
    base_volume: Count
    base_volume_24h: Count
    base_open_interest: Count
    previous_price: Price
    last_price: Price
    book: Book = msgspec.field(default_factory=Book)
    status: MarketStatus = MarketStatus.ACTIVE
    clock: int = 0
    last_size: Count = Count(0)
    volume: int = 0
    dollar_volume: int = 0
    open_interest: int = 0
    scalar: bool = False
    floor: Price | None = None  # YES cannot settle below it
    waiver_ns: int = 0  # no fees before this time
    timer_s: int = SETTLEMENT_TIMER_S  # from determination to payment
    result: str = ""
    value: Price | None = None  # of one YES contract, once determined
    settled_ns: int = 0
    alive: bool = True  # whether participants trade it

    @property
    def bands(self) -> tuple[Band, ...]:
        return STRUCTURES[self.structure]

    def takes(self, price: int) -> bool:
        """Whether an order may carry this price."""
        return price in VALID[self.structure]

    def fee(self, now_ns: int) -> FeeRule:
        """The fee rule in force: none while the market's waiver lasts, else the event's or the series'."""
        if now_ns < self.waiver_ns:
            return WAIVED
        event = self.event
        overridden = event.fee_type_override is not None or event.fee_multiplier_override is not None
        return event.fee if overridden else event.series.fee


class Order(msgspec.Struct, eq=False):
    """An order as the exchange keeps it. `count` is all that may ever fill: filled plus resting.

    What every fill moves is plain integers, in the units of counts and money.
    """

    order_id: str
    number: int
    account: Account
    market: Market
    side: BookSide
    price: Price
    count: Count
    remaining: int
    time_in_force: TimeInForce
    self_trade: str
    created_ns: int
    updated_ns: int
    client_order_id: str = ""
    post_only: bool = False
    cancel_on_pause: bool = False
    expiration_ns: int = 0  # 0: does not expire
    filled: int = 0
    status: OrderStatus = OrderStatus.RESTING
    reason: str = ""
    taker_cost: int = 0
    maker_cost: int = 0
    taker_fees: int = 0
    maker_fees: int = 0
    paid_rounding: int = 0
    group: OrderGroup | None = None

    @property
    def unit_cost(self) -> int:
        """What one contract of this order costs if it opens: the YES price, or the NO price of a sale."""
        return self.price if self.side is BID else PRICE_SCALE - self.price


class NewOrder(msgspec.Struct, kw_only=True, frozen=True):
    """The wish to place an order, already read and in YES terms."""

    ticker: str
    side: BookSide
    price: Price
    count: Count
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELED
    self_trade: str = TAKER_AT_CROSS
    client_order_id: str = ""
    expiration_ns: int = 0
    post_only: bool = False
    reduce_only: bool = False
    cancel_on_pause: bool = False
    group_id: str = ""


class Amendment(msgspec.Struct, kw_only=True, frozen=True):
    """The wish to change a resting order; `expiration_ns` None keeps it and 0 removes it."""

    ticker: str
    side: BookSide
    price: Price
    count: Count
    client_order_id: str = ""
    updated_client_order_id: str = ""
    expiration_ns: int | None = None


class Trade(msgspec.Struct, kw_only=True, frozen=True, eq=False):
    """A print. Its id is made where it is shown: most are never asked for it."""

    number: int
    ids: Ids
    market: Market
    price: Price
    count: Count
    taker_side: BookSide
    at_ns: int
    taker: Account
    maker: Account

    @property
    def trade_id(self) -> str:
        return self.ids.of(self.number)


class Fill(msgspec.Struct, kw_only=True, frozen=True, eq=False):
    """One party's half of a trade."""

    number: int
    trade: Trade
    order: Order
    is_taker: bool
    fee: int
    closes: bool
    position_after: int


class Execution(msgspec.Struct, kw_only=True, frozen=True):
    """What a create or an amend brought: the order after it and what filled at once."""

    order: Order
    filled: int
    fill_value: int
    fees: int
    resized: bool = True


class Settlement(msgspec.Struct, kw_only=True, frozen=True, eq=False):
    """What an account was paid for one market. `paid` is whole cents, the rest of the payout is a fee."""

    number: int
    market: Market
    quantity: Count
    cost: Money
    paid: Money
    fees: Money
    at_ns: int


class Transfer(msgspec.Struct, kw_only=True, frozen=True, eq=False):
    """Money brought in or taken out; negative is a withdrawal."""

    number: int
    transfer_id: str
    amount: Money
    at_ns: int
