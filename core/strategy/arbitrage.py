"""EventArbitrage: all markets of a mutually exclusive event against one dollar, after fees.

At most one of them comes true. Selling YES in every one brings the sum of the bids and costs at most $1 at the end:
where the bids less fees come to more than that, it is earned whatever happens. Buying YES in every one brings $1 only
if one of them must come true, which the exchange does not promise: that side is off until `exhaustive` says so.

The legs leave together as immediate orders, and one may fill while another does not. What is then too much in one leg
is closed at the best price there: a leg alone is a bet.
"""

from __future__ import annotations

from typing import Annotated, Any

from core.domain.amounts import PRICE_SCALE, Count, Price, contracts, count_text, price_text
from core.domain.enums import BookSide
from core.strategy.base import Decision, MarketView, Strategy, Take
from core.strategy.parameters import Parameters, bounded

MOST = contracts(100_000)


class ArbitrageParameters(Parameters, frozen=True, kw_only=True):
    size: Annotated[int, bounded("contracts", 1, MOST, "contracts a leg at most")] = contracts(5)
    inventory: Annotated[int, bounded("contracts", 1, MOST, "position a leg at most")] = contracts(40)
    edge: Annotated[int, bounded("dollars", 0, 5_000, "what a whole set must earn after fees")] = 20
    exhaustive: Annotated[int, bounded("whole", 0, 1, "1: one of the markets must come true")] = 0


class EventArbitrage(Strategy):
    name = "arbitrage"
    text = "sells every market of an exclusive event when together they cost more than a dollar after fees"
    kind = ArbitrageParameters
    parameters: ArbitrageParameters
    whole_events = True

    def decide(self, view: MarketView, memory: Any) -> Decision:
        legs = view.siblings
        if not legs:
            why = "no mutually exclusive event with every market tradable and watched"
            return Decision(said="no event", no_bid=why, no_ask=why, memory=memory)
        if view.ticker != legs[0].ticker:
            why = f"decided with {legs[0].ticker}"
            return Decision(said=why, no_bid=why, no_ask=why, memory=memory)
        uneven = self._uneven(legs)
        if uneven:
            return Decision(takes=uneven, said="legs are uneven: closing what is too much", memory=memory)
        for side in (BookSide.ASK, BookSide.BID):
            if side is BookSide.BID and not self.parameters.exhaustive:
                continue
            takes, said = self._set(legs, side)
            if takes:
                return Decision(takes=takes, said=said, memory=memory)
        why = "a whole set earns nothing after fees"
        return Decision(said=why, no_bid=why, no_ask=why, memory=memory)

    def _set(self, legs: tuple[MarketView, ...], side: BookSide) -> tuple[tuple[Take, ...], str]:
        """One order a leg where a whole set earns its edge."""
        p = self.parameters
        tops = [(leg.bids if side is BookSide.ASK else leg.asks)[:1] for leg in legs]
        if not all(tops):
            return (), ""
        best = [top[0] for top in tops]
        room = min(p.inventory - leg.position * side.sign for leg in legs)
        count = Count(min(p.size, room, *(there for _price, there in best)))
        if count <= 0:
            return (), ""
        total = sum(price for price, _there in best)
        fees = sum(leg.fee(price, count) for leg, (price, _there) in zip(legs, best, strict=True))
        earned = (PRICE_SCALE - total) * side.sign * count - fees
        if earned < p.edge * count:
            return (), ""
        takes = tuple(
            Take(ticker=leg.ticker, side=side, price=price, count=count)
            for leg, (price, _there) in zip(legs, best, strict=True)
        )
        act = "sell" if side is BookSide.ASK else "buy"
        cents = price_text(Price(total), fine=True)
        return takes, f"{act} {count_text(count)} of {len(legs)} markets that together cost {cents}"

    @staticmethod
    def _uneven(legs: tuple[MarketView, ...]) -> tuple[Take, ...]:
        """Orders that bring every leg to what the least filled one holds."""
        held = [leg.position for leg in legs]
        even = min(held) if min(held) > 0 else max(held) if max(held) < 0 else 0
        takes = []
        for leg in legs:
            much = leg.position - even
            side = BookSide.ASK if much > 0 else BookSide.BID
            tops = leg.bids if side is BookSide.ASK else leg.asks
            if much and tops:
                count = Count(min(abs(much), tops[0][1]))
                takes.append(Take(ticker=leg.ticker, side=side, price=tops[0][0], count=count))
        return tuple(takes)
