"""REST bodies out of exchange truth: one function per object of the API, plain dicts ready to encode.

Required fields are always present, optional ones only where they say something. Prices carry four decimals, portfolio
money six, counts two; nothing here changes the venue.
"""

from __future__ import annotations

from typing import Any

import msgspec

from core.domain.amounts import ONE_DOLLAR, PRICE_SCALE, Count, div_half_up
from core.domain.enums import BookSide, MarketStatus
from core.sim.accounts import CENT, Account, Position
from core.sim.model import Event, Execution, Fill, Market, Order, Series, Settlement, Trade
from core.sim.text import NS, NS_PER_MS, balance_text, count_text, money_text, price_text, time_text

Json = dict[str, Any]
SHARD = 0
EXPIRY_SLACK_NS = 7 * 86_400 * NS
OUTCOME = {BookSide.BID: "yes", BookSide.ASK: "no"}
STATUS_FILTER = {
    "unopened": (MarketStatus.INITIALIZED,),
    "open": (MarketStatus.ACTIVE,),
    "paused": (MarketStatus.INACTIVE,),
    "closed": (MarketStatus.CLOSED, MarketStatus.DETERMINED, MarketStatus.DISPUTED, MarketStatus.AMENDED),
    "settled": (MarketStatus.FINALIZED,),
}
SOURCES = [{"name": "Simulated Exchange", "url": "https://example.invalid/source"}]


def both_prices(price: int) -> Json:
    return {"yes_price_dollars": price_text(price), "no_price_dollars": price_text(PRICE_SCALE - price)}


def price_ranges(market: Market) -> list[Json]:
    return [
        {"start": price_text(band.start), "end": price_text(band.end), "step": price_text(band.step)}
        for band in market.bands
    ]


def quotes(market: Market) -> Json:
    """Best prices and sizes; an empty side is bid 0, ask 1, size 0."""
    bids, asks = market.book.bids, market.book.asks
    bid, ask = bids.best or 0, asks.best or PRICE_SCALE
    return {
        "yes_bid_dollars": price_text(bid),
        "yes_ask_dollars": price_text(ask),
        "yes_bid_size_fp": count_text(bids.best_size),
        "yes_ask_size_fp": count_text(asks.best_size),
    }


def market_view(market: Market) -> Json:
    bid, ask = market.book.bids.best or 0, market.book.asks.best or PRICE_SCALE
    latest = time_text(market.close_ns + EXPIRY_SLACK_NS)
    body: Json = {
        "ticker": market.ticker,
        "event_ticker": market.event.ticker,
        "market_type": "scalar" if market.scalar else "binary",
        "title": market.title,
        "subtitle": "",
        "yes_sub_title": market.outcome,
        "no_sub_title": market.outcome,
        "created_time": time_text(market.created_ns),
        "updated_time": time_text(market.updated_ns),
        "open_time": time_text(market.open_ns),
        "close_time": time_text(market.close_ns),
        "expected_expiration_time": time_text(market.close_ns + 4 * 3_600 * NS),
        "expiration_time": latest,
        "latest_expiration_time": latest,
        "settlement_timer_seconds": market.timer_s,
        "status": market.status.value,
        **quotes(market),
        "no_bid_dollars": price_text(PRICE_SCALE - ask),
        "no_ask_dollars": price_text(PRICE_SCALE - bid),
        "last_price_dollars": price_text(market.last_price),
        "volume_fp": count_text(market.base_volume + market.volume),
        "volume_24h_fp": count_text(market.base_volume_24h + market.volume),
        "result": market.result,
        "can_close_early": True,
        "open_interest_fp": count_text(market.base_open_interest + market.open_interest),
        "notional_value_dollars": price_text(ONE_DOLLAR),
        "previous_yes_bid_dollars": price_text(max(market.previous_price - 100, 0)),
        "previous_yes_ask_dollars": price_text(market.previous_price + 100),
        "previous_price_dollars": price_text(market.previous_price),
        "settlement_bounds_type": "default" if market.floor is None else "floor",
        "expiration_value": "" if market.value is None else price_text(market.value),
        "early_close_condition": "Closes early once the outcome is known.",
        "rules_primary": market.rules,
        "rules_secondary": "",
        "price_level_structure": market.structure,
        "price_ranges": price_ranges(market),
        "exchange_index": SHARD,
    }
    if market.strike >= 0:
        body |= {"strike_type": "greater_or_equal", "floor_strike": market.strike}
    if market.floor is not None:
        body["settlement_floor_dollars"] = price_text(market.floor)
    if market.value is not None:
        body["settlement_value_dollars"] = price_text(market.value)
    if market.settled_ns:
        body["settlement_ts"] = time_text(market.settled_ns)
    if market.waiver_ns:
        body["fee_waiver_expiration_time"] = time_text(market.waiver_ns)
    return body


def ladder(levels: list[tuple[Any, Any]], depth: int, *, complement: bool = False) -> list[list[str]]:
    """Levels ascending by price: the best bid is the last. Asks are shown as NO bids at one minus the price."""
    shown = levels[:depth] if depth else levels
    return [
        [price_text(PRICE_SCALE - price if complement else price), count_text(size)] for price, size in reversed(shown)
    ]


def orderbook_view(market: Market, depth: int = 0) -> Json:
    book = market.book
    return {
        "yes_dollars": ladder(book.bids.levels(), depth),
        "no_dollars": ladder(book.asks.levels(), depth, complement=True),
    }


def trade_view(trade: Trade) -> Json:
    outcome = OUTCOME[trade.taker_side]
    return {
        "trade_id": trade.trade_id,
        "ticker": trade.market.ticker,
        "count_fp": count_text(trade.count),
        **both_prices(trade.price),
        "taker_side": outcome,
        "taker_outcome_side": outcome,
        "taker_book_side": trade.taker_side.value,
        "created_time": time_text(trade.at_ns),
        "is_block_trade": False,
    }


def multiplier(thousandths: int) -> msgspec.Raw:
    """The fee multiplier is a JSON number on the wire; written as text, it never becomes a float."""
    return msgspec.Raw(f"{thousandths // 1000}.{thousandths % 1000:03d}".rstrip("0").rstrip(".").encode())


def series_view(series: Series) -> Json:
    return {
        "ticker": series.ticker,
        "frequency": series.frequency,
        "title": series.title,
        "category": series.category,
        "categories": [series.category],
        "tags": list(series.tags),
        "settlement_sources": SOURCES,
        "contract_url": f"https://example.invalid/contract/{series.ticker}.pdf",
        "contract_terms_url": f"https://example.invalid/terms/{series.ticker}.pdf",
        "fee_type": series.fee.fee_type,
        "fee_multiplier": multiplier(series.fee.multiplier),
        "additional_prohibitions": [],
        "exchange_index": SHARD,
    }


def collateral_type(event: Event) -> str:
    """`MECNET` says that at most one market of the event settles to YES."""
    return "MECNET" if event.mutually_exclusive else ""


def event_view(event: Event, *, nested: bool = False) -> Json:
    body: Json = {
        "event_ticker": event.ticker,
        "series_ticker": event.series.ticker,
        "sub_title": event.sub_title,
        "title": event.title,
        "collateral_return_type": collateral_type(event),
        "mutually_exclusive": event.mutually_exclusive,
        "category": event.series.category,
        "strike_date": time_text(event.strike_ns),
        "settlement_sources": SOURCES,
        "product_metadata": None,
        "exchange_index": SHARD,
    }
    if event.fee_type_override is not None:
        body["fee_type_override"] = event.fee_type_override
    if event.fee_multiplier_override is not None:
        body["fee_multiplier_override"] = multiplier(event.fee_multiplier_override)
    if nested:
        body["markets"] = [market_view(market) for market in event.markets]
    return body


def mark(market: Market) -> int:
    """What a YES contract is worth now: the middle of the book, or the last price."""
    bid, ask = market.book.bids.best, market.book.asks.best
    return (bid + ask) // 2 if bid is not None and ask is not None else market.last_price


def balance_view(account: Account, now_ns: int) -> Json:
    """`balance` is whole cents cut off, `balance_dollars` four places."""
    worth = 0
    for held in account.positions.values():
        price = mark(held.market)
        worth += held.quantity * price if held.quantity > 0 else -held.quantity * (PRICE_SCALE - price)
    dollars = balance_text(account.available)
    return {
        "balance": account.available // CENT,
        "balance_dollars": dollars,
        "portfolio_value": worth // CENT,
        "updated_ts": now_ns // NS,
        "balance_breakdown": [{"exchange_index": SHARD, "balance": dollars}],
    }


def position_view(held: Position) -> Json:
    return {
        "ticker": held.market.ticker,
        "exchange_index": SHARD,
        "total_traded_dollars": money_text(held.traded),
        "position_fp": count_text(held.quantity),
        "market_exposure_dollars": money_text(held.cost),
        "realized_pnl_dollars": money_text(held.realized),
        "fees_paid_dollars": money_text(held.fees),
        "last_updated_ts": time_text(held.updated_ns),
    }


def event_position_view(event_ticker: str, held: list[Position]) -> Json:
    return {
        "event_ticker": event_ticker,
        "total_cost_dollars": money_text(sum(p.traded for p in held)),
        "total_cost_shares_fp": count_text(sum(p.volume for p in held)),
        "event_exposure_dollars": money_text(sum(p.cost for p in held)),
        "realized_pnl_dollars": money_text(sum(p.realized for p in held)),
        "fees_paid_dollars": money_text(sum(p.fees for p in held)),
    }


def settlement_view(row: Settlement) -> Json:
    """Revenue and value are whole cents, the rest is dollars; only the net position was held to the end."""
    yes, no = max(row.quantity, 0), max(-row.quantity, 0)
    worth = row.market.value or 0
    return {
        "ticker": row.market.ticker,
        "exchange_index": SHARD,
        "event_ticker": row.market.event.ticker,
        "market_result": row.market.result,
        "yes_count_fp": count_text(yes),
        "yes_total_cost_dollars": money_text(row.cost if yes else 0),
        "no_count_fp": count_text(no),
        "no_total_cost_dollars": money_text(row.cost if no else 0),
        "revenue": row.paid // CENT,
        "settled_time": time_text(row.at_ns),
        "fee_cost": money_text(row.fees),
        "value": worth // 100,
    }


def fill_view(fill: Fill) -> Json:
    trade, order = fill.trade, fill.order
    outcome = OUTCOME[order.side]
    return {
        "fill_id": trade.trade_id,
        "exchange_index": SHARD,
        "trade_id": trade.trade_id,
        "order_id": order.order_id,
        "ticker": trade.market.ticker,
        "market_ticker": trade.market.ticker,
        "side": outcome,
        "action": "sell" if fill.closes else "buy",
        "outcome_side": outcome,
        "book_side": order.side.value,
        "count_fp": count_text(trade.count),
        **both_prices(trade.price),
        "is_taker": fill.is_taker,
        "created_time": time_text(trade.at_ns),
        "fee_cost": money_text(fill.fee),
        "subaccount_number": 0,
        "ts": trade.at_ns // NS,
    }


def order_amounts(order: Order) -> Json:
    """The fields an order has alike in REST and on the stream."""
    return {
        "fill_count_fp": count_text(order.filled),
        "remaining_count_fp": count_text(order.remaining),
        "initial_count_fp": count_text(order.count),
        "taker_fill_cost_dollars": money_text(order.taker_cost),
        "maker_fill_cost_dollars": money_text(order.maker_cost),
        "taker_fees_dollars": money_text(order.taker_fees),
        "maker_fees_dollars": money_text(order.maker_fees),
    }


def order_view(order: Order) -> Json:
    outcome = OUTCOME[order.side]
    return {
        "order_id": order.order_id,
        "user_id": order.account.user_id,
        "client_order_id": order.client_order_id,
        "ticker": order.market.ticker,
        "side": outcome,
        "action": "buy",
        "outcome_side": outcome,
        "book_side": order.side.value,
        "type": "limit",
        "status": order.status.value,
        **both_prices(order.price),
        **order_amounts(order),
        "expiration_time": time_text(order.expiration_ns) if order.expiration_ns else None,
        "created_time": time_text(order.created_ns),
        "last_update_time": time_text(order.updated_ns),
        "self_trade_prevention_type": order.self_trade,
        "order_group_id": order.group.group_id if order.group else None,
        "cancel_order_on_pause": order.cancel_on_pause,
        "subaccount_number": 0,
        "exchange_index": SHARD,
        **({"last_update_reason": order.reason} if order.reason else {}),
    }


def fill_averages(done: Execution) -> Json:
    """Average YES price and fee per contract of what filled at once; absent where nothing did."""
    if not done.filled:
        return {}
    fee = div_half_up(done.fees, done.filled)  # millionths over hundredths: ten-thousandths per contract
    return {
        "average_fill_price": price_text(div_half_up(done.fill_value, done.filled)),
        "average_fee_paid": price_text(fee),
    }


def write_reply(order: Order, now_ns: int) -> Json:
    """What every order write answers."""
    body: Json = {"order_id": order.order_id, "ts_ms": now_ns // NS_PER_MS}
    if order.client_order_id:
        body["client_order_id"] = order.client_order_id
    return body


def created_reply(done: Execution, now_ns: int) -> Json:
    return {
        **write_reply(done.order, now_ns),
        "fill_count": count_text(done.filled),
        "remaining_count": count_text(done.order.remaining),
        **fill_averages(done),
    }


def amended_reply(done: Execution, now_ns: int) -> Json:
    """Counts are left out where neither a fill nor a change of size happened."""
    body = write_reply(done.order, now_ns)
    if done.resized:
        body |= {"remaining_count": count_text(done.order.remaining), "fill_count": count_text(done.order.filled)}
    return body | fill_averages(done)


def reduced_reply(order: Order, reduced: Count, now_ns: int) -> Json:
    return {**write_reply(order, now_ns), "reduced_by": count_text(reduced)}
