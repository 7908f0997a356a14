"""Events, markets and series as the exchange lists them, to MarketInfo. Pure.

A market is public matter: one that cannot be taken is left out and counted, it does not cost the others.
Fee rates are for estimates; what a fill cost is always what the fill says.
"""

from __future__ import annotations

import msgspec

from core.domain.amounts import PRICE_SCALE, Price
from core.domain.enums import MarketStatus
from core.domain.errors import RefusedInput
from core.domain.ids import EventTicker, SeriesTicker, Ticker
from core.domain.market import FeeSchedule, MarketInfo, PriceBand
from core.domain.text import clean_text
from core.exchange import wire
from core.exchange.wire_rest import Wire, cursor

_NULL = msgspec.Raw(b"null")
_MULTIPLIER_SCALE = 1_000_000

# Taker and maker rate in 1/10,000 of C * P * (1 - P), before the multiplier: 0.07, and a quarter or half of it.
_FEE_RATES = {
    "quadratic": (700, 0),
    "quadratic_with_maker_fees": (700, 175),
    "quadratic_with_combo_maker_fees": (700, 350),
}
_STATUSES = {status.value: status for status in MarketStatus}


class _Range(Wire, frozen=True):
    start: str
    end: str
    step: str


class _Market(Wire, frozen=True):
    ticker: str
    event_ticker: str
    status: str
    close_time: str
    yes_bid_dollars: str
    yes_ask_dollars: str
    last_price_dollars: str
    volume_24h_fp: str
    open_interest_fp: str
    price_ranges: list[_Range]
    yes_sub_title: str = ""
    title: str = ""
    exchange_index: int = 0
    settlement_value_dollars: str | None = None


class _Event(Wire, frozen=True):
    event_ticker: str
    series_ticker: str
    title: str
    mutually_exclusive: bool
    markets: list[msgspec.Raw] | None = None
    fee_type_override: str | None = None
    fee_multiplier_override: msgspec.Raw = _NULL


class _Events(Wire, frozen=True):
    events: list[_Event]
    cursor: str | None = None


class _Series(Wire, frozen=True):
    ticker: str
    fee_type: str
    fee_multiplier: msgspec.Raw


class _SeriesReply(Wire, frozen=True):
    series: _Series


_MARKET = msgspec.json.Decoder(_Market)
_EVENTS = msgspec.json.Decoder(_Events)
_SERIES = msgspec.json.Decoder(_SeriesReply)


class FeeTerms(msgspec.Struct, frozen=True):
    """Fee words of a series or an event: type and multiplier in millionths; None where nothing is said."""

    fee_type: str | None
    multiplier: int | None


class ListedMarket(msgspec.Struct, frozen=True):
    """A market without its fees, and the words of its event that win over its series'."""

    info: MarketInfo
    override: FeeTerms


class EventsPage(msgspec.Struct, frozen=True):
    markets: list[ListedMarket]
    refused: int
    cursor: str


def events(body: bytes) -> EventsPage:
    """One page of events with their markets; markets that cannot be taken are counted in `refused`."""
    page = wire.decode(_EVENTS, body, "events")
    listed: list[ListedMarket] = []
    refused = 0
    for event in page.events:
        for raw in event.markets or ():
            try:
                listed.append(_listed(event, raw))
            except RefusedInput:
                refused += 1
    return EventsPage(markets=listed, refused=refused, cursor=cursor(page.cursor))


def series_terms(body: bytes) -> FeeTerms:
    """The fee words of one series."""
    series = wire.decode(_SERIES, body, "series").series
    return FeeTerms(fee_type=series.fee_type, multiplier=_multiplier(series.fee_multiplier))


def fee_schedule(series: FeeTerms | None, override: FeeTerms) -> FeeSchedule | None:
    """Rates after the multiplier, rounded up; the event's words win. None where type or multiplier is not known."""
    fee_type = override.fee_type or (series.fee_type if series else None)
    multiplier = override.multiplier
    if multiplier is None and series is not None:
        multiplier = series.multiplier
    rates = _FEE_RATES.get(fee_type or "")
    if rates is None or multiplier is None:
        return None
    taker, maker = (-(-rate * multiplier // _MULTIPLIER_SCALE) for rate in rates)
    return FeeSchedule(taker_rate=taker, maker_rate=maker)


def _multiplier(raw: msgspec.Raw) -> int | None:
    """The number's own text, so that 0.5 is exactly one half."""
    text = bytes(raw).decode("utf-8", "replace").strip()
    if text in ("", "null"):
        return None
    return wire.fixed(text.strip('"'), 6, "fee_multiplier")


def _listed(event: _Event, raw: msgspec.Raw) -> ListedMarket:
    row = wire.decode(_MARKET, bytes(raw), "market")
    if row.event_ticker != event.event_ticker:
        raise RefusedInput("event_ticker: market listed under another event")
    bid = wire.price(row.yes_bid_dollars, "yes_bid_dollars")
    ask = wire.price(row.yes_ask_dollars, "yes_ask_dollars")
    last = wire.price(row.last_price_dollars, "last_price_dollars")
    info = MarketInfo(
        ticker=Ticker(wire.identifier(row.ticker, "ticker")),
        event_ticker=EventTicker(wire.identifier(row.event_ticker, "event_ticker")),
        series_ticker=SeriesTicker(wire.identifier(event.series_ticker, "series_ticker")),
        title=_title(event, row),
        status=_STATUSES.get(row.status, MarketStatus.UNKNOWN),
        close_ms=wire.time_ms(row.close_time, "close_time"),
        bands=tuple(_band(band) for band in row.price_ranges),
        # "No bid: 0.0000. No ask: 1.0000."
        best_bid=bid if bid > 0 else None,
        best_ask=ask if 0 < ask < PRICE_SCALE else None,
        last_price=last if last > 0 else None,
        volume_24h=wire.count(row.volume_24h_fp, "volume_24h_fp"),
        open_interest=wire.count(row.open_interest_fp, "open_interest_fp"),
        mutually_exclusive=event.mutually_exclusive,
        exchange_index=row.exchange_index,
        settlement_value=(
            wire.price(row.settlement_value_dollars, "settlement_value_dollars")
            if row.settlement_value_dollars
            else None
        ),
    )
    override = FeeTerms(fee_type=event.fee_type_override, multiplier=_multiplier(event.fee_multiplier_override))
    return ListedMarket(info=info, override=override)


def _title(event: _Event, row: _Market) -> str:
    own = clean_text(row.title)
    if own:
        return own
    outcome = clean_text(row.yes_sub_title)
    return clean_text(f"{event.title}: {outcome}" if outcome else event.title)


def _band(row: _Range) -> PriceBand:
    start, end = wire.price(row.start, "price_ranges.start"), wire.price(row.end, "price_ranges.end")
    step = wire.price(row.step, "price_ranges.step")
    if not (start < end and step > 0):
        raise RefusedInput("price_ranges: empty band or step")
    return PriceBand(start=start, end=end, step=Price(step))
