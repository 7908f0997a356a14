"""The circuit breaker against a plain list of times."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.trading.risk import CircuitBreaker, RiskLimits
from tests.core.builders import NS, WALL
from tests.rules.lanes import LANES, play

SHORT, LONG = (3, 10 * NS), (6, 60 * NS)


class Breaker(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ours = CircuitBreaker(RiskLimits(breaker_windows=(SHORT, LONG)))
        self.now = 1_000 * NS
        self.errors: list[int] = []
        self.tripped, self.reason = False, ""

    def within(self, window_ns: int) -> int:
        return sum(1 for at in self.errors if at >= self.now - window_ns)

    @rule(after=st.one_of(st.integers(0, 30 * NS), st.sampled_from((0, 1, 10 * NS, 10 * NS + 1, 60 * NS))))
    def error(self, after: int) -> None:
        self.now += after
        self.errors.append(self.now)
        trips = not self.tripped and any(self.within(window) >= most for most, window in (SHORT, LONG))
        assert self.ours.record_error("refused", self.now, WALL) is trips
        self.tripped = self.tripped or trips

    @rule()
    def loss(self) -> None:
        self.ours.trip("daily loss", "2", "1", WALL)
        self.tripped = True

    @rule(lasts=st.booleans())
    def reset(self, lasts: bool) -> None:
        """Only by hand, only tripped, only when its cause is over; it counts from nothing then."""
        why = self.ours.why_not_reset(self.now, "daily loss" if lasts else "")
        assert bool(why) is (lasts or not self.tripped)
        if not why:
            self.ours.reset("looked into it", WALL)
            self.errors.clear()
            self.tripped = False

    @rule(after=st.integers(0, 90 * NS))
    def wait(self, after: int) -> None:
        self.now += after

    @invariant()
    def it_says_what_the_list_says(self) -> None:
        assert self.ours.tripped is self.tripped
        assert bool(self.ours.reason) is self.tripped
        for _, window in (SHORT, LONG):
            assert self.ours.count(self.now, window) == self.within(window)
        assert self.ours.errors(self.now) == self.within(SHORT[1])


@pytest.mark.parametrize("lane", LANES)
def test_the_breaker_latches_by_the_list(lane: settings) -> None:
    play(Breaker, lane)
