"""MarketMaker: Avellaneda and Stoikov's quoting, on a price that ends at 0 or 1 and with the exchange's fees.

Theory. A maker who holds q values the market not at its middle s but at the reservation price r = s - q * gamma *
sigma^2 * (time left), and asks half a spread beyond it on each side for the risk of holding. Here the price is a
probability p: what is left to be learned until the close is p * (1 - p), whatever the time, and takes the place of
sigma^2 * (time left). So inventory weighs most at even odds and nothing near certainty. `skew_step` says gamma in a
trader's words: so many contracts move r by a cent at even odds; a market that moves faster than usual counts more.

A quote must pay: it stays `edge` plus the maker's fee plus a share of one second's movement away from r. It joins the
best price of others, improves a wide spread by one tick, and never goes further than that buys anything. All integers.
"""

from __future__ import annotations

from math import isqrt
from typing import Annotated, Any

import msgspec

from core.domain.amounts import COUNT_SCALE, PRICE_SCALE, Count, Price, contracts, count_text, price_text
from core.domain.enums import BookSide
from core.domain.ids import Ticker
from core.strategy.base import Decision, MarketView, Quote, Strategy
from core.strategy.parameters import Parameters, bounded

WIDE_TICKS = 3
CENT = 100
# A second's movement of this variance (Price units squared) is usual; the most that a fast market counts beyond it.
USUAL_VARIANCE = 400
FASTEST = 4
SMOOTHING = 16
SHORTEST_MS = 250
MOST = contracts(100_000)


class MakerParameters(Parameters, frozen=True, kw_only=True):
    """Sizes in contracts (Count), prices in dollars (Price)."""

    size: Annotated[int, bounded("contracts", 1, MOST, "contracts a quote")] = contracts(5)
    inventory: Annotated[int, bounded("contracts", 1, MOST, "held that way, a side is not quoted")] = contracts(40)
    skew_step: Annotated[int, bounded("contracts", 1, MOST, "held, they move the quotes by a cent")] = contracts(10)
    edge: Annotated[int, bounded("dollars", 0, 2_000, "least distance of a quote from its value, beyond fees")] = 25
    caution: Annotated[int, bounded("percent", 0, 1_000, "share of unusual movement a second added to it")] = 50
    lowest: Annotated[int, bounded("dollars", 1, 9_999, "no quote below this price")] = 200
    highest: Annotated[int, bounded("dollars", 1, 9_999, "no quote above this price")] = 9_800


class MakerMemory(msgspec.Struct, frozen=True):
    """What is remembered of a market: twice its middle when last seen, and how much it moves (variance a second)."""

    middle2: int = 0
    at_ms: int = 0
    variance: int = USUAL_VARIANCE

    def seen(self, middle2: int, at_ms: int) -> MakerMemory:
        if not self.at_ms:
            return MakerMemory(middle2, at_ms, self.variance)
        passed_ms = at_ms - self.at_ms
        if passed_ms < SHORTEST_MS:
            return self
        moved = (middle2 - self.middle2) ** 2 * 1_000 // (4 * passed_ms)
        return MakerMemory(middle2, at_ms, self.variance + (moved - self.variance) // SMOOTHING)


class MarketMaker(Strategy):
    """The default strategy."""

    name = "maker"
    text = "quotes both sides, leans against its inventory, keeps its edge after fees"
    kind = MakerParameters
    parameters: MakerParameters

    def begin(self, ticker: Ticker) -> MakerMemory:
        return MakerMemory()

    def decide(self, view: MarketView, memory: Any) -> Decision:
        """Quotes for both sides; none when one side of the book is empty: no middle is invented."""
        p = self.parameters
        bid, ask = view.best_bid, view.best_ask
        if bid is None or ask is None:
            why = f"nobody else shows {'a bid' if bid is None else 'an ask'}: no middle is invented"
            return Decision(said="no quotes", no_bid=why, no_ask=why, memory=memory)
        if bid >= ask:
            why = "the prices of others cross"
            return Decision(said="no quotes", no_bid=why, no_ask=why, memory=memory)
        memory = memory.seen(bid + ask, view.at_ms)
        middle = (bid + ask) // 2
        value = middle - self._skew(view.position, middle, memory.variance)
        away = p.edge + _fee(view, middle) + _restless(memory.variance) * p.caution // 100
        wished = {
            BookSide.BID: self._bid(view, bid, ask, value - away),
            BookSide.ASK: self._ask(view, bid, ask, value + away),
        }
        quotes, no = [], {}
        for side, price in wished.items():
            held = view.position * side.sign
            count = Count(min(p.size, p.inventory - held))
            if count <= 0:
                no[side] = (
                    f"holds {count_text(Count(held))} that way, its inventory is {count_text(Count(p.inventory))}"
                )
            elif price is None or not p.lowest <= price <= p.highest:
                no[side] = f"its price would leave {price_text(Price(p.lowest))}-{price_text(Price(p.highest))}"
            else:
                quotes.append(Quote(ticker=view.ticker, side=side, price=price, count=count))
        said = f"value {price_text(Price(value), fine=True)}, {away} off it"
        return Decision(quotes=tuple(quotes), said=said, no_bid=no.get(BookSide.BID, ""),
                        no_ask=no.get(BookSide.ASK, ""), memory=memory)  # fmt: skip

    def _skew(self, position: Count, middle: int, variance: int) -> int:
        """How far the position moves the value, in Price units."""
        step = self.parameters.skew_step
        odds = 4 * middle * (PRICE_SCALE - middle)  # PRICE_SCALE squared at even odds
        fast = min(max(variance, USUAL_VARIANCE), FASTEST * USUAL_VARIANCE)
        exact = abs(position) * CENT * odds * fast // (step * PRICE_SCALE * PRICE_SCALE * USUAL_VARIANCE)
        return exact if position >= 0 else -exact

    def _bid(self, view: MarketView, bid: Price, ask: Price, limit: int) -> Price | None:
        """The highest price worth bidding: not above `limit`, and no further than one tick before the best bid."""
        better = view.grid.up(bid)
        eager = view.position < 0 and better is not None and better < ask
        best = better if better is not None and (eager or _wide(view, bid, ask)) else bid
        return view.grid.floor(min(best, limit))

    def _ask(self, view: MarketView, bid: Price, ask: Price, limit: int) -> Price | None:
        better = view.grid.down(ask)
        eager = view.position > 0 and better is not None and better > bid
        best = better if better is not None and (eager or _wide(view, bid, ask)) else ask
        return view.grid.ceil(max(best, limit))


def _fee(view: MarketView, price: int) -> int:
    """The maker's fee of one contract in Price units, rounded up."""
    return -(-view.fee(price, COUNT_SCALE, maker=True) // COUNT_SCALE)


def _restless(variance: int) -> int:
    """What the market moves in a second beyond the usual, in Price units."""
    return max(0, isqrt(variance) - isqrt(USUAL_VARIANCE))


def _wide(view: MarketView, bid: Price, ask: Price) -> bool:
    """Whether bid and ask are at least WIDE_TICKS apart."""
    price: Price | None = bid
    for _ in range(WIDE_TICKS):
        if price is None or price >= ask:
            return False
        price = view.grid.up(price)
    return True
