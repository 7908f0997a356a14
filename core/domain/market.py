"""What the exchange tells about a market, cleaned and typed: no JSON names, no float amounts.

Prices are YES prices. `bands` is the price grid as the exchange gives it (`price_ranges`), which is the truth;
the structure's label is only a hint.
"""

from __future__ import annotations

import msgspec

from core.domain.amounts import Count, Price
from core.domain.enums import MarketStatus
from core.domain.ids import EventTicker, SeriesTicker, Ticker


class PriceBand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Prices from `start` to `end` lie on multiples of `step` from `start`; bands share their boundary price."""

    start: Price
    end: Price
    step: Price


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Fee of a fill = rate * C * P * (1 - P); rates in 1/10,000 after the multiplier. For estimates only."""

    taker_rate: int
    maker_rate: int


class MarketInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One market as last read. `close_ms` is Unix milliseconds: the exchange announces no scheduled close.
    `settlement_value` is what one YES contract of a decided market pays.
    """

    ticker: Ticker
    event_ticker: EventTicker
    series_ticker: SeriesTicker
    title: str
    status: MarketStatus
    close_ms: int
    bands: tuple[PriceBand, ...]
    best_bid: Price | None = None
    best_ask: Price | None = None
    last_price: Price | None = None
    volume_24h: Count = Count(0)
    open_interest: Count = Count(0)
    mutually_exclusive: bool = False
    exchange_index: int = 0
    fees: FeeSchedule | None = None
    settlement_value: Price | None = None


class MarketListing(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange's list of markets and the wall time (Unix ns) it was read at, 0 for never. Status and close time
    of each are followed since; best prices, volume and open interest are as they were listed.
    """

    markets: tuple[MarketInfo, ...] = ()
    read_at: int = 0
