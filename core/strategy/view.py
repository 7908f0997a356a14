"""The one place where a MarketView is made: for the live trader, for a replay and for training alike."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from core.domain.amounts import NO_CONTRACTS, NO_MONEY, Count, Money, Price
from core.domain.enums import BookSide
from core.domain.market import MarketInfo
from core.market.view import Market
from core.strategy.base import Levels, MarketView, Quote

BID, ASK = BookSide  # a member looked up on its class costs more than a comparison
DEPTH = 5
PRINTS = 20
MS_PER_S = 1_000
NS_PER_S = 1_000_000_000

Own = Iterable[tuple[BookSide, Price, int]]


def market_view(
    market: Market,
    *,
    now_ns: int,
    at_ms: int,
    own: Own = (),
    resting: tuple[Quote, ...] = (),
    position: Count = NO_CONTRACTS,
    cost: Money = NO_MONEY,
    cash: Money = NO_MONEY,
    portfolio: Money = NO_MONEY,
    siblings: tuple[MarketView, ...] = (),
) -> MarketView:
    """`own` is every order of the account in this book, whoever wished for it: (side, price, contracts)."""
    info: MarketInfo = market.info
    our_bids: dict[Price, int] = {}
    our_asks: dict[Price, int] = {}
    for side, price, count in own:
        mine = our_bids if side is BID else our_asks
        mine[price] = mine.get(price, 0) + count
    bids, asks = _others(market, BID, our_bids), _others(market, ASK, our_asks)
    return MarketView(
        ticker=info.ticker,
        grid=market.grid,
        best_bid=bids[0][0] if bids else None,
        best_ask=asks[0][0] if asks else None,
        position=position,
        at_ms=at_ms,
        event_ticker=info.event_ticker,
        fees=info.fees,
        bids=bids,
        asks=asks,
        prints=tuple(islice(reversed(market.tape), PRINTS))[::-1],
        last_price=market.last_price,
        cost=cost,
        resting=resting,
        closes_in_s=max(0, (info.close_ms - at_ms) // MS_PER_S) if info.close_ms > 0 else -1,
        book_age_s=(now_ns - market.book.updated_ns) // NS_PER_S,
        cash=cash,
        portfolio=portfolio,
        siblings=siblings,
    )


def _others(market: Market, side: BookSide, mine: dict[Price, int]) -> Levels:
    """The best levels where somebody else's contracts rest, without ours."""
    if not mine:
        return market.book.levels(side, DEPTH)
    found = []
    for price, count in market.book.levels(side, DEPTH + len(mine)):
        left = count - mine.get(price, 0)
        if left > 0:
            found.append((price, Count(left)))
    return tuple(found[:DEPTH])
