"""MarketMaker: quotes both sides of a market with post-only orders and leans against its inventory.

A wide spread is improved by one tick, a narrow one joined. Each full `skew_step` held moves both quotes one tick
against the position, and a side that would grow the position beyond `inventory` is not quoted.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.amounts import Count, Price, contracts, count_text, price_text
from core.domain.enums import BookSide
from core.strategy.base import MarketView, Quote

WIDE_TICKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerParameters:
    """Bounds of the maker, in contracts (Count) and Price units."""

    size: Count = contracts(5)
    inventory: Count = contracts(40)
    skew_step: Count = contracts(10)
    lowest: Price = Price(200)
    highest: Price = Price(9_800)


class MarketMaker:
    """The default strategy."""

    name = "maker"

    def __init__(self, parameters: MakerParameters | None = None) -> None:
        self.parameters = parameters or MakerParameters()

    def quotes(self, view: MarketView) -> tuple[Quote, ...]:
        """Wished quotes; none when one side of the book is empty: no middle is invented."""
        p = self.parameters
        bid, ask = view.best_bid, view.best_ask
        if bid is None or ask is None or bid >= ask:
            return ()
        if self._ticks(view, bid, ask) >= WIDE_TICKS:
            bid, ask = view.grid.up(bid) or bid, view.grid.down(ask) or ask
        skew = view.position // p.skew_step if view.position >= 0 else -(-view.position // p.skew_step)
        wished = (
            (BookSide.BID, self._lean(view, bid, max(0, skew), down=True)),
            (BookSide.ASK, self._lean(view, ask, max(0, -skew), down=False)),
        )
        quotes = []
        for side, price in wished:
            room = p.inventory - view.position * side.sign
            count = Count(min(p.size, room))
            if price is not None and p.lowest <= price <= p.highest and count > 0:
                quotes.append(Quote(ticker=view.ticker, side=side, price=price, count=count))
        return tuple(quotes)

    def why_not(self, view: MarketView, side: BookSide) -> str:
        """The bound that keeps this side without a quote."""
        p = self.parameters
        if view.best_bid is None or view.best_ask is None:
            missing = "a bid" if view.best_bid is None else "an ask"
            return f"nobody else shows {missing}: no middle is invented"
        if view.best_bid >= view.best_ask:
            return "the prices of others cross"
        if any(quote.side is side for quote in self.quotes(view)):
            return ""
        held = view.position * side.sign
        if held >= p.inventory:
            return f"holds {count_text(Count(held))} that way, its inventory is {count_text(p.inventory)}"
        return f"its price would leave {price_text(p.lowest)}-{price_text(p.highest)}"

    @staticmethod
    def _ticks(view: MarketView, bid: Price, ask: Price) -> int:
        """Ticks between bid and ask, counted up to WIDE_TICKS."""
        price: Price | None = bid
        for ticks in range(WIDE_TICKS):
            if price is None or price >= ask:
                return ticks
            price = view.grid.up(price)
        return WIDE_TICKS

    @staticmethod
    def _lean(view: MarketView, price: Price, ticks: int, *, down: bool) -> Price | None:
        moved: Price | None = price
        for _ in range(ticks):
            if moved is None:
                return None
            moved = view.grid.down(moved) if down else view.grid.up(moved)
        return moved
