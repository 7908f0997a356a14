"""The one place where a MarketView is made: for the live trader, for a replay and for training alike."""

from __future__ import annotations

from collections.abc import Iterable

from core.domain.amounts import NO_CONTRACTS, NO_MONEY, Count, Money, Price
from core.domain.enums import BookSide
from core.domain.market import MarketInfo
from core.market.view import Market
from core.strategy.base import Levels, MarketView, Quote

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
    mine: dict[tuple[BookSide, Price], int] = {}
    for side, price, count in own:
        mine[side, price] = mine.get((side, price), 0) + count
    bids, asks = _others(market, BookSide.BID, mine), _others(market, BookSide.ASK, mine)
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
        prints=tuple(market.tape)[-PRINTS:],
        last_price=market.last_price,
        cost=cost,
        resting=resting,
        closes_in_s=max(0, (info.close_ms - at_ms) // MS_PER_S) if info.close_ms > 0 else -1,
        book_age_s=(now_ns - market.book.updated_ns) // NS_PER_S,
        cash=cash,
        portfolio=portfolio,
        siblings=siblings,
    )


def _others(market: Market, side: BookSide, mine: dict[tuple[BookSide, Price], int]) -> Levels:
    """The best levels where somebody else's contracts rest, without ours."""
    if not mine:
        return market.book.levels(side, DEPTH)
    found = []
    for price, count in market.book.levels(side, DEPTH + len(mine)):
        left = count - mine.get((side, price), 0)
        if left > 0:
            found.append((price, Count(left)))
    return tuple(found[:DEPTH])
