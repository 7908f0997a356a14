"""Facts, in the past tense: everything that reaches the engine's inbox from outside.

Frozen msgspec structs; an instance is proof that its contents were checked at the border. Prices are YES prices.
`elapsed_ns` is the time from the first byte written to the reply decoded. Facts are never dropped.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from core.domain.amounts import Count, Money, Price
from core.domain.effects import GroupAct
from core.domain.enums import BookSide, MarketStatus
from core.domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from core.domain.market import MarketInfo
from core.domain.reports import OrderReport as OrderReport
from core.domain.reports import PositionReport as PositionReport
from core.domain.reports import SettlementReport as SettlementReport


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all facts."""


# ---- stream ------------------------------------------------------------------------------------------------------


class StreamConnected(Fact, frozen=True, kw_only=True):
    """A new connection is open; `epoch` counts connections. Nothing is replayed by the exchange: read by REST."""

    epoch: int


class StreamLost(Fact, frozen=True, kw_only=True):
    """The connection is gone; every book is untrusted from here on."""

    epoch: int
    reason: str
    retry_ms: int


class StreamSubscribed(Fact, frozen=True, kw_only=True):
    """The exchange confirmed a channel on this connection."""

    epoch: int
    channel: str


class StreamRefused(Fact, frozen=True, kw_only=True):
    """The exchange answered a command with an error frame, or a subscription died."""

    epoch: int
    code: int
    text: str


class FrameRefused(Fact, frozen=True, kw_only=True):
    """A frame or body that could not be taken as a value; counted, nothing of it was applied."""

    reason: str


class BookReplaced(Fact, frozen=True, kw_only=True):
    """The whole book. `bids` and `asks` are (YES price, count), bids descending, asks ascending."""

    ticker: Ticker
    bids: tuple[tuple[Price, Count], ...]
    asks: tuple[tuple[Price, Count], ...]
    seq: int
    exchange_ms: int | None = None


class BookChanged(Fact, frozen=True, kw_only=True, gc=False):
    """A signed change of the size at one YES price on one side."""

    ticker: Ticker
    side: BookSide
    price: Price
    delta: int
    seq: int
    exchange_ms: int | None = None


class BookLost(Fact, frozen=True, kw_only=True):
    """These books miss a change (gap, contradiction, silence) and may not be traded on until replaced."""

    tickers: tuple[Ticker, ...]
    reason: str


class TradePrinted(Fact, frozen=True, kw_only=True, gc=False):
    """A public trade. `taker_side` is the side of the YES book the taker came from."""

    ticker: Ticker
    trade_id: TradeId
    price: Price
    count: Count
    taker_side: BookSide
    exchange_ms: int


class TickerChanged(Fact, frozen=True, kw_only=True, gc=False):
    """The exchange's summary of a market."""

    ticker: Ticker
    last_price: Price | None
    volume: Count
    open_interest: Count
    exchange_ms: int


class MarketChanged(Fact, frozen=True, kw_only=True):
    """A step in a market's life."""

    ticker: Ticker
    status: MarketStatus | None = None
    close_ms: int | None = None
    settlement_value: Price | None = None


class TermsChanged(Fact, frozen=True, kw_only=True):
    """Fees of some markets changed: what is known of them must be read anew."""


class Source(StrEnum):
    """Where a fact about our account came from."""

    STREAM = "stream"
    REPLY = "reply"
    READ = "read"


class FillReported(Fact, frozen=True, kw_only=True, gc=False):
    """A fill of an order of this account. `fee` is the total of this fill. Arrives from any source, in any order."""

    trade_id: TradeId
    order_id: OrderId
    client_order_id: ClientOrderId | None
    ticker: Ticker
    side: BookSide
    price: Price
    count: Count
    fee: Money
    is_taker: bool
    exchange_ms: int
    source: Source


class OrderReported(Fact, frozen=True, kw_only=True):
    """The stream told how an order of this account stands."""

    report: OrderReport


class PositionReported(Fact, frozen=True, kw_only=True):
    """The stream told how a position of this account stands."""

    report: PositionReport


# ---- replies to writes -------------------------------------------------------------------------------------------


class OrderAccepted(Fact, frozen=True, kw_only=True):
    """201. `remaining` 0 with `filled` 0 means the exchange ended it at once. Fills themselves come as FillReported."""

    client_order_id: ClientOrderId
    order_id: OrderId
    filled: Count
    remaining: Count
    elapsed_ns: int


class OrderRejected(Fact, frozen=True, kw_only=True):
    """A definite no: the order does not exist. `duplicate` says that an earlier attempt with this id landed."""

    client_order_id: ClientOrderId
    status: int
    code: str
    detail: str
    duplicate: bool = False
    elapsed_ns: int


class OrderOutcomeUnknown(Fact, frozen=True, kw_only=True):
    """Bytes left and no usable answer came: the order may exist. Never sent again blindly."""

    client_order_id: ClientOrderId
    reason: str
    elapsed_ns: int


class OrderNotSent(Fact, frozen=True, kw_only=True):
    """No byte of the request left this machine."""

    client_order_id: ClientOrderId
    reason: str


class CancelConfirmed(Fact, frozen=True, kw_only=True):
    client_order_id: ClientOrderId
    order_id: OrderId
    reduced_by: Count
    elapsed_ns: int


class CancelNotFound(Fact, frozen=True, kw_only=True):
    """404: the order is already final or was never there; a read decides which."""

    client_order_id: ClientOrderId
    order_id: OrderId
    elapsed_ns: int


class CancelFailed(Fact, frozen=True, kw_only=True):
    """Refused, limited, lost or not sent; cancels are idempotent and may be sent again. `status` 0: no reply."""

    client_order_id: ClientOrderId
    order_id: OrderId
    status: int
    reason: str
    elapsed_ns: int


CreateOutcome: TypeAlias = OrderAccepted | OrderRejected | OrderOutcomeUnknown | OrderNotSent
CancelOutcome: TypeAlias = CancelConfirmed | CancelNotFound | CancelFailed


class BatchAnswered(Fact, frozen=True, kw_only=True):
    """What became of every order or cancel of one batch, in the order they were sent. What the reply did not name is
    among them as not known.
    """

    outcomes: tuple[CreateOutcome | CancelOutcome, ...]


class AmendConfirmed(Fact, frozen=True, kw_only=True):
    """The order now has `price` and total fillable `count`, by amend or decrease; its id may be a new one."""

    client_order_id: ClientOrderId
    order_id: OrderId
    price: Price
    count: Count
    filled: Count | None
    remaining: Count | None
    elapsed_ns: int


class AmendRejected(Fact, frozen=True, kw_only=True):
    client_order_id: ClientOrderId
    order_id: OrderId
    status: int
    code: str
    detail: str
    elapsed_ns: int


class AmendOutcomeUnknown(Fact, frozen=True, kw_only=True):
    client_order_id: ClientOrderId
    order_id: OrderId
    reason: str
    elapsed_ns: int


class GroupDone(Fact, frozen=True, kw_only=True):
    """The exchange did what was asked of an order group."""

    act: GroupAct
    group_id: str
    elapsed_ns: int


class GroupFailed(Fact, frozen=True, kw_only=True):
    """It did not, or nobody knows. `status` 0: no reply."""

    act: GroupAct
    group_id: str
    status: int
    reason: str
    elapsed_ns: int


class GroupTriggered(Fact, frozen=True, kw_only=True):
    """The stream told that a group was triggered, by us or by its own limit."""

    group_id: str


# ---- replies to reads --------------------------------------------------------------------------------------------


class ExchangeStatusRead(Fact, frozen=True, kw_only=True):
    request_id: int
    exchange_active: bool
    trading_active: bool
    elapsed_ns: int


class LimitsRead(Fact, frozen=True, kw_only=True):
    """Token budget in force: tokens a second and bucket size, for reads and writes."""

    request_id: int
    tier: str
    read_rate: int
    read_capacity: int
    write_rate: int
    write_capacity: int
    elapsed_ns: int


class MarketsRead(Fact, frozen=True, kw_only=True):
    request_id: int
    markets: tuple[MarketInfo, ...]
    elapsed_ns: int


class OrdersRead(Fact, frozen=True, kw_only=True):
    """All pages of resting orders of the account."""

    request_id: int
    orders: tuple[OrderReport, ...]
    elapsed_ns: int


class OrderLookedUp(Fact, frozen=True, kw_only=True):
    """Look-up of one order by client id, or exchange id where known; `report` None: the exchange lists no such."""

    request_id: int
    client_order_id: ClientOrderId
    report: OrderReport | None
    elapsed_ns: int


class PositionsRead(Fact, frozen=True, kw_only=True):
    request_id: int
    positions: tuple[PositionReport, ...]
    elapsed_ns: int


class BalanceRead(Fact, frozen=True, kw_only=True):
    """`balance` is exact dollars as far as the exchange tells (4 decimals)."""

    request_id: int
    balance: Money
    elapsed_ns: int


class FillsRead(Fact, frozen=True, kw_only=True):
    """All pages of fills since the asked time, oldest first."""

    request_id: int
    fills: tuple[FillReported, ...]
    elapsed_ns: int


class SettlementsRead(Fact, frozen=True, kw_only=True):
    """All pages of settlements since the asked time."""

    request_id: int
    settlements: tuple[SettlementReport, ...]
    elapsed_ns: int


class ReadFailed(Fact, frozen=True, kw_only=True):
    """A read gave no value after its retries. `status` 0: no reply. `fatal`: asking again cannot help (key, access)."""

    request_id: int
    kind: str
    status: int
    reason: str
    fatal: bool = False
    elapsed_ns: int


# ---- this machine ------------------------------------------------------------------------------------------------


class Beat(Fact, frozen=True, kw_only=True):
    """A drained batch ends here: timers are looked at and strategies are woken. `wall_ns` is the wall clock."""

    wall_ns: int


class TaskDied(Fact, frozen=True, kw_only=True):
    """A supervised task ended by an exception."""

    name: str
    error: str


class ErrorReported(Fact, frozen=True, kw_only=True):
    """A program that embeds the trader met an error; it counts towards the breaker."""

    error: str
    context: str = ""


class ActionReported(Fact, frozen=True, kw_only=True):
    """A program that embeds the trader did something that shall stand among its activity."""

    kind: str
    text: str
    elapsed_ns: int | None = None
    status: str = "ok"


class JournalFailed(Fact, frozen=True, kw_only=True):
    """The record can no longer be written or synced: no new order may leave."""

    reason: str


class LoopFroze(Fact, frozen=True, kw_only=True):
    """The watchdog found the loop standing still for more than `limit_ms` and is ending the orders by its own road."""

    limit_ms: int


class LoopMeasured(Fact, frozen=True, kw_only=True):
    """How late the loop runs, in microseconds, and how many tokens are left in each bucket."""

    lag_p50_us: int
    lag_p99_us: int
    read_tokens: int
    write_tokens: int


Event: TypeAlias = (
    StreamConnected | StreamLost | StreamSubscribed | StreamRefused | FrameRefused
    | BookReplaced | BookChanged | BookLost | TradePrinted | TickerChanged | MarketChanged
    | TermsChanged | FillReported | OrderReported | PositionReported
    | OrderAccepted | OrderRejected | OrderOutcomeUnknown | OrderNotSent
    | CancelConfirmed | CancelNotFound | CancelFailed | BatchAnswered
    | AmendConfirmed | AmendRejected | AmendOutcomeUnknown | GroupDone | GroupFailed | GroupTriggered
    | ExchangeStatusRead | LimitsRead | MarketsRead | OrdersRead | OrderLookedUp | PositionsRead | BalanceRead
    | FillsRead | SettlementsRead | ReadFailed
    | Beat | TaskDied | ErrorReported | ActionReported | JournalFailed | LoopFroze | LoopMeasured
)  # fmt: skip
