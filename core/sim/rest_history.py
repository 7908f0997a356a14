"""REST, what has been: candlesticks, and the archive that older markets, trades, orders, fills and positions move to.

Data is live for about three months; after that it is found under `/historical` only. Resting orders and unsettled
positions never move.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from core.sim.candles import Candle, Span
from core.sim.errors import bad_query, refusal
from core.sim.model import Event, Market
from core.sim.query import Query
from core.sim.rest_portfolio import get_fills, get_orders, get_positions
from core.sim.rest_public import get_market, get_trades, list_markets
from core.sim.routes import Answer, Call, Route
from core.sim.text import INT64, NS, count_text, price_text, time_text
from core.sim.views import Json

PERIODS = (1, 60, 1440)
MOST_CANDLES = 10_000
MOST_MARKETS = 100
PRICE_PARTS = ("open", "low", "high", "close")


def cutoff(call: Call) -> Answer:
    at = time_text(call.venue.archive_ns)
    names = ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts")
    return Answer(200, dict.fromkeys(names, at))


def _window(query: Query) -> tuple[int, int, int]:
    """Start, end and period: all three are required."""
    found = []
    for name in ("start_ts", "end_ts", "period_interval"):
        value = query.number(name, 0, INT64 // NS - 1)
        if value is None:
            raise bad_query(query.operation, "".join(p.capitalize() for p in name.split("_")), "required")
        found.append(value)
    start, end, period = found
    if period not in PERIODS:
        raise bad_query(query.operation, "PeriodInterval", "oneof")
    if end < start:
        raise bad_query(query.operation, "EndTs", "gtefield")
    return start, end, period


def _span(span: Span, suffix: str) -> Json:
    return {part + suffix: price_text(getattr(span, part)) for part in PRICE_PARTS}


def _view(candle: Candle, *, old: bool) -> Json:
    """The archive names its fields without units, the live endpoints with them."""
    dollars, fixed = ("", "") if old else ("_dollars", "_fp")
    price: Json = {part + dollars: None for part in PRICE_PARTS}
    if candle.price is not None:
        price = _span(candle.price, dollars)
        if not old:
            price |= {"min_dollars": price_text(candle.price.low), "max_dollars": price_text(candle.price.high)}
    mean, previous = candle.mean, candle.previous
    price["mean" + dollars] = None if mean is None else price_text(mean)
    price["previous" + dollars] = None if previous is None else price_text(previous)
    return {
        "end_period_ts": candle.end_s,
        "yes_bid": _span(candle.bid, dollars),
        "yes_ask": _span(candle.ask, dollars),
        "price": price,
        "volume" + fixed: count_text(candle.volume),
        "open_interest" + fixed: count_text(candle.open_interest),
    }


def _candles(call: Call, market: Market, window: tuple[int, int, int], *, old: bool = False) -> list[Json]:
    start, end, period = window
    kept = call.venue.candles
    found = kept.between(market.ticker, start, end, period)
    if call.query.flag("include_latest_before_start"):
        before = kept.last_before(market.ticker, start, period)
        found = [before, *found] if before is not None else found
    return [_view(candle, old=old) for candle in found]


def _market(call: Call, ticker: str) -> Market:
    market = call.venue.markets.get(ticker)
    if market is None:
        raise refusal("not_found")
    return market


def market_candles(call: Call) -> Answer:
    window = _window(call.query)
    market = _market(call, call.path["ticker"])
    if market.event.series.ticker != call.path["series_ticker"]:
        raise refusal("not_found")
    return Answer(200, {"ticker": market.ticker, "candlesticks": _candles(call, market, window)})


def historical_candles(call: Call) -> Answer:
    window = _window(call.query)
    market = _market(call, call.path["ticker"])
    if not call.venue.archived(market):
        raise refusal("not_found")
    return Answer(200, {"ticker": market.ticker, "candlesticks": _candles(call, market, window, old=True)})


def batch_candles(call: Call) -> Answer:
    window = _window(call.query)
    tickers = call.query.words("market_tickers", most=MOST_MARKETS)
    if not tickers:
        raise bad_query(call.operation, "MarketTickers", "required")
    markets = [call.venue.markets[t] for t in dict.fromkeys(tickers) if t in call.venue.markets]
    rows = [{"market_ticker": m.ticker, "candlesticks": _candles(call, m, window)} for m in markets]
    if sum(len(row["candlesticks"]) for row in rows) > MOST_CANDLES:
        raise bad_query(call.operation, "MarketTickers", "max_candlesticks")
    return Answer(200, {"markets": rows})


def event_candles(call: Call) -> Answer:
    window = _window(call.query)
    event: Event | None = call.venue.events.get(call.path["ticker"])
    if event is None or event.series.ticker != call.path["series_ticker"]:
        raise refusal("not_found")
    body = {
        "market_tickers": [m.ticker for m in event.markets],
        "market_candlesticks": [_candles(call, m, window) for m in event.markets],
        "adjusted_end_ts": min(window[1], call.now_ns // NS),
    }
    return Answer(200, body)


def _get(template: str, operation: str, handler: Any, *, public: bool = True) -> Route:
    return Route(method="GET", template=template, operation=operation, handler=handler, public=public)


_SERIES, _OLD = "/series/{series_ticker}", "/historical"
ROUTES: tuple[Route, ...] = (
    _get(f"{_SERIES}/markets/{{ticker}}/candlesticks", "GetMarketCandlesticks", market_candles),
    _get(f"{_SERIES}/events/{{ticker}}/candlesticks", "GetEventCandlesticks", event_candles),
    _get("/markets/candlesticks", "BatchGetMarketCandlesticks", batch_candles),
    _get(f"{_OLD}/cutoff", "GetHistoricalCutoff", cutoff),
    _get(f"{_OLD}/markets", "GetHistoricalMarkets", partial(list_markets, old=True)),
    _get(f"{_OLD}/markets/{{ticker}}", "GetHistoricalMarket", partial(get_market, old=True)),
    _get(f"{_OLD}/markets/{{ticker}}/candlesticks", "GetHistoricalMarketCandlesticks", historical_candles),
    _get(f"{_OLD}/trades", "GetHistoricalTrades", partial(get_trades, old=True)),
    _get(f"{_OLD}/fills", "GetHistoricalFills", partial(get_fills, old=True), public=False),
    _get(f"{_OLD}/orders", "GetHistoricalOrders", partial(get_orders, old=True), public=False),
    _get(f"{_OLD}/positions", "GetHistoricalPositions", partial(get_positions, old=True), public=False),
)
