"""What a strategy sees and says: a view of each market in, the quotes it would like out. Pure; holds no order.

The same code runs in every mode: it cannot tell live from simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide
from core.domain.ids import Ticker
from core.market.grid import PriceGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """One tradable market: the best prices that are not our own orders, and what we hold there (signed, YES > 0)."""

    ticker: Ticker
    grid: PriceGrid
    best_bid: Price | None
    best_ask: Price | None
    position: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One post-only order the strategy would like to have resting."""

    ticker: Ticker
    side: BookSide
    price: Price
    count: Count


class Strategy(Protocol):
    """Market view to wished quotes; no quote for a side means: have nothing there."""

    name: str

    def quotes(self, view: MarketView) -> tuple[Quote, ...]: ...

    def why_not(self, view: MarketView, side: BookSide) -> str:
        """Why `quotes` has none for `side`, in words for the operator; "" when it has one or gives no reason."""
