"""Eye: what a trader would know of a simulated venue, from the venue's own events, without sockets between.

The same market room as the live trader's, fed with the same facts; only the wire is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide
from core.domain.events import BookReplaced, MarketChanged, TradePrinted
from core.domain.ids import EventTicker, SeriesTicker, Ticker, TradeId
from core.domain.market import FeeSchedule, MarketInfo, PriceBand
from core.market.view import Markets
from core.sim.events import BookMoved, MarketMoved, Traded, VenueEvent
from core.sim.model import Market, Trade

NS_PER_MS = 1_000_000
THOUSANDTHS = 1_000


class Eye:
    """Markets as a watching client has them. `look` must get every event, in order."""

    def __init__(self, watched: Iterable[Market], now_ns: int) -> None:
        self.markets = Markets()
        self._watched = {market.ticker: market for market in watched}
        self.markets.learn(tuple(info_of(market, now_ns) for market in self._watched.values()))
        for market in self._watched.values():
            self.markets.apply(_whole(market), now_ns)
        self.markets.watched = tuple(Ticker(t) for t in self._watched)

    def look(self, events: Iterable[VenueEvent]) -> None:
        """Take what happened at the venue."""
        markets, watched = self.markets, self._watched
        change = markets.change
        for event in events:
            if isinstance(event, BookMoved):
                ticker = event.market.ticker
                if ticker in watched:
                    change(ticker, event.side, event.price, event.delta, event.clock, event.at_ns)  # type: ignore[arg-type]
            elif isinstance(event, Traded):
                if event.trade.market.ticker in watched:
                    markets.apply(_print(event.trade), event.trade.at_ns)
            elif isinstance(event, MarketMoved) and event.market.ticker in watched:
                markets.apply(_step(event.market), event.market.updated_ns)
        markets.end_batch()


def _print(trade: Trade) -> TradePrinted:
    return TradePrinted(
        ticker=Ticker(trade.market.ticker), trade_id=TradeId(trade.trade_id), price=trade.price, count=trade.count,
        taker_side=trade.taker_side, exchange_ms=trade.at_ns // NS_PER_MS,
    )  # fmt: skip


def _step(market: Market) -> MarketChanged:
    return MarketChanged(ticker=Ticker(market.ticker), status=market.status, close_ms=market.close_ns // NS_PER_MS)


def info_of(market: Market, now_ns: int) -> MarketInfo:
    """What the exchange's list says of a market."""
    rule = market.fee(now_ns)
    return MarketInfo(
        ticker=Ticker(market.ticker),
        event_ticker=EventTicker(market.event.ticker),
        series_ticker=SeriesTicker(market.event.series.ticker),
        title=market.title,
        status=market.status,
        close_ms=market.close_ns // NS_PER_MS,
        bands=tuple(PriceBand(start=Price(b.start), end=Price(b.end), step=Price(b.step)) for b in market.bands),
        best_bid=market.book.bids.best,
        best_ask=market.book.asks.best,
        last_price=market.last_price,
        volume_24h=Count(market.base_volume_24h + market.volume),
        open_interest=Count(market.open_interest),
        mutually_exclusive=market.event.mutually_exclusive,
        fees=FeeSchedule(taker_rate=-(-rule.rate(True) // THOUSANDTHS), maker_rate=-(-rule.rate(False) // THOUSANDTHS)),
    )


def _whole(market: Market) -> BookReplaced:
    sides = {side: tuple(market.book.side(side).levels()) for side in BookSide}
    return BookReplaced(
        ticker=Ticker(market.ticker), bids=sides[BookSide.BID], asks=sides[BookSide.ASK], seq=market.clock
    )
