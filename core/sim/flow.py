"""The living markets: seeded house participants who quote, trade and change their minds.

Each market has a fair value that drifts and sometimes jumps, a maker who keeps a ladder on both sides of it and renews
its best quotes (losing their place in the queue), and noise takers who hit whatever is best. They use the same commands
as any member and have accounts of their own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from core.domain.amounts import Count, Price, dollars
from core.domain.enums import BookSide, MarketStatus, OrderStatus, TimeInForce
from core.sim.errors import Refused
from core.sim.grid import at_or_above, at_or_below, tick_above, tick_below
from core.sim.model import MAKER, Market, NewOrder, Order
from core.sim.text import NS_PER_MS
from core.sim.venue import Venue

HOUSE_CASH = dollars(50_000_000)
TAKERS = 3
BUSY_RANKS = 11  # beyond this rank all markets are alike
LOWEST, HIGHEST = 250, 9_750
JUMP_IN = 70  # one maker step in so many jumps
REVERT = 200
TAKER_SIZES = (1, 1, 2, 2, 3, 4, 5, 5, 7, 8, 10, 10, 12, 15, 20, 25, 40, 75)
EVERYONE = (BookSide.BID, BookSide.ASK)


class MarketFlow:
    """The participants' view of one market."""

    def __init__(self, market: Market, chance: Random) -> None:
        self.market = market
        self.rank = min(market.activity, BUSY_RANKS)
        self.fair = int(market.anchor)
        self.levels = chance.randint(6, 10)
        self.width = 100 if self.rank < 4 else chance.choice((100, 150, 200))
        self.quotes: dict[BookSide, dict[int, Order]] = {side: {} for side in EVERYONE}


class Flow:
    """All participants. `advance` does what is due; how much at a time is the caller's choice."""

    def __init__(self, venue: Venue, *, seed: int, start_ns: int) -> None:
        self._venue = venue
        self._chance = Random(f"flow:{seed}")
        self._maker = venue.open_account(HOUSE_CASH, house=True)
        self._takers = [venue.open_account(HOUSE_CASH, house=True) for _ in range(TAKERS)]
        self._due: list[tuple[int, int, bool, MarketFlow]] = []
        self._number = 0
        for market in venue.markets.values():
            one = MarketFlow(market, self._chance)
            self._schedule(start_ns, True, one)
            self._schedule(start_ns + self._chance.randint(1, 600) * NS_PER_MS, False, one)

    def advance(self, now_ns: int, may_go_on: Callable[[], bool] = lambda: True) -> bool:
        """Do everything due by `now_ns` at its own time; False where `may_go_on` stopped it before the end."""
        while self._due and self._due[0][0] <= now_ns:
            if not may_go_on():
                return False
            due_ns, _number, quotes, one = heapq.heappop(self._due)
            if one.market.status is MarketStatus.ACTIVE and due_ns < one.market.close_ns:
                if quotes:
                    self._quote(one, due_ns)
                else:
                    self._take(one, due_ns)
            self._schedule(due_ns + self._pause(one, quotes), quotes, one)
        return True

    def behind_ns(self, now_ns: int) -> int:
        """How late the earliest due action is."""
        return max(0, now_ns - self._due[0][0]) if self._due else 0

    def skip(self, by_ns: int) -> None:
        """Shift the whole schedule: time the machine slept is not traded."""
        self._due = [(due + by_ns, number, quotes, one) for due, number, quotes, one in self._due]

    def _schedule(self, due_ns: int, quotes: bool, one: MarketFlow) -> None:
        self._number += 1
        heapq.heappush(self._due, (due_ns, self._number, quotes, one))

    def _pause(self, one: MarketFlow, quotes: bool) -> int:
        rank = one.rank
        low, high = (220 + 45 * rank, 480 + 110 * rank) if quotes else (500 + 300 * rank, 1_800 + 950 * rank)
        return self._chance.randint(low, high) * NS_PER_MS

    # the maker

    def _quote(self, one: MarketFlow, now_ns: int) -> None:
        self._drift(one)
        bands = one.market.bands
        half = self._half_spread(one)
        bid = at_or_below(bands, one.fair - half)
        ask = at_or_above(bands, one.fair + half)
        for side, top in ((BookSide.BID, bid), (BookSide.ASK, ask)):
            quotes = one.quotes[side]
            for price in [p for p, order in quotes.items() if order.status is not OrderStatus.RESTING]:
                del quotes[price]
            self._withdraw(one, side, self._wanted(one, side, top), now_ns)
        for side, top in ((BookSide.BID, bid), (BookSide.ASK, ask)):
            for depth, price in enumerate(self._wanted(one, side, top)):
                if price not in one.quotes[side]:
                    self._post(one, side, price, depth, now_ns)

    def _drift(self, one: MarketFlow) -> None:
        chance = self._chance
        step = 22 if 1_000 <= one.fair <= 9_000 else 6
        one.fair += chance.randint(-step, step) + (one.market.anchor - one.fair) // REVERT
        if not chance.randrange(JUMP_IN):
            one.fair += chance.choice((-1, 1)) * chance.randint(8, 25) * step
        one.fair = min(max(one.fair, LOWEST), HIGHEST)

    def _half_spread(self, one: MarketFlow) -> int:
        narrow = not 1_000 <= one.fair <= 9_000 and one.market.structure != "linear_cent"
        return 15 + self._chance.randint(0, 12) if narrow else one.width // 2 + self._chance.randint(0, 15)

    def _wanted(self, one: MarketFlow, side: BookSide, top: Price | None) -> list[Price]:
        """Ladder prices, best first, with a few gaps that stay where they are."""
        away = tick_below if side is BookSide.BID else tick_above
        prices: list[Price] = []
        price = top
        while price is not None and len(prices) < one.levels:
            if not prices or (price // 10 * 7 + one.market.index) % 6:
                prices.append(price)
            price = away(one.market.bands, price)
        return prices

    def _withdraw(self, one: MarketFlow, side: BookSide, wanted: list[Price], now_ns: int) -> None:
        """Take back quotes that are no longer wanted and, at times, renew the best ones."""
        quotes = one.quotes[side]
        keep = set(wanted)
        renewed = set(wanted[:2]) if not self._chance.randrange(3) else set()
        for price in [p for p in quotes if p not in keep or p in renewed]:
            self._venue.withdraw(quotes.pop(price), now_ns)

    def _post(self, one: MarketFlow, side: BookSide, price: Price, depth: int, now_ns: int) -> None:
        whole = self._chance.randint(8, 30) + depth * self._chance.randint(5, 45)
        part = self._chance.choice((0, 0, 0, 0, 0, 0, 25, 50, 87))
        wish = NewOrder(
            ticker=one.market.ticker, side=side, price=price, count=Count(whole * 100 + part), self_trade=MAKER
        )
        try:
            one.quotes[side][price] = self._venue.place(self._maker, wish, now_ns).order
        except Refused:
            return  # the market stopped trading in between

    # the takers

    def _take(self, one: MarketFlow, now_ns: int) -> None:
        chance, market = self._chance, one.market
        side = chance.choice(EVERYONE)
        best = market.book.against(side).best
        if best is None:
            return
        away = tick_above if side is BookSide.BID else tick_below
        limit = best
        for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
            limit = away(market.bands, limit) or limit
        part = chance.choice((0, 0, 0, 0, 0, 0, 0, 13, 50))
        wish = NewOrder(
            ticker=market.ticker,
            side=side,
            price=limit,
            count=Count(chance.choice(TAKER_SIZES) * 100 + part),
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        )
        try:
            self._venue.place(chance.choice(self._takers), wish, now_ns)
        except Refused:
            return
