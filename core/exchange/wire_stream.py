"""Frames of the stream: one typed union over `type`, and their translation to domain facts. Pure.

Fields that nobody needs are not declared, so the decoder skips them for nothing. The exchange tells the NO ladder in NO
prices; here it becomes YES asks at 1 - price, once, so that everything inside is in YES terms.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import msgspec

from core.domain.amounts import PRICE_SCALE, Count, Price
from core.domain.enums import BookSide, MarketStatus
from core.domain.errors import RefusedInput
from core.domain.events import (
    BookChanged,
    BookReplaced,
    FillReported,
    GroupTriggered,
    MarketChanged,
    OrderReported,
    PositionReport,
    PositionReported,
    Source,
    TickerChanged,
    TradePrinted,
)
from core.domain.ids import ClientOrderId, OrderId, Ticker, TradeId
from core.domain.text import clean_text
from core.exchange import wire
from core.exchange.wire_rest import Wire, WireOrder, order_report

LEVELS_MAX = 20_000


class Frame(msgspec.Struct, frozen=True, tag_field="type", gc=False):
    """Base of all frames."""


class _SubscribedMsg(Wire, frozen=True):
    channel: str
    sid: int


class Subscribed(Frame, frozen=True, tag="subscribed"):
    msg: _SubscribedMsg
    id: int = 0


class Ok(Frame, frozen=True, tag="ok"):
    id: int = 0
    sid: int | None = None
    seq: int | None = None


class Unsubscribed(Frame, frozen=True, tag="unsubscribed"):
    id: int = 0
    sid: int | None = None
    seq: int | None = None


class _ErrorMsg(Wire, frozen=True):
    code: int
    msg: str = ""
    market_ticker: str | None = None
    market_tickers: list[str] | None = None


class ErrorFrame(Frame, frozen=True, tag="error"):
    msg: _ErrorMsg
    id: int = 0
    sid: int | None = None
    seq: int | None = None


class _SnapshotMsg(Wire, frozen=True, gc=False):
    market_ticker: str
    # "A key is absent when that side is empty."
    yes_dollars_fp: list[tuple[str, str]] | None = None
    no_dollars_fp: list[tuple[str, str]] | None = None
    clock: int | None = None


class Snapshot(Frame, frozen=True, tag="orderbook_snapshot", gc=False):
    sid: int
    seq: int
    msg: _SnapshotMsg
    sending_ts_ms: int | None = None


class _DeltaMsg(Wire, frozen=True, gc=False):
    market_ticker: str
    price_dollars: str
    delta_fp: str
    side: str
    clock: int | None = None
    ts_ms: int | None = None


class Delta(Frame, frozen=True, tag="orderbook_delta", gc=False):
    sid: int
    seq: int
    msg: _DeltaMsg


class _TickerMsg(Wire, frozen=True, gc=False):
    market_ticker: str
    price_dollars: str
    volume_fp: str
    open_interest_fp: str
    ts_ms: int


class TickerFrame(Frame, frozen=True, tag="ticker", gc=False):
    msg: _TickerMsg


class _TradeMsg(Wire, frozen=True, gc=False):
    trade_id: str
    market_ticker: str
    yes_price_dollars: str
    count_fp: str
    taker_book_side: str
    ts_ms: int
    taker_outcome_side: str | None = None


class TradeFrame(Frame, frozen=True, tag="trade", gc=False):
    sid: int
    seq: int
    msg: _TradeMsg


class _FillMsg(Wire, frozen=True, gc=False):
    trade_id: str
    order_id: str
    market_ticker: str
    is_taker: bool
    yes_price_dollars: str
    count_fp: str
    fee_cost: str
    outcome_side: str
    book_side: str
    ts_ms: int
    client_order_id: str | None = None


class FillFrame(Frame, frozen=True, tag="fill", gc=False):
    msg: _FillMsg


class UserOrderFrame(Frame, frozen=True, tag="user_order"):
    msg: WireOrder


class _PositionMsg(Wire, frozen=True):
    market_ticker: str
    position_fp: str
    position_cost_dollars: str
    realized_pnl_dollars: str
    fees_paid_dollars: str


class PositionFrame(Frame, frozen=True, tag="market_position"):
    msg: _PositionMsg


class _LifecycleMsg(Wire, frozen=True):
    event_type: str
    market_ticker: str
    close_ts: int | None = None
    settlement_value: str | None = None


class LifecycleFrame(Frame, frozen=True, tag="market_lifecycle_v2"):
    sid: int
    seq: int
    msg: _LifecycleMsg


class EventLifecycle(Frame, frozen=True, tag="event_lifecycle"):
    sid: int
    seq: int


class EventFeeUpdate(Frame, frozen=True, tag="event_fee_update"):
    sid: int
    seq: int


class _GroupMsg(Wire, frozen=True):
    event_type: str
    order_group_id: str


class OrderGroupUpdates(Frame, frozen=True, tag="order_group_updates"):
    sid: int
    seq: int
    msg: _GroupMsg


AnyFrame: TypeAlias = (
    Subscribed | Ok | Unsubscribed | ErrorFrame | Snapshot | Delta | TickerFrame | TradeFrame | FillFrame
    | UserOrderFrame | PositionFrame | LifecycleFrame | EventLifecycle | EventFeeUpdate | OrderGroupUpdates
)  # fmt: skip


class _Envelope(Wire, frozen=True):
    type: str


_FRAME: msgspec.json.Decoder[AnyFrame] = msgspec.json.Decoder(AnyFrame)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_KNOWN = frozenset(kind.__struct_config__.tag for kind in AnyFrame.__args__)
# Rare and dear enough for a second look at their text.
_ACCOUNT = frozenset({FillFrame, UserOrderFrame, PositionFrame})


class UnknownFrame(Exception):
    """A frame of a type this client does not know; `kind` is its cleaned name."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def frame(text: str | bytes) -> AnyFrame:
    """The typed frame; raises RefusedInput, or UnknownFrame for a type nobody knows."""
    try:
        decoded = _FRAME.decode(text)
        if type(decoded) in _ACCOUNT:
            wire.refuse_twins(text, "frame")
        return decoded
    except msgspec.ValidationError as error:
        kind = wire.decode(_ENVELOPE, text, "frame").type
        if kind not in _KNOWN:
            raise UnknownFrame(clean_text(kind, 48)) from None
        if "Expected `str`, got `" in str(error):
            return _with_numbers(text, kind)
        raise RefusedInput(f"{kind}: {clean_text(str(error), 120)}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, OverflowError):
        raise RefusedInput("frame: not JSON") from None


def _with_numbers(text: str | bytes, kind: str) -> AnyFrame:
    """Prices and sizes were reported as JSON numbers at times: their own text is read, never a float."""
    try:
        value: Any = json.loads(text, parse_float=str, parse_int=_int_text, parse_constant=_no_constant)
        converted: AnyFrame = msgspec.convert(value, AnyFrame, strict=False)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise RefusedInput(f"{kind}: {clean_text(str(error), 120)}") from None
    return converted


def _int_text(digits: str) -> str:
    if len(digits) > 20:
        raise ValueError("number too long")
    return digits


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


# ---- facts -------------------------------------------------------------------------------------------------------


def book_replaced(snapshot: Snapshot) -> BookReplaced:
    """The whole book in YES terms: bids descending, asks ascending, whatever order the levels came in."""
    msg = snapshot.msg
    bids = _ladder(msg.yes_dollars_fp or [], "yes_dollars_fp")
    no_bids = _ladder(msg.no_dollars_fp or [], "no_dollars_fp")
    return BookReplaced(
        ticker=Ticker(msg.market_ticker),
        bids=tuple(bids),
        asks=tuple((Price(PRICE_SCALE - price), size) for price, size in no_bids),
        seq=snapshot.seq,
        exchange_ms=snapshot.sending_ts_ms,
    )


def _ladder(levels: list[tuple[str, str]], field: str) -> list[tuple[Price, Count]]:
    """Levels best first; the same price twice is a contradiction."""
    if len(levels) > LEVELS_MAX:
        raise RefusedInput(f"{field}: too many levels")
    ladder: dict[Price, Count] = {}
    for price_text, size_text in levels:
        price, size = wire.order_price(price_text, field), wire.count(size_text, field)
        if price in ladder:
            raise RefusedInput(f"{field}: price listed twice")
        ladder[price] = size
    return sorted(((price, size) for price, size in ladder.items() if size), reverse=True)


def trade_printed(msg: _TradeMsg) -> TradePrinted:
    return TradePrinted(
        ticker=Ticker(msg.market_ticker),
        trade_id=TradeId(wire.identifier(msg.trade_id, "trade_id")),
        price=wire.order_price(msg.yes_price_dollars, "yes_price_dollars"),
        count=wire.count(msg.count_fp, "count_fp"),
        taker_side=wire.book_side(msg.taker_book_side, msg.taker_outcome_side, "taker_book_side"),
        exchange_ms=wire.milliseconds(msg.ts_ms, "ts_ms"),
    )


def ticker_changed(msg: _TickerMsg) -> TickerChanged:
    last = wire.price(msg.price_dollars, "price_dollars")
    return TickerChanged(
        ticker=Ticker(msg.market_ticker),
        last_price=last if last > 0 else None,
        volume=wire.count(msg.volume_fp, "volume_fp"),
        open_interest=wire.count(msg.open_interest_fp, "open_interest_fp"),
        exchange_ms=wire.milliseconds(msg.ts_ms, "ts_ms"),
    )


def fill_reported(msg: _FillMsg) -> FillReported:
    return FillReported(
        trade_id=TradeId(wire.identifier(msg.trade_id, "trade_id")),
        order_id=OrderId(wire.identifier(msg.order_id, "order_id")),
        client_order_id=ClientOrderId(clean_text(msg.client_order_id, 128)) if msg.client_order_id else None,
        ticker=Ticker(wire.identifier(msg.market_ticker, "market_ticker")),
        side=wire.book_side(msg.book_side, msg.outcome_side, "book_side"),
        price=wire.order_price(msg.yes_price_dollars, "yes_price_dollars"),
        count=wire.count(msg.count_fp, "count_fp"),
        fee=wire.money(msg.fee_cost, "fee_cost", signed=True),
        is_taker=msg.is_taker,
        exchange_ms=wire.milliseconds(msg.ts_ms, "ts_ms"),
        source=Source.STREAM,
    )


def order_reported(msg: WireOrder) -> OrderReported:
    return OrderReported(report=order_report(msg))


def position_reported(msg: _PositionMsg) -> PositionReported:
    return PositionReported(
        report=PositionReport(
            ticker=Ticker(wire.identifier(msg.market_ticker, "market_ticker")),
            position=Count(wire.signed_count(msg.position_fp, "position_fp")),
            cost=wire.money(msg.position_cost_dollars, "position_cost_dollars", signed=True),
            realized=wire.money(msg.realized_pnl_dollars, "realized_pnl_dollars", signed=True),
            fees=wire.money(msg.fees_paid_dollars, "fees_paid_dollars", signed=True),
        )
    )


_LIFECYCLE_STATUS = {
    "created": MarketStatus.INITIALIZED,
    "activated": MarketStatus.ACTIVE,
    "deactivated": MarketStatus.INACTIVE,
    "determined": MarketStatus.DETERMINED,
    "settled": MarketStatus.FINALIZED,
}


def group_triggered(msg: _GroupMsg) -> GroupTriggered | None:
    """The one step of an order group that ends orders; the others answer our own requests."""
    if msg.event_type != "triggered":
        return None
    return GroupTriggered(group_id=wire.identifier(msg.order_group_id, "order_group_id"))


def market_changed(msg: _LifecycleMsg) -> MarketChanged:
    """A step the exchange words otherwise (grid, metadata) comes without a status: the market is worth a new read."""
    return MarketChanged(
        ticker=Ticker(wire.identifier(msg.market_ticker, "market_ticker")),
        status=_LIFECYCLE_STATUS.get(msg.event_type),
        close_ms=None if msg.close_ts is None else wire.seconds_ms(msg.close_ts, "close_ts"),
        settlement_value=(
            wire.price(msg.settlement_value, "settlement_value") if msg.settlement_value is not None else None
        ),
    )


def book_changed(delta: Delta) -> BookChanged:
    """A change in YES terms. Known spellings are one look-up each; every other text goes the checked road."""
    msg = delta.msg
    text = msg.price_dollars
    if msg.side == "yes":
        side, price = BookSide.BID, wire.YES_PRICES.get(text)
    elif msg.side == "no":
        side, price = BookSide.ASK, wire.NO_PRICES.get(text)
    else:
        raise RefusedInput("side: neither yes nor no")
    if price is None:
        price = wire.order_price(text, "price_dollars")
        if side is BookSide.ASK:
            price = Price(PRICE_SCALE - price)
    size = wire.COUNTS.get(msg.delta_fp)
    if size is None:
        size = wire.signed_count(msg.delta_fp, "delta_fp")
    return BookChanged(
        ticker=Ticker(msg.market_ticker), side=side, price=price, delta=size, seq=delta.seq, exchange_ms=msg.ts_ms
    )
