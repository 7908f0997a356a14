"""Positions and fills against pairs in two heaps: YES and NO contracts, a pair of both is a dollar at once."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.domain.amounts import PRICE_SCALE, Count, Money, Price
from core.domain.enums import BookSide
from core.domain.events import FillReported, PositionReport
from core.domain.ids import Ticker
from core.trading.fills import FillProcessor, Verdict
from core.trading.positions import PositionTracker
from tests.core.builders import WALL, fill
from tests.rules.lanes import LANES, play

CENT = 10_000
TICKERS = ("KXA-1", "KXB-1")


class Heaps:
    """What is held of one market: contracts by kind, what they cost on average, exactly."""

    def __init__(self) -> None:
        self.held = {BookSide.BID: 0, BookSide.ASK: 0}
        self.cost = Fraction(0)
        self.closings = 0

    @property
    def net(self) -> int:
        return self.held[BookSide.BID] - self.held[BookSide.ASK]

    def trade(self, side: BookSide, price: int, count: int) -> int:
        """Buy one kind; what pairs with the other kind is paid out. Returns the change of cash."""
        own = price if side is BookSide.BID else PRICE_SCALE - price
        before, pairs = abs(self.net), min(count, self.held[side.opposite])
        if pairs:
            self.cost -= self.cost * pairs / before
            self.closings += 1
        self.held[side.opposite] -= pairs
        self.held[side] += count - pairs
        self.cost += own * (count - pairs)
        return PRICE_SCALE * pairs - own * count

    def empty(self) -> None:
        self.held = dict.fromkeys(self.held, 0)
        self.cost, self.closings = Fraction(0), 0


class Positions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ours, self.fills = PositionTracker(), FillProcessor()
        self.ours.set_cash(Money(10**12))
        self.cash, self.fees = 10**12, 0
        self.heaps = {ticker: Heaps() for ticker in TICKERS}
        self.seen: list[FillReported] = []

    def take(self, one: FillReported) -> Verdict:
        verdict = self.fills.judge(one)
        if verdict is Verdict.NEW:
            self.ours.update_from_fill(one, WALL)
        return verdict

    @rule(
        ticker=st.sampled_from(TICKERS),
        side=st.sampled_from(BookSide),
        price=st.integers(1, 9_999),
        count=st.integers(1, 100_000),
        fee=st.integers(-5_000, 50_000),
        twin=st.booleans(),
    )
    def trade(self, ticker: str, side: BookSide, price: int, count: int, fee: int, twin: bool) -> None:
        """With `twin` the trade has two sides of ours: one id, two orders."""
        number = len(self.seen)
        for order, way in ((f"o{number}", side), *(((f"p{number}", side.opposite),) if twin else ())):
            one = fill(f"t{number}", order, way, price, count, fee, ticker=ticker)
            assert self.take(one) is Verdict.NEW
            self.seen.append(one)
            self.cash += self.heaps[ticker].trade(way, price, count) - fee
            self.fees += fee

    @precondition(lambda self: self.seen)
    @rule(pick=st.integers(0, 10**6))
    def again(self, pick: int) -> None:
        assert self.take(self.seen[pick % len(self.seen)]) is Verdict.KNOWN

    @precondition(lambda self: self.seen)
    @rule(pick=st.integers(0, 10**6))
    def again_otherwise(self, pick: int) -> None:
        one = self.seen[pick % len(self.seen)]
        other = fill(one.trade_id, one.order_id, one.side, one.price, one.count + 1, one.fee, ticker=one.ticker)
        assert self.take(other) is Verdict.CONTRADICTS

    @rule(ticker=st.sampled_from(TICKERS), value=st.integers(0, PRICE_SCALE))
    def settle(self, ticker: str, value: int) -> None:
        heap = self.heaps[ticker]
        payout = value * heap.held[BookSide.BID] + (PRICE_SCALE - value) * heap.held[BookSide.ASK]
        self.cash += payout // CENT * CENT
        self.fees += payout % CENT
        heap.empty()
        self.ours.settle(Ticker(ticker), Price(value), WALL)

    @rule(ticker=st.sampled_from(TICKERS), count=st.integers(-9_000, 9_000), cost=st.integers(0, 10**6))
    def correct(self, ticker: str, count: int, cost: int) -> None:
        heap = self.heaps[ticker]
        if count == heap.net:
            return
        told = PositionReport(
            ticker=Ticker(ticker),
            position=Count(count),
            cost=Money(cost if count else 0),
            realized=Money(0),
            fees=Money(0),
        )
        assert self.ours.correct(told, WALL) == count - heap.net
        heap.empty()
        heap.held[BookSide.BID if count > 0 else BookSide.ASK] = abs(count)
        heap.cost = Fraction(cost if count else 0)

    @invariant()
    def every_amount_is_the_models(self) -> None:
        assert self.ours.cash == self.cash
        assert self.ours.fees == self.fees
        for ticker, heap in self.heaps.items():
            position = self.ours.get_position(Ticker(ticker))
            assert position.count == heap.net
            assert type(position.cost) is type(position.realized) is int
            # Each closing may leave less than a unit behind.
            assert abs(position.cost - heap.cost) <= heap.closings
            assert position.cost == 0 or position.count
            assert position.cost >= 0

    @invariant()
    def a_fill_is_remembered_once(self) -> None:
        assert len(self.fills) == len(self.seen) == self.fills.applied


@pytest.mark.parametrize("lane", LANES)
def test_positions_are_those_of_two_heaps(lane: settings) -> None:
    play(Positions, lane)
