"""Order book and liquidation plan against a naive book: a dictionary, and contracts sold one price after the other."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.domain.amounts import PRICE_SCALE
from core.domain.enums import BookSide, MarketStatus
from core.domain.events import BookReplaced
from core.domain.market import FeeSchedule
from core.market.book import OrderBook
from core.market.grid import PriceGrid
from core.market.view import Market
from core.trading.liquidation_plan import plan_line
from core.trading.positions import Position
from tests.core.builders import T, market
from tests.rules.lanes import LANES, play

BID, ASK = BookSide.BID, BookSide.ASK
PRICES = st.integers(1, 99).map(lambda cents: cents * 100)
CAP = 1_000  # ten cents worse than the best price, no more
FEES = FeeSchedule(taker_rate=700, maker_rate=175)


class Books(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        info = market(fees=FEES, status=MarketStatus.ACTIVE)
        self.market = Market(info, PriceGrid(info.bands), OrderBook(T))
        self.ours: OrderBook = self.market.book
        self.model: dict[BookSide, dict[int, int]] = {BID: {}, ASK: {}}
        self.trusted = False
        self.held = 0
        self.seq = 0

    def crossed(self) -> bool:
        return bool(self.model[BID] and self.model[ASK]) and max(self.model[BID]) >= min(self.model[ASK])

    @rule(
        bids=st.dictionaries(PRICES, st.integers(0, 900), max_size=6),
        asks=st.dictionaries(PRICES, st.integers(0, 900), max_size=6),
        apart=st.booleans(),
    )
    def replaced(self, bids: dict[int, int], asks: dict[int, int], apart: bool) -> None:
        if apart:
            bids, asks = {p // 2: c for p, c in bids.items()}, {p // 2 + 5_000: c for p, c in asks.items()}
        new = {BID: {p: c for p, c in bids.items() if c}, ASK: {p: c for p, c in asks.items() if c}}
        wrong = sum(
            self.model[side].get(price) != new[side].get(price)
            for side in BookSide
            for price in {*self.model[side], *new[side]}
        )
        self.seq += 1
        whole = BookReplaced(ticker=T, bids=tuple(bids.items()), asks=tuple(asks.items()), seq=self.seq)  # type: ignore[arg-type]
        assert self.ours.replace(whole, 1) == (wrong if self.trusted else 0)
        self.model, self.trusted = new, True
        self.trusted = not self.crossed()

    @rule(side=st.sampled_from(BookSide), price=PRICES, delta=st.integers(-900, 900))
    def changed(self, side: BookSide, price: int, delta: int) -> None:
        self.change(side, price, delta)

    @rule(side=st.sampled_from(BookSide), which=st.integers(0, 5))
    def emptied(self, side: BookSide, which: int) -> None:
        """All that is left at a price goes, as large or small as it is."""
        levels = sorted(self.model[side].items())
        if levels:
            price, size = levels[which % len(levels)]
            self.change(side, price, -size)

    def change(self, side: BookSide, price: int, delta: int) -> None:
        self.seq += 1
        level = self.model[side]
        left = level.get(price, 0) + delta
        told = self.ours.change(side, price, delta, self.seq, 1)  # type: ignore[arg-type]
        if not self.trusted:
            assert told, "a book that is not trusted takes nothing and contradicts nothing"
        elif left < 0:
            assert not told
            self.trusted = False
        else:
            level[price] = left
            if not left:
                del level[price]

    @rule()
    def batch_ends(self) -> None:
        fine = not self.trusted or not self.crossed()
        assert self.ours.check_uncrossed() is fine
        self.trusted = self.trusted and fine

    @rule()
    def lost(self) -> None:
        self.ours.lose("gap")
        self.trusted = False

    @rule(count=st.integers(-3_000, 3_000))
    def holds(self, count: int) -> None:
        self.held = count

    @invariant()
    def it_is_the_naive_book(self) -> None:
        assert self.ours.trusted is self.trusted
        for side, best in ((BID, max), (ASK, min)):
            rows = sorted(self.model[side].items(), reverse=side is BID)
            assert self.ours.levels(side) == tuple(rows)
            assert self.ours.levels(side, 2) == tuple(rows[:2])
            top = self.ours.best_bid if side is BID else self.ours.best_ask
            assert top == (best(self.model[side]) if rows else None)

    @invariant()
    def what_is_liquidated_is_what_walking_the_book_sells(self) -> None:
        if not self.held:
            return
        line = plan_line(Position(T, self.held), self.market)
        if not self.trusted:
            assert line.closable == 0
            return
        against = BID if self.held > 0 else ASK
        rows = sorted(self.model[against].items(), reverse=against is BID)
        left, brought, fees = abs(self.held), 0, Decimal(0)
        for price, size in rows:
            if not left or abs(price - rows[0][0]) > CAP:
                break
            sold = min(size, left)
            left -= sold
            brought += sold * (price if self.held > 0 else PRICE_SCALE - price)
            p = Decimal(price) / PRICE_SCALE
            exact = Decimal("0.07") * Decimal(sold) / 100 * p * (1 - p)
            fees += exact.quantize(Decimal("0.0001"), ROUND_CEILING)
        assert line.closable == abs(self.held) - left
        assert line.residue == left
        assert line.closable <= abs(self.held), "never past flat"
        assert line.proceeds == brought
        assert line.fees_estimate == int(fees * 1_000_000)
        assert line.slippage >= 0
        assert line.side is against.opposite


@pytest.mark.parametrize("lane", LANES)
def test_books_and_plans_are_those_of_a_naive_book(lane: settings) -> None:
    play(Books, lane)
