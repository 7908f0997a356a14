"""REST, private reads: balance, positions, fills, settlements, orders, queue positions, limits of the account.

Lists are newest first; cursors hang on numbers that only go up, so a page never shifts under new rows.
"""

from __future__ import annotations

from typing import Any

from core.domain.enums import OrderStatus
from core.sim.errors import refusal
from core.sim.limits import BALANCE
from core.sim.model import Order
from core.sim.query import Query
from core.sim.routes import Answer, Call, Route, on_primary, page_of
from core.sim.text import NS, count_text
from core.sim.views import balance_view, event_position_view, fill_view, order_view, position_view, settlement_view

_ORDER_STATUS = ("resting", "canceled", "executed")
_SETTLED: dict[str, tuple[bool, ...]] = {"unsettled": (False,), "settled": (True,), "all": (False, True)}


def get_balance(call: Call) -> Answer:
    on_primary(call.query)
    return Answer(200, balance_view(call.account, call.now_ns))


def get_positions(call: Call, *, old: bool = False) -> Answer:
    query = call.query
    limit = query.limit(100, 1_000)
    wanted = query.words("count_filter")
    for word in wanted:
        Query(call.operation, f"count_filter={word}").choice("count_filter", ("position", "total_traded"))
    wanted_settled = _SETTLED[query.choice("settlement_status", _SETTLED) or "unsettled"]
    ticker, event = query.text("ticker"), query.text("event_ticker")
    after = query.cursor() or 0
    shown = on_primary(query)
    matching = [
        p
        for p in call.account.positions.values()
        if shown
        and (
            call.venue.archived(p.market) if old else p.settled in wanted_settled and not call.venue.archived(p.market)
        )
        and (not ticker or p.market.ticker == ticker)
        and (not event or p.market.event.ticker == event)
        and ("position" not in wanted or p.quantity)
        and ("total_traded" not in wanted or p.traded)
    ]
    page, cursor = page_of((p for p in matching if p.number > after), limit, lambda p: p.number)
    events: dict[str, list[Any]] = {}
    for held in page:
        events.setdefault(held.market.event.ticker, []).append(held)
    body = {
        "market_positions": [position_view(p) for p in page],
        "event_positions": [event_position_view(name, held) for name, held in events.items()],
        "cursor": cursor,
    }
    return Answer(200, body)


def get_fills(call: Call, *, old: bool = False) -> Answer:
    query = call.query
    limit = query.limit(100, 1_000)
    tickers, order_id = set(query.words("ticker", most=100)), query.text("order_id")
    low, high = query.seconds("min_ts") or 0, query.seconds("max_ts")
    before, shown = query.cursor(), on_primary(query)
    archive_ns = call.venue.archive_ns
    rows = (
        f
        for f in reversed(call.account.fills)
        if shown
        and (f.trade.at_ns < archive_ns) is old
        and (before is None or f.number < before)
        and (not tickers or f.trade.market.ticker in tickers)
        and (not order_id or f.order.order_id == order_id)
        and low <= f.trade.at_ns // NS
        and (high is None or f.trade.at_ns // NS <= high)
    )
    page, cursor = page_of(rows, limit, lambda f: f.number)
    return Answer(200, {"fills": [fill_view(f) for f in page], "cursor": cursor})


def get_settlements(call: Call) -> Answer:
    """Newest first."""
    query = call.query
    limit = query.limit(100, 1_000)
    ticker, event = query.text("ticker"), query.text("event_ticker")
    low, high = query.seconds("min_ts") or 0, query.seconds("max_ts")
    before, shown = query.cursor(), on_primary(query)
    rows = (
        r
        for r in reversed(call.account.settlements)
        if shown
        and (before is None or r.number < before)
        and (not ticker or r.market.ticker == ticker)
        and (not event or r.market.event.ticker == event)
        and low <= r.at_ns // NS
        and (high is None or r.at_ns // NS <= high)
    )
    page, cursor = page_of(rows, limit, lambda r: r.number)
    return Answer(200, {"settlements": [settlement_view(r) for r in page], "cursor": cursor})


def get_orders(call: Call, *, old: bool = False) -> Answer:
    query = call.query
    limit = query.limit(100, 1_000)
    status = query.choice("status", _ORDER_STATUS)
    ticker, events = query.text("ticker"), set(query.words("event_ticker", most=100))
    low, high = query.seconds("min_ts") or 0, query.seconds("max_ts")
    before, shown = query.cursor(), on_primary(query)
    archive_ns = call.venue.archive_ns
    source = reversed(call.account.all_resting() if status == "resting" else list(call.account.orders.values()))
    rows = (
        o
        for o in source
        if shown
        and (o.status is not OrderStatus.RESTING and o.updated_ns < archive_ns) is old
        and (before is None or o.number < before)
        and (not status or o.status.value == status)
        and (not ticker or o.market.ticker == ticker)
        and (not events or o.market.event.ticker in events)
        and low <= o.created_ns // NS
        and (high is None or o.created_ns // NS <= high)
    )
    page, cursor = page_of(rows, limit, lambda o: o.number)
    return Answer(200, {"orders": [order_view(o) for o in page], "cursor": cursor})


def _order(call: Call) -> Order:
    order = call.account.orders.get(call.path["order_id"])
    if order is None:
        raise refusal("not_found")
    return order


def get_order(call: Call) -> Answer:
    return Answer(200, {"order": order_view(_order(call))})


def _queue_position(order: Order) -> str:
    return count_text(order.market.book.side(order.side).ahead(order))


def get_queue_positions(call: Call) -> Answer:
    query = call.query
    tickers, event = set(query.words("market_tickers")), query.text("event_ticker")
    shown = on_primary(query)
    rows = [
        {"order_id": o.order_id, "market_ticker": o.market.ticker, "queue_position_fp": _queue_position(o)}
        for o in call.account.all_resting()
        if shown and (not tickers or o.market.ticker in tickers) and (not event or o.market.event.ticker == event)
    ]
    return Answer(200, {"queue_positions": rows})


def get_queue_position(call: Call) -> Answer:
    order = _order(call)
    if order.status is not OrderStatus.RESTING:
        raise refusal("not_found")
    return Answer(200, {"queue_position_fp": _queue_position(order)})


def _get(template: str, operation: str, handler: Any, **more: Any) -> Route:
    return Route(method="GET", template=template, operation=operation, handler=handler, **more)


ROUTES: tuple[Route, ...] = (
    _get("/portfolio/balance", "GetBalance", get_balance, bucket=BALANCE),
    _get("/portfolio/positions", "GetPositions", get_positions),
    _get("/portfolio/fills", "GetFills", get_fills),
    _get("/portfolio/settlements", "GetSettlements", get_settlements),
    _get("/portfolio/orders", "GetOrders", get_orders),
    _get("/portfolio/orders/queue_positions", "GetOrderQueuePositions", get_queue_positions),
    _get("/portfolio/orders/{order_id}", "GetOrder", get_order, cost=2),
    _get("/portfolio/orders/{order_id}/queue_position", "GetOrderQueuePosition", get_queue_position),
)
