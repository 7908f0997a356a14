"""REST, public part: exchange status and schedule, series, events, markets, books, trades."""

from __future__ import annotations

from typing import Any

from core.sim.errors import bad_query, refusal
from core.sim.model import Event, Market, Series, Trade
from core.sim.query import Query
from core.sim.routes import Answer, Call, Route, page_of
from core.sim.text import NS, count_text, cursor_text, time_text
from core.sim.views import (
    SHARD,
    SOURCES,
    STATUS_FILTER,
    Json,
    event_view,
    market_view,
    orderbook_view,
    series_view,
    trade_view,
)

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ALL_DAY = {"open_time": "00:00", "close_time": "00:00"}
_TS_FILTERS = ("created", "updated", "close", "settled")
_TS_OTHERS = ("created", "close", "settled")
# A time filter goes with these statuses only.
_TS_STATUS = {
    "created": ("", "unopened", "open"),
    "updated": ("",),
    "close": ("", "closed"),
    "settled": ("", "settled"),
}


def exchange_status(call: Call) -> Answer:
    venue = call.venue
    active, trading = venue.exchange_active, venue.trading_active
    shard = {
        "exchange_index": SHARD,
        "description": "default",
        "exchange_active": active,
        "trading_active": trading,
        "intra_exchange_transfers_active": active,
    }
    top = {
        "exchange_active": active,
        "trading_active": trading,
        "intra_exchange_transfers_active": active,
        "exchange_estimated_resume_time": time_text(venue.life.resume_ns) if venue.life.resume_ns else None,
        "exchange_index_statuses": [shard],
    }
    return Answer(200, top)


def exchange_schedule(call: Call) -> Answer:
    """Open all week, except for the maintenance that is kept here."""
    week: Json = {"start_time": time_text(0), "end_time": time_text(4_102_444_800 * NS)}
    week |= {day: [_ALL_DAY] for day in _DAYS}
    kept = call.venue.life.maintenance
    windows = [{"start_datetime": time_text(kept[0]), "end_datetime": time_text(kept[1])}] if kept else []
    return Answer(200, {"schedule": {"standard_hours": [week], "maintenance_windows": windows}})


def user_data_timestamp(call: Call) -> Answer:
    return Answer(200, {"as_of_time": time_text(call.now_ns - call.venue.read_lag_ns)})


def list_markets(call: Call, *, old: bool = False) -> Answer:
    query, venue = call.query, call.venue
    limit = query.limit(100, 1_000, low=0)
    status = _status(query)
    spans = _spans(query, status)
    tickers = set(query.words("tickers"))
    event, series = query.text("event_ticker"), query.text("series_ticker")
    query.choice("mve_filter", ("only", "exclude"))
    combos_only = query.text("mve_filter") == "only"
    after = query.cursor()
    found = (
        m
        for m in venue.markets.values()
        if (after is None or m.index > after)
        and venue.archived(m) is old
        and (not status or m.status in STATUS_FILTER[status])
        and (not tickers or m.ticker in tickers)
        and (not event or m.event.ticker == event)
        and (not series or m.event.series.ticker == series)
        and not combos_only
        and all(low <= stamp(m) <= high for stamp, low, high in spans)
    )
    page, cursor = page_of(found, limit, lambda m: m.index)
    return Answer(200, {"markets": [market_view(m) for m in page], "cursor": cursor})


def _status(query: Query) -> str:
    """Several statuses at once, or one that is no filter value, are refused."""
    status = query.text("status")
    if status and status not in STATUS_FILTER:
        raise refusal("invalid_status_filter", f"unknown status {status[:40]!r}")
    return status


_STAMPS = {
    "created": lambda m: m.created_ns,
    "updated": lambda m: m.updated_ns,
    "close": lambda m: m.close_ns,
    "settled": lambda m: m.settled_ns,
}


def _spans(query: Query, status: str) -> list[tuple[Any, int, int]]:
    spans = []
    for name in _TS_FILTERS:
        low, high = query.seconds(f"min_{name}_ts"), query.seconds(f"max_{name}_ts")
        if low is None and high is None:
            continue
        if status not in _TS_STATUS[name]:
            raise bad_query(query.operation, "Status", "excluded_with")
        if name == "updated":
            _updated_alone(query)
        top = (high + 1) * NS - 1 if high is not None else 2**63
        spans.append((_STAMPS[name], (low or 0) * NS, top))
    return spans


def _updated_alone(query: Query) -> None:
    """With an update time goes no other filter but `mve_filter=exclude`, and with that a series."""
    others = ["tickers", "event_ticker", *(f"{end}_{name}_ts" for end in ("min", "max") for name in _TS_OTHERS)]
    if query.text("mve_filter") != "exclude":
        others += ["series_ticker", "mve_filter"]
    for name in others:
        if query.text(name):
            raise bad_query(query.operation, "UpdatedTs", "excluded_with")


def _market(call: Call) -> Market:
    market = call.venue.markets.get(call.path["ticker"])
    if market is None:
        raise refusal("not_found")
    return market


def get_market(call: Call, *, old: bool = False) -> Answer:
    market = _market(call)
    if call.venue.archived(market) is not old:
        raise refusal("not_found")
    return Answer(200, {"market": market_view(market)})


def get_orderbook(call: Call) -> Answer:
    depth = call.query.number("depth", 0, 100) or 0
    return Answer(200, {"orderbook_fp": orderbook_view(_market(call), depth)})


def get_orderbooks(call: Call) -> Answer:
    tickers = call.query.words("tickers", most=100)
    if not tickers:
        raise bad_query(call.operation, "Tickers", "required")
    known = [call.venue.markets[t] for t in dict.fromkeys(tickers) if t in call.venue.markets]
    return Answer(200, {"orderbooks": [{"ticker": m.ticker, "orderbook_fp": orderbook_view(m)} for m in known]})


def get_trades(call: Call, *, old: bool = False) -> Answer:
    """Newest first."""
    query = call.query
    limit = query.limit(100, 1_000, low=0)
    ticker, block = query.text("ticker"), query.flag("is_block_trade")
    low, high = query.seconds("min_ts") or 0, query.seconds("max_ts")
    before = query.cursor()
    kept = call.venue.market_trades.get(ticker, ()) if ticker else call.venue.trades
    archive_ns = call.venue.archive_ns
    page: list[Trade] = []
    cursor = ""
    for trade in () if block else reversed(kept):
        if (before is not None and trade.number >= before) or (trade.at_ns < archive_ns) is not old:
            continue
        if high is not None and trade.at_ns // NS > high:
            continue
        if trade.at_ns // NS < low:
            break
        if len(page) == limit:
            cursor = cursor_text(page[-1].number)
            break
        page.append(trade)
    return Answer(200, {"trades": [trade_view(t) for t in page], "cursor": cursor})


def list_series(call: Call) -> Answer:
    query = call.query
    category, tags = query.text("category"), set(query.words("tags"))
    volumes, low = query.flag("include_volume"), query.seconds("min_updated_ts") or 0
    query.flag("include_product_metadata")
    found = [
        s
        for s in call.venue.series.values()
        if (not category or s.category == category)
        and (not tags or tags & set(s.tags))
        and (not low or any(e.updated_ns // NS >= low for e in call.venue.events.values() if e.series is s))
    ]
    return Answer(200, {"series": [{**series_view(s), **(_volume(call, s) if volumes else {})} for s in found]})


def _volume(call: Call, series: Series) -> Json:
    """What all markets of a series have traded."""
    of_series = (m for e in call.venue.events.values() if e.series is series for m in e.markets)
    return {"volume_fp": count_text(sum(m.base_volume + m.volume for m in of_series))}


def get_series(call: Call) -> Answer:
    series = call.venue.series.get(call.path["series_ticker"])
    if series is None:
        raise refusal("not_found")
    more = _volume(call, series) if call.query.flag("include_volume") else {}
    return Answer(200, {"series": {**series_view(series), **more}})


def list_events(call: Call) -> Answer:
    query, venue = call.query, call.venue
    limit = query.limit(200, 200)
    status = query.choice("status", ("unopened", "open", "closed", "settled"))
    series, tickers = query.text("series_ticker"), set(query.words("tickers"))
    nested, low = query.flag("with_nested_markets"), query.seconds("min_close_ts") or 0
    query.flag("with_milestones")
    updated = query.seconds("min_updated_ts") or 0
    after = query.cursor()
    numbered = list(enumerate(venue.events.values()))
    found = [
        (number, event)
        for number, event in numbered
        if (after is None or number > after)
        and (not series or event.series.ticker == series)
        and (not tickers or event.ticker in tickers)
        and (not status or any(m.status in STATUS_FILTER[status] for m in event.markets))
        and any(m.close_ns // NS >= low for m in event.markets)
        and event.updated_ns // NS >= updated
    ]
    page = found[:limit]
    cursor = cursor_text(page[-1][0]) if len(found) > limit else ""
    return Answer(200, {"events": [event_view(e, nested=nested) for _n, e in page], "cursor": cursor, "milestones": []})


def get_event(call: Call) -> Answer:
    query = call.query
    nested, bare = query.flag("with_nested_markets"), query.flag("exclude_markets")
    if nested and bare:
        raise bad_query(call.operation, "ExcludeMarkets", "excluded_with")
    event: Event | None = call.venue.events.get(call.path["event_ticker"])
    if event is None:
        raise refusal("not_found")
    shown = [] if nested or bare else [market_view(m) for m in event.markets]
    return Answer(200, {"event": event_view(event, nested=nested), "markets": shown})


def event_metadata(call: Call) -> Answer:
    event: Event | None = call.venue.events.get(call.path["event_ticker"])
    if event is None:
        raise refusal("not_found")
    details = [
        {"market_ticker": m.ticker, "image_url": "/img/market.png", "color_code": "#0A7F5A"} for m in event.markets
    ]
    return Answer(200, {"image_url": "/img/event.png", "market_details": details, "settlement_sources": SOURCES})


def _get(template: str, operation: str, handler: Any) -> Route:
    return Route(method="GET", template=template, operation=operation, handler=handler, public=True)


ROUTES: tuple[Route, ...] = (
    _get("/exchange/status", "GetExchangeStatus", exchange_status),
    _get("/exchange/schedule", "GetExchangeSchedule", exchange_schedule),
    _get("/exchange/user_data_timestamp", "GetUserDataTimestamp", user_data_timestamp),
    _get("/markets", "GetMarkets", list_markets),
    _get("/markets/trades", "GetTrades", get_trades),
    _get("/markets/orderbooks", "GetMarketOrderbooks", get_orderbooks),
    _get("/markets/{ticker}", "GetMarket", get_market),
    _get("/markets/{ticker}/orderbook", "GetMarketOrderbook", get_orderbook),
    _get("/series", "GetSeriesList", list_series),
    _get("/series/{series_ticker}", "GetSeries", get_series),
    _get("/events", "GetEvents", list_events),
    _get("/events/{event_ticker}", "GetEvent", get_event),
    _get("/events/{event_ticker}/metadata", "GetEventMetadata", event_metadata),
)
