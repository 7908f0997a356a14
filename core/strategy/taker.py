"""FairValueTaker: takes what is offered clearly on the wrong side of a slow estimate of value, after the taker's fee.

Value is a slow mean of the microprice (the middle weighted by the sizes at the best prices). It bets that what moved
away suddenly comes back; where a price moves for a reason, it loses. It closes what it holds when value is reached.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from core.domain.amounts import COUNT_SCALE, Count, Price, contracts, price_text
from core.domain.enums import BookSide
from core.domain.ids import Ticker
from core.strategy.base import Decision, MarketView, Strategy, Take
from core.strategy.parameters import Parameters, bounded

MOST = contracts(100_000)
FINE = 1 << 16  # value is kept in so many parts of a Price step, or a slow mean would stand still
MS_PER_S = 1_000


class TakerParameters(Parameters, frozen=True, kw_only=True):
    size: Annotated[int, bounded("contracts", 1, MOST, "contracts an order at most")] = contracts(5)
    inventory: Annotated[int, bounded("contracts", 1, MOST, "position at most")] = contracts(40)
    edge: Annotated[int, bounded("dollars", 1, 5_000, "how wrong a price must be beyond the fee")] = 150
    memory: Annotated[int, bounded("seconds", 1, 86_400, "over how long value is averaged")] = 60
    warm: Annotated[int, bounded("seconds", 0, 86_400, "how long it only watches")] = 30


class Value(msgspec.Struct, frozen=True):
    value: int = 0
    at_ms: int = 0
    since_ms: int = 0


class FairValueTaker(Strategy):
    name = "fair-value"
    text = "takes prices that are wrong against a slow mean, after the taker's fee"
    kind = TakerParameters
    parameters: TakerParameters

    def begin(self, ticker: Ticker) -> Value:
        return Value()

    def decide(self, view: MarketView, memory: Any) -> Decision:
        if not view.bids or not view.asks:
            why = "nobody else shows both prices: there is no value to take from"
            return Decision(said="no value", no_bid=why, no_ask=why, memory=memory)
        memory = self._seen(view, memory)
        value = memory.value // FINE
        said = f"value {price_text(Price(value), fine=True)}"
        if view.at_ms - memory.since_ms < self.parameters.warm * MS_PER_S:
            return Decision(said=f"{said}: still watching", no_bid="still watching", no_ask="still watching",
                            memory=memory)  # fmt: skip
        take = self._wrong(view, value) or self._reached(view, value)
        if take is None:
            why = f"{said}: no price is wrong by the edge after the fee"
            return Decision(said=said, no_bid=why, no_ask=why, memory=memory)
        act = "buy" if take.side is BookSide.BID else "sell"
        return Decision(takes=(take,), said=f"{said}: {act} @ {price_text(take.price)}", memory=memory)

    def _seen(self, view: MarketView, memory: Value) -> Value:
        (bid, bids), (ask, asks) = view.bids[0], view.asks[0]
        micro = FINE * (bid * asks + ask * bids) // (bids + asks)
        if not memory.at_ms:
            return Value(micro, view.at_ms, view.at_ms)
        horizon_ms = self.parameters.memory * MS_PER_S
        passed_ms = min(max(0, view.at_ms - memory.at_ms), horizon_ms)  # a clock may be put back
        return Value(memory.value + (micro - memory.value) * passed_ms // horizon_ms, view.at_ms, memory.since_ms)

    def _wrong(self, view: MarketView, value: int) -> Take | None:
        """The best offer that is wrong by the edge and the fee, as far as the inventory has room."""
        p = self.parameters
        for side, (price, there) in ((BookSide.BID, view.asks[0]), (BookSide.ASK, view.bids[0])):
            gain = (value - price) * side.sign - _fee(view, price)
            count = Count(min(p.size, there, p.inventory - view.position * side.sign))
            if gain >= p.edge and count > 0:
                return Take(ticker=view.ticker, side=side, price=price, count=count)
        return None

    def _reached(self, view: MarketView, value: int) -> Take | None:
        """The way out of a position once the price is at value."""
        if not view.position:
            return None
        side = BookSide.ASK if view.position > 0 else BookSide.BID
        price, there = (view.bids if side is BookSide.ASK else view.asks)[0]
        if (price - value) * side.sign > 0:
            return None
        return Take(ticker=view.ticker, side=side, price=price, count=Count(min(abs(view.position), there)))


def _fee(view: MarketView, price: int) -> int:
    """The taker's fee of one contract in Price units, rounded up."""
    return -(-view.fee(price, COUNT_SCALE) // COUNT_SCALE)
