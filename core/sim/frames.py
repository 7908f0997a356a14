"""Stream payloads out of venue facts: the `msg` part of each frame, plain dicts.

Who gets a frame, and with which sid and seq, is decided in `feed`; here is only what it says. Changes of books and
summaries, which come in thousands a second, are made as JSON text at once, at a third of the price.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from core.domain.amounts import PRICE_SCALE
from core.domain.enums import BookSide
from core.sim.events import (
    BookMoved,
    EventFeeMoved,
    EventListed,
    Filled,
    GroupMoved,
    MarketMoved,
    OrderMoved,
    PositionMoved,
    TickerMoved,
    Traded,
)
from core.sim.model import Market
from core.sim.text import NS, NS_PER_MS, count_text, money_text, price_text, time_text
from core.sim.views import (
    OUTCOME,
    SHARD,
    Json,
    both_prices,
    collateral_type,
    ladder,
    multiplier,
    order_amounts,
    price_ranges,
)

ASK = BookSide.ASK  # a member looked up on its class costs more than a comparison
_DOLLAR = 1_000_000
_ENCODE = msgspec.json.Encoder().encode


def _stamp(ns: int) -> Json:
    return {"ts": ns // NS, "ts_ms": ns // NS_PER_MS}


def snapshot_msg(market: Market, *, yes_price: bool) -> Json:
    """Both ladders ascending by price; the key of an empty side is absent."""
    msg: Json = {"market_ticker": market.ticker, "market_id": market.market_id, "clock": market.clock}
    bids, asks = market.book.bids.levels(), market.book.asks.levels()
    if bids:
        msg["yes_dollars_fp"] = ladder(bids, 0)
    if asks:
        shown = ladder(asks, 0, complement=not yes_price)
        msg["no_dollars_fp"] = shown[::-1] if yes_price else shown
    return msg


@lru_cache(16_384)
def _named(first: str, ticker: str, market_id: str) -> str:
    """How a payload about a market begins: ticker and id, the one called `first` before the other."""
    names = {"market_ticker": ticker, "market_id": market_id}
    return _ENCODE({first: names.pop(first), **names}).decode()[:-1]


def delta_text(moved: BookMoved, *, yes_price: bool = False) -> str:
    """A signed change of one level. An ask is a NO bid, at the NO price unless YES prices were asked for."""
    market, at_ns = moved.market, moved.at_ns
    if moved.side is ASK:
        side, price = "no", moved.price if yes_price else PRICE_SCALE - moved.price
    else:
        side, price = "yes", moved.price
    return (
        f'{_named("market_ticker", market.ticker, market.market_id)},"clock":{moved.clock},'
        f'"price_dollars":"{price_text(price)}","delta_fp":"{count_text(moved.delta)}","side":"{side}",'
        f'"ts":"{time_text(at_ns)}","ts_ms":{at_ns // NS_PER_MS}}}'
    )


def own_delta_text(moved: BookMoved, *, yes_price: bool) -> str:
    """The same for the member whose order caused the change, who is told so."""
    own = {"client_order_id": moved.client_order_id} if moved.client_order_id else {}
    return f"{delta_text(moved, yes_price=yes_price)[:-1]},{_ENCODE(own | {'subaccount': 0}).decode()[1:]}"


def ticker_text(moved: TickerMoved) -> str:
    market, at_ns = moved.market, moved.at_ns
    bids, asks = market.book.bids, market.book.asks
    open_interest = market.base_open_interest + market.open_interest
    dollar_volume = (market.base_volume * market.anchor + market.dollar_volume) // _DOLLAR
    return (
        f'{_named("market_id", market.ticker, market.market_id)},"price_dollars":"{price_text(market.last_price)}",'
        f'"yes_bid_dollars":"{price_text(bids.best or 0)}","yes_ask_dollars":"{price_text(asks.best or PRICE_SCALE)}",'
        f'"yes_bid_size_fp":"{count_text(bids.best_size)}","yes_ask_size_fp":"{count_text(asks.best_size)}",'
        f'"volume_fp":"{count_text(market.base_volume + market.volume)}",'
        f'"open_interest_fp":"{count_text(open_interest)}","dollar_volume":{dollar_volume},'
        f'"dollar_open_interest":{open_interest * market.last_price // _DOLLAR},'
        f'"last_trade_size_fp":"{count_text(market.last_size)}",'
        f'"ts":{at_ns // NS},"ts_ms":{at_ns // NS_PER_MS},"time":"{time_text(at_ns)}"}}'
    )


def trade_msg(traded: Traded) -> Json:
    trade = traded.trade
    outcome = OUTCOME[trade.taker_side]
    return {
        "trade_id": trade.trade_id,
        "market_ticker": trade.market.ticker,
        **both_prices(trade.price),
        "count_fp": count_text(trade.count),
        "taker_side": outcome,
        "taker_outcome_side": outcome,
        "taker_book_side": trade.taker_side.value,
        "is_block_trade": False,
        **_stamp(trade.at_ns),
    }


def fill_msg(filled: Filled) -> Json:
    fill = filled.fill
    order, trade = fill.order, fill.trade
    outcome = OUTCOME[order.side]
    msg: Json = {
        "trade_id": trade.trade_id,
        "order_id": order.order_id,
        "market_ticker": trade.market.ticker,
        "exchange_index": SHARD,
        "is_taker": fill.is_taker,
        "side": outcome,
        "yes_price_dollars": price_text(trade.price),
        "count_fp": count_text(trade.count),
        "fee_cost": money_text(fill.fee),
        "action": "sell" if fill.closes else "buy",
        **_stamp(trade.at_ns),
        "post_position_fp": count_text(fill.position_after),
        "purchased_side": outcome,
        "outcome_side": outcome,
        "book_side": order.side.value,
        "subaccount": 0,
    }
    if order.client_order_id:
        msg["client_order_id"] = order.client_order_id
    return msg


def order_msg(moved: OrderMoved) -> Json:
    order = moved.order
    outcome = OUTCOME[order.side]
    msg: Json = {
        "order_id": order.order_id,
        "user_id": order.account.user_id,
        "ticker": order.market.ticker,
        "exchange_index": SHARD,
        "status": order.status.value,
        "side": outcome,
        "is_yes": order.side is BookSide.BID,
        "outcome_side": outcome,
        "book_side": order.side.value,
        "yes_price_dollars": price_text(order.price),
        **order_amounts(order),
        "client_order_id": order.client_order_id,
        "self_trade_prevention_type": order.self_trade,
        "created_time": time_text(order.created_ns),
        "created_ts_ms": order.created_ns // NS_PER_MS,
        "subaccount_number": 0,
    }
    if order.group is not None:
        msg["order_group_id"] = order.group.group_id
    if order.expiration_ns:
        msg |= {
            "expiration_time": time_text(order.expiration_ns),
            "expiration_ts_ms": order.expiration_ns // NS_PER_MS,
        }
    if order.reason:
        msg |= {
            "last_update_time": time_text(order.updated_ns),
            "last_updated_ts_ms": order.updated_ns // NS_PER_MS,
            "last_update_reason": order.reason,
        }
    return msg


def position_msg(moved: PositionMoved) -> Json:
    return {
        "user_id": moved.account.user_id,
        "market_ticker": moved.market.ticker,
        "position_fp": count_text(moved.quantity),
        "position_cost_dollars": money_text(moved.cost),
        "realized_pnl_dollars": money_text(moved.realized),
        "fees_paid_dollars": money_text(moved.fees),
        "position_fee_cost_dollars": money_text(moved.open_fees),
        "volume_fp": count_text(moved.volume),
        "subaccount": 0,
    }


def lifecycle_msg(moved: MarketMoved) -> Json:
    msg: Json = {"market_ticker": moved.market.ticker, "event_type": moved.event_type, **moved.fields}
    if moved.event_type == "price_level_structure_updated":
        msg["price_ranges"] = price_ranges(moved.market)
    return msg | _created(moved.market) if moved.event_type == "created" else msg


def _created(market: Market) -> Json:
    """What a new market is introduced with; times are in seconds."""
    about: Json = {
        "name": market.title,
        "title": market.title,
        "yes_sub_title": market.outcome,
        "no_sub_title": market.outcome,
        "rules_primary": market.rules,
        "rules_secondary": "",
        "can_close_early": True,
        "event_ticker": market.event.ticker,
        "expected_expiration_ts": market.close_ns // NS,
    }
    if market.strike >= 0:
        about |= {"strike_type": "greater_or_equal", "floor_strike": market.strike}
    return {
        "exchange_index": SHARD,
        "open_ts": market.open_ns // NS,
        "close_ts": market.close_ns // NS,
        "additional_metadata": about,
        "price_level_structure": market.structure,
        "price_ranges": price_ranges(market),
    }


def event_msg(listed: EventListed) -> Json:
    event = listed.event
    return {
        "event_ticker": event.ticker,
        "exchange_index": SHARD,
        "title": event.title,
        "subtitle": event.sub_title,
        "collateral_return_type": collateral_type(event),
        "series_ticker": event.series.ticker,
        "strike_date": event.strike_ns // NS,
    }


def event_fee_msg(moved: EventFeeMoved) -> Json:
    event = moved.event
    own = event.fee_multiplier_override
    return {
        "event_ticker": event.ticker,
        "fee_type_override": event.fee_type_override,
        "fee_multiplier_override": None if own is None else multiplier(own),
    }


def group_msg(moved: GroupMoved) -> Json:
    msg: Json = {
        "event_type": moved.event_type,
        "order_group_id": moved.group_id,
        "ts_ms": moved.at_ns // NS_PER_MS,
    }
    if moved.limit is not None:
        msg["contracts_limit_fp"] = count_text(moved.limit)
    return msg
