"""Pricing: the price of an order that names a rule instead of one, from the book as it stands.

JOIN stands with the best of its side, IMPROVE one tick before it without crossing, CROSS goes through the other side as
deep as its size needs and no deeper than the slippage cap below the best.
"""

from __future__ import annotations

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide, PriceRule
from core.market.view import Market
from core.trading.liquidation_plan import SLIPPAGE_CAP


def price_by_rule(market: Market, side: BookSide, count: Count, rule: PriceRule) -> Price | None:
    """The price on the market's grid; None when the book has nothing to take it from."""
    if rule is PriceRule.CROSS:
        return _cross(market, side, count)
    own = market.book.best_bid if side is BookSide.BID else market.book.best_ask
    if own is None or rule is PriceRule.JOIN:
        return own
    other = market.book.best_ask if side is BookSide.BID else market.book.best_bid
    better = market.grid.up(own) if side is BookSide.BID else market.grid.down(own)
    crosses = better is None or (other is not None and (better - other) * side.sign >= 0)
    return own if crosses else better


def _cross(market: Market, side: BookSide, count: Count) -> Price | None:
    levels = market.book.levels(side.opposite)
    if not levels:
        return None
    best, limit, left = levels[0][0], levels[0][0], int(count)
    for price, size in levels:
        if left <= 0 or abs(price - best) > SLIPPAGE_CAP:
            break
        limit, left = price, left - size
    return limit
