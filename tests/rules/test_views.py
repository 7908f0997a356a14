"""What a strategy is asked about: only whole, uncrossed books, as a dictionary that hears the same has them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from core.domain import events as ev
from core.domain.amounts import Price
from core.domain.enums import BookSide, Permission
from core.strategy.base import Decision, MarketView, Strategy
from tests.core.builders import Bench, T, book
from tests.rules.lanes import LANES, play

BID, ASK = BookSide.BID, BookSide.ASK
CENTS = st.integers(2, 98).map(lambda cents: cents * 100)


class Witness(Strategy):
    """Wishes nothing, and remembers what it was asked."""

    name = "witness"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[MarketView] = []
        self.times = 0

    def decide(self, view: MarketView, memory: Any) -> Decision:
        self.asked.append(view)
        self.times += 1
        return Decision(said="nothing", no_bid="it wishes nothing", no_ask="it wishes nothing")


class Views(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.witness = Witness()
        self.bench = Bench(strategy=self.witness, sync_ns=10**18, health_check_ns=10**18).up()
        self.model = {BID: {4_500: 1_000}, ASK: {4_700: 1_000}}
        self.whole = True
        self.seq = 1

    def hear(self, fact: ev.Event) -> None:
        """The fact, and the beat that ends its batch."""
        self.witness.asked.clear()
        self.bench.step(fact)
        self.look(1.1)

    def look(self, seconds: float) -> None:
        if self.model[BID] and self.model[ASK] and max(self.model[BID]) >= min(self.model[ASK]):
            self.whole = False
        self.bench.beat(seconds)
        for view in self.witness.asked:
            assert self.whole, "a strategy was asked about a book that is not whole"
            assert view.best_bid == max(self.model[BID], default=None)
            assert view.best_ask == min(self.model[ASK], default=None)
            assert [int(price) for price, _ in view.bids] == sorted(self.model[BID], reverse=True)[: len(view.bids)]
        self.witness.asked.clear()

    @rule(bids=st.sets(CENTS, max_size=4), asks=st.sets(CENTS, max_size=4), apart=st.booleans())
    def replaced(self, bids: set[int], asks: set[int], apart: bool) -> None:
        if apart:
            bids, asks = {p // 200 * 100 for p in bids}, {p // 200 * 100 + 5_000 for p in asks}
        self.model = {BID: dict.fromkeys(bids, 500), ASK: dict.fromkeys(asks, 500)}
        self.whole = True
        self.seq += 1
        self.hear(book(bids=[(p, 500) for p in sorted(bids)], asks=[(p, 500) for p in sorted(asks)], seq=self.seq))

    @rule(side=st.sampled_from(BookSide), price=CENTS, delta=st.sampled_from((-500, 300, 500)))
    def changed(self, side: BookSide, price: int, delta: int) -> None:
        self.seq += 1
        if self.whole:
            left = self.model[side].get(price, 0) + delta
            self.model[side][price] = left
            if not left:
                del self.model[side][price]
            if left < 0:
                self.whole = False
        self.hear(ev.BookChanged(ticker=T, side=side, price=Price(price), delta=delta, seq=self.seq))

    @rule()
    def lost(self) -> None:
        self.whole = False
        self.hear(ev.BookLost(tickers=(T,), reason="gap"))

    @rule(seconds=st.sampled_from((0.1, 1.0, 4.0)))
    def wait(self, seconds: float) -> None:
        self.look(seconds)

    def teardown(self) -> None:
        """A whole book is asked about again, or this would hold by asking nothing."""
        before = self.witness.times
        self.replaced({4_400}, {4_800}, False)
        for _ in range(20):
            self.changed(BID, 4_300, 500)
            if self.witness.times > before:
                return
        assert self.bench.desk.permission()[0] is not Permission.TRADE, "nobody is asked about a whole book"


@pytest.mark.parametrize("lane", LANES)
def test_a_strategy_is_asked_about_whole_books_only(lane: settings) -> None:
    play(Views, lane)
