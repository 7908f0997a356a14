"""The token budget against two plain rules: never more than is published, and a share that no order can eat."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.exchange.budget import CANCEL_COST, ORDER_COST, CallClass, TokenBudget
from tests.rules.lanes import LANES, play

NS = 1_000_000_000
SLOWED_NS = 40 * NS  # after a refusal the exchange is asked less for so long, at worst an eighth
WRITES = (CallClass.ORDER, CallClass.AMEND, CallClass.CANCEL)


class Budget(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000 * NS
        self.ours = TokenBudget(self.now)
        self.rate = self.capacity = 100
        self.share = 20
        self.reserve = self.share * NS  # what is there for cancels at least, in token-nanoseconds
        self.taken: list[tuple[int, int]] = []
        self.refused_ns = -SLOWED_NS
        self.held_ns = 0

    def ask(self, call: CallClass, cost: int) -> int:
        wait_ns = self.ours.take(call, cost, self.now)
        assert wait_ns >= 0
        if not wait_ns:
            self.taken.append((self.now, cost))
        if call is CallClass.CANCEL:
            assert not wait_ns or cost * NS > self.reserve, f"{cost} asked of {self.reserve // NS} that are theirs"
            self.reserve -= cost * NS if not wait_ns else 0
            self.reserve = max(0, self.reserve)
        else:
            assert wait_ns or self.now >= self.held_ns, "an order left that was to wait"
        return wait_ns

    @rule(call=st.sampled_from(WRITES), many=st.integers(1, 8))
    def takes(self, call: CallClass, many: int) -> None:
        """A request, or a batch of them."""
        if call is CallClass.CANCEL:
            self.ask(call, CANCEL_COST * many)
        elif ORDER_COST * many <= self.capacity - self.share:
            self.ask(call, ORDER_COST * many)

    @rule(call=st.sampled_from(WRITES))
    def takes_all_there_is(self, call: CallClass) -> None:
        for _ in range(60):
            if self.ask(call, CANCEL_COST if call is CallClass.CANCEL else ORDER_COST):
                return
        raise AssertionError("tokens without end")

    @rule(call=st.sampled_from(WRITES))
    def waits_as_told(self, call: CallClass) -> None:
        cost = CANCEL_COST if call is CallClass.CANCEL else ORDER_COST
        for _ in range(2):  # held first, then short of tokens
            wait_ns = self.ask(call, cost)
            if not wait_ns:
                return
            self.passes(wait_ns)
        assert not self.ask(call, cost), "told to wait, and it was not enough"

    @rule(ms=st.integers(0, 3_000))
    def time_passes(self, ms: int) -> None:
        self.passes(ms * 1_000_000)

    def passes(self, ns: int) -> None:
        slowed = self.now - self.refused_ns < SLOWED_NS
        self.now += ns
        self.reserve = min(self.share * NS, self.reserve + ns * max(1, self.rate >> 3 if slowed else self.rate))

    @rule(call=st.sampled_from(WRITES))
    def refused(self, call: CallClass) -> None:
        self.ours.limited(call, self.now)
        self.refused_ns = self.now

    @rule(ms=st.integers(0, 5_000))
    def orders_are_held(self, ms: int) -> None:
        self.held_ns = max(self.held_ns, self.now + ms * 1_000_000)
        self.ours.hold_orders(self.held_ns)

    @invariant()
    def no_more_than_is_published(self) -> None:
        self.taken = [row for row in self.taken if self.now - row[0] < 10 * NS]
        total = 0
        for at, cost in reversed(self.taken):
            total += cost
            assert total * NS <= self.capacity * NS + (self.now - at) * self.rate


@pytest.mark.parametrize("lane", LANES)
def test_no_order_eats_what_is_the_cancels(lane: settings) -> None:
    play(Budget, lane)
