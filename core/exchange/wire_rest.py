"""REST bodies: replies to domain values, wishes to request bodies. Pure; knows nothing of sockets.

Unknown fields are passed over, missing ones are refused by name. Prices are YES prices on both roads, so nothing is
translated here. Anything about our account is all or nothing: one bad order refuses the page, since an order left out
would be believed absent.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from core.domain.amounts import PRICE_SCALE, Count, Money, Price
from core.domain.effects import SendAmend, SendDecrease, SendOrder
from core.domain.enums import OrderStatus
from core.domain.errors import RefusedInput
from core.domain.events import (
    ExchangeStatusRead,
    FillReported,
    LimitsRead,
    OrderReport,
    PositionReport,
    Source,
)
from core.domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from core.domain.text import clean_text
from core.exchange import wire


class Wire(msgspec.Struct, frozen=True):
    """Base of all shapes on the wire."""


# ---- requests ----------------------------------------------------------------------------------------------------


class CreateBody(Wire, frozen=True, omit_defaults=True):
    ticker: str
    client_order_id: str
    side: str
    count: str
    price: str
    time_in_force: str
    # "The taker stops at the first own order": our resting quotes are never taken off by our own hand.
    self_trade_prevention_type: str
    expiration_time: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_order_on_pause: bool = False
    order_group_id: str | None = None


class _GroupBody(Wire, frozen=True):
    contracts_limit: int


class _AmendBody(Wire, frozen=True, omit_defaults=True):
    ticker: str
    side: str
    price: str
    count: str
    expiration_time: int | None = None


class _DecreaseBody(Wire, frozen=True):
    reduce_by: str
    market_ticker: str


_ENCODER = msgspec.json.Encoder()


def create_body(effect: SendOrder) -> bytes:
    """The body of a new order; raises RefusedInput for amounts that cannot be ordered."""
    return _ENCODER.encode(new_order(effect))


def new_order(effect: SendOrder) -> CreateBody:
    """A new order as it stands in a body, alone or in a batch."""
    return CreateBody(
        ticker=effect.ticker,
        client_order_id=effect.client_order_id,
        side=effect.side.value,
        count=wire.count_spelling(effect.count),
        price=wire.price_spelling(effect.price),
        time_in_force=effect.time_in_force.value,
        self_trade_prevention_type="taker_at_cross",
        expiration_time=effect.expiration_s,
        post_only=effect.post_only,
        reduce_only=effect.reduce_only,
        cancel_order_on_pause=effect.cancel_order_on_pause and effect.expiration_s is not None,
        order_group_id=effect.order_group_id,
    )


def group_body(limit: int) -> bytes:
    """The body of a new order group; `limit` in whole contracts."""
    return _ENCODER.encode(_GroupBody(contracts_limit=limit))


def change_body(effect: SendAmend | SendDecrease) -> tuple[str, bytes]:
    """(what to ask for, body) of a change. An amend's `count` is total fillable, a missing expiry keeps the order's; a
    decrease takes "exactly one of `reduce_by`, `reduce_to`".
    """
    if isinstance(effect, SendDecrease):
        less = wire.count_spelling(effect.reduce_by)
        return "decrease", _ENCODER.encode(_DecreaseBody(reduce_by=less, market_ticker=effect.ticker))
    return "amend", _ENCODER.encode(
        _AmendBody(
            ticker=effect.ticker,
            side=effect.side.value,
            price=wire.price_spelling(effect.price),
            count=wire.count_spelling(effect.count),
            expiration_time=effect.expiration_s,
        )
    )


# ---- replies to writes -------------------------------------------------------------------------------------------


class _CreateReply(Wire, frozen=True):
    order_id: str
    fill_count: str
    remaining_count: str
    client_order_id: str | None = None


class _CancelReply(Wire, frozen=True):
    order_id: str
    reduced_by: str


class _AmendReply(Wire, frozen=True):
    order_id: str
    remaining_count: str | None = None
    fill_count: str | None = None


_CREATE = msgspec.json.Decoder(_CreateReply)
_CANCEL = msgspec.json.Decoder(_CancelReply)
_AMEND = msgspec.json.Decoder(_AmendReply)


def created(body: bytes, client_order_id: ClientOrderId) -> tuple[OrderId, Count, Count]:
    """(order id, filled, remaining) of a create reply; a reply naming another client id is refused."""
    reply = wire.decode(_CREATE, body, "create reply")
    wire.refuse_twins(body, "create reply")
    if reply.client_order_id not in (None, "", client_order_id):
        raise RefusedInput("create reply: client_order_id of another order")
    return (
        OrderId(wire.identifier(reply.order_id, "order_id")),
        wire.count(reply.fill_count, "fill_count"),
        wire.count(reply.remaining_count, "remaining_count"),
    )


def canceled(body: bytes) -> tuple[OrderId, Count]:
    """(order id, reduced by) of a cancel reply."""
    reply = wire.decode(_CANCEL, body, "cancel reply")
    wire.refuse_twins(body, "cancel reply")
    return OrderId(wire.identifier(reply.order_id, "order_id")), wire.count(reply.reduced_by, "reduced_by")


def amended(body: bytes) -> tuple[OrderId, Count | None, Count | None]:
    """(order id, filled, remaining) of an amend or decrease reply; an amend that changed neither leaves both out."""
    reply = wire.decode(_AMEND, body, "amend reply")
    wire.refuse_twins(body, "amend reply")
    return (
        OrderId(wire.identifier(reply.order_id, "order_id")),
        None if reply.fill_count is None else wire.count(reply.fill_count, "fill_count"),
        None if reply.remaining_count is None else wire.count(reply.remaining_count, "remaining_count"),
    )


# ---- replies to reads --------------------------------------------------------------------------------------------


class _Status(Wire, frozen=True):
    exchange_active: bool
    trading_active: bool


class _Bucket(Wire, frozen=True):
    refill_rate: int
    bucket_capacity: int


class _Limits(Wire, frozen=True):
    usage_tier: str
    read: _Bucket
    write: _Bucket


class _Balance(Wire, frozen=True):
    balance_dollars: str


class WireOrder(Wire, frozen=True):
    """An order in a read and on the stream; the stream spells some fields otherwise and says so where it uses this."""

    order_id: str
    client_order_id: str
    ticker: str
    outcome_side: str
    book_side: str
    status: str
    yes_price_dollars: str
    fill_count_fp: str
    remaining_count_fp: str
    initial_count_fp: str
    no_price_dollars: str | None = None
    created_time: str | None = None
    created_ts_ms: int | None = None
    expiration_time: str | None = None
    expiration_ts_ms: int | None = None
    last_update_reason: str | None = None


class _OrderReply(Wire, frozen=True):
    order: WireOrder


class _Orders(Wire, frozen=True):
    orders: list[WireOrder]
    cursor: str | None = None


class _Position(Wire, frozen=True):
    ticker: str
    position_fp: str
    # Flat rows were seen with null money.
    market_exposure_dollars: str | None
    realized_pnl_dollars: str | None
    fees_paid_dollars: str | None


class _Positions(Wire, frozen=True):
    market_positions: list[_Position]
    cursor: str | None = None


class _Fill(Wire, frozen=True):
    trade_id: str
    order_id: str
    ticker: str
    outcome_side: str
    book_side: str
    count_fp: str
    yes_price_dollars: str
    no_price_dollars: str
    is_taker: bool
    fee_cost: str
    created_time: str | None = None
    ts: int | None = None


class _Fills(Wire, frozen=True):
    fills: list[_Fill]
    cursor: str | None = None


_STATUS = msgspec.json.Decoder(_Status)
_LIMITS = msgspec.json.Decoder(_Limits)
_BALANCE = msgspec.json.Decoder(_Balance)
_ORDER = msgspec.json.Decoder(_OrderReply)
_ORDERS = msgspec.json.Decoder(_Orders)
_POSITIONS = msgspec.json.Decoder(_Positions)
_FILLS = msgspec.json.Decoder(_Fills)

_Row = TypeVar("_Row")
_ORDER_STATUS = {status.value: status for status in OrderStatus}


class Page(msgspec.Struct, frozen=True):
    """Base of one page of a list: `cursor` is empty on the last."""

    cursor: str


class OrdersPage(Page, frozen=True):
    rows: list[OrderReport]


class PositionsPage(Page, frozen=True):
    rows: list[PositionReport]


class FillsPage(Page, frozen=True):
    rows: list[FillReported]


def exchange_status(body: bytes, request_id: int, elapsed_ns: int) -> ExchangeStatusRead:
    """Also the body of a 503: an exchange that is down says so in the same shape."""
    status = wire.decode(_STATUS, body, "exchange status")
    return ExchangeStatusRead(
        request_id=request_id,
        exchange_active=status.exchange_active,
        trading_active=status.trading_active,
        elapsed_ns=elapsed_ns,
    )


def limits(body: bytes, request_id: int, elapsed_ns: int) -> LimitsRead:
    """The token budget of this account; absurd numbers are refused."""
    reply = wire.decode(_LIMITS, body, "limits")
    for bucket in (reply.read, reply.write):
        if not (1 <= bucket.refill_rate <= 1_000_000 and 1 <= bucket.bucket_capacity <= 10_000_000):
            raise RefusedInput("limits: rate or capacity out of range")
    return LimitsRead(
        request_id=request_id,
        tier=clean_text(reply.usage_tier, 32),
        read_rate=reply.read.refill_rate,
        read_capacity=reply.read.bucket_capacity,
        write_rate=reply.write.refill_rate,
        write_capacity=reply.write.bucket_capacity,
        elapsed_ns=elapsed_ns,
    )


def balance(body: bytes) -> Money:
    """Exact dollars: the integer `balance` beside it is cents, truncated."""
    wire.refuse_twins(body, "balance")
    return wire.money(wire.decode(_BALANCE, body, "balance").balance_dollars, "balance_dollars", signed=True)


def order(body: bytes) -> OrderReport:
    return order_report(wire.decode(_ORDER, body, "order").order)


def orders(body: bytes) -> OrdersPage:
    page = wire.decode(_ORDERS, body, "orders")
    return OrdersPage(cursor=cursor(page.cursor), rows=[order_report(row) for row in page.orders])


def positions(body: bytes) -> PositionsPage:
    page = wire.decode(_POSITIONS, body, "positions")
    return PositionsPage(cursor=cursor(page.cursor), rows=[_position(row) for row in page.market_positions])


def fills(body: bytes) -> FillsPage:
    page = wire.decode(_FILLS, body, "fills")
    return FillsPage(cursor=cursor(page.cursor), rows=[_fill(row) for row in page.fills])


def cursor(text: str | None) -> str:
    """A cursor is opaque, but it travels back in our query: its length is bounded."""
    if text is not None and len(text) > 4_096:
        raise RefusedInput("cursor: too long")
    return text or ""


def order_report(row: WireOrder) -> OrderReport:
    """An order as the exchange describes it. `initial` never less than what is filled and remains (after amends)."""
    filled = wire.count(row.fill_count_fp, "fill_count_fp")
    remaining = wire.count(row.remaining_count_fp, "remaining_count_fp")
    initial = wire.count(row.initial_count_fp, "initial_count_fp")
    created_ms, expiration_ms = row.created_ts_ms, row.expiration_ts_ms
    if created_ms is None and row.created_time:
        created_ms = wire.time_ms(row.created_time, "created_time")
    if expiration_ms is None and row.expiration_time:
        expiration_ms = wire.time_ms(row.expiration_time, "expiration_time")
    return OrderReport(
        order_id=OrderId(wire.identifier(row.order_id, "order_id")),
        client_order_id=ClientOrderId(clean_text(row.client_order_id, 128)),
        ticker=Ticker(wire.identifier(row.ticker, "ticker")),
        side=wire.book_side(row.book_side, row.outcome_side, "book_side"),
        price=_yes_price(row.yes_price_dollars, row.no_price_dollars),
        initial=max(initial, Count(filled + remaining)),
        filled=filled,
        remaining=remaining,
        status=_ORDER_STATUS.get(row.status, OrderStatus.UNKNOWN),
        reason=clean_text(row.last_update_reason or "", 64),
        created_ms=created_ms,
        expiration_ms=expiration_ms,
    )


def _yes_price(yes: str, no: str | None) -> Price:
    value = wire.price(yes, "yes_price_dollars")
    if no is not None and wire.price(no, "no_price_dollars") != PRICE_SCALE - value:
        raise RefusedInput("no_price_dollars: contradicts yes_price_dollars")
    return value


def _position(row: _Position) -> PositionReport:
    return PositionReport(
        ticker=Ticker(wire.identifier(row.ticker, "ticker")),
        position=Count(wire.signed_count(row.position_fp, "position_fp")),
        cost=wire.money(row.market_exposure_dollars or "0", "market_exposure_dollars", signed=True),
        realized=wire.money(row.realized_pnl_dollars or "0", "realized_pnl_dollars", signed=True),
        fees=wire.money(row.fees_paid_dollars or "0", "fees_paid_dollars", signed=True),
    )


def _fill(row: _Fill) -> FillReported:
    if row.created_time:
        exchange_ms = wire.time_ms(row.created_time, "created_time")
    else:
        exchange_ms = wire.seconds_ms(row.ts or 0, "ts")
    yes = _yes_price(row.yes_price_dollars, row.no_price_dollars)
    if not 0 < yes < PRICE_SCALE:
        raise RefusedInput("yes_price_dollars: price at or beyond its bounds")
    return FillReported(
        trade_id=TradeId(wire.identifier(row.trade_id, "trade_id")),
        order_id=OrderId(wire.identifier(row.order_id, "order_id")),
        client_order_id=None,
        ticker=Ticker(wire.identifier(row.ticker, "ticker")),
        side=wire.book_side(row.book_side, row.outcome_side, "book_side"),
        price=yes,
        count=wire.count(row.count_fp, "count_fp"),
        fee=wire.money(row.fee_cost, "fee_cost", signed=True),
        is_taker=row.is_taker,
        exchange_ms=exchange_ms,
        source=Source.READ,
    )


class _GroupCreated(Wire, frozen=True):
    order_group_id: str


_group_created = msgspec.json.Decoder(_GroupCreated)


def group_created(body: bytes) -> str:
    """The id of a group just made."""
    return wire.identifier(wire.decode(_group_created, body, "order group").order_group_id, "order_group_id")
