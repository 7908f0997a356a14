"""The token buckets: never more than the exchange gives, cancels always have their share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.exchange.budget import CANCEL_COST, NS, ORDER_COST, QUIET_NS, Bucket, CallClass, TokenBudget

from .support import relaxed


def take_all(budget: TokenBudget, call: CallClass, cost: int, now_ns: int) -> int:
    taken = 0
    while not budget.take(call, cost, now_ns):
        taken += 1
        assert taken < 10_000
    return taken


def test_orders_leave_the_cancels_their_share() -> None:
    budget = TokenBudget(0)
    assert take_all(budget, CallClass.ORDER, ORDER_COST, 0) == 8
    assert budget.take(CallClass.AMEND, ORDER_COST, 0) > 0
    assert take_all(budget, CallClass.CANCEL, CANCEL_COST, 0) == 10


@relaxed
@given(st.integers(10, 5_000), st.integers(10, 10_000))
def test_orders_never_reach_into_the_share_and_can_always_be_paid_from_full(rate: int, capacity: int) -> None:
    budget = TokenBudget(0)
    budget.set_limits(tier="x", read=(rate, capacity), write=(rate, capacity), now_ns=0)
    later = 10_000 * NS
    assert budget.take(CallClass.ORDER, ORDER_COST, later) == 0
    take_all(budget, CallClass.ORDER, ORDER_COST, later)
    assert budget.write.tokens(later) >= budget.cancel_share


@relaxed
@given(
    rate=st.integers(1, 1_000),
    capacity=st.integers(1, 1_000),
    calls=st.lists(st.tuples(st.integers(0, 3 * NS), st.integers(1, 50)), max_size=60),
)
def test_bucket_never_spends_more_than_capacity_and_refill(
    rate: int, capacity: int, calls: list[tuple[int, int]]
) -> None:
    bucket, now_ns, spent = Bucket(rate, capacity, 0), 0, 0
    for pause_ns, cost in calls:
        now_ns += pause_ns
        if cost <= capacity and not bucket.take(cost, 0, now_ns):
            spent += cost
        assert spent * NS <= capacity * NS + rate * now_ns


@relaxed
@given(st.integers(1, 1_000), st.integers(1, 1_000), st.integers(0, 10**12))
def test_wait_told_is_enough_and_not_too_long(rate: int, cost: int, start_ns: int) -> None:
    bucket = Bucket(rate, 1_000, start_ns)
    bucket.take(1_000, 0, start_ns)
    wait_ns = bucket.take(cost, 0, start_ns)
    assert wait_ns > 0
    assert bucket.take(cost, 0, start_ns + wait_ns - 1) == 1 or wait_ns == 1
    assert bucket.take(cost, 0, start_ns + wait_ns) == 0


def test_time_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(10, 10, 5 * NS)
    bucket.take(10, 0, 5 * NS)
    assert bucket.tokens(1 * NS) == 0


def test_after_a_429_orders_wait_cancels_go_and_the_rate_recovers_alone() -> None:
    budget = TokenBudget(0)
    budget.limited(CallClass.ORDER, 0)
    assert budget.take(CallClass.ORDER, ORDER_COST, 0) > 0
    assert budget.take(CallClass.CANCEL, CANCEL_COST, 0) == 0
    assert budget.write.tokens(NS // 10) == 18 + 5
    for _ in range(10):
        budget.limited(CallClass.CANCEL, NS)
    before = budget.write.tokens(NS)
    assert budget.write.tokens(2 * NS) - before == 12
    assert budget.write.tokens(NS + 4 * QUIET_NS) == 100
    budget.write.take(100, 0, NS + 4 * QUIET_NS)
    assert budget.write.tokens(2 * NS + 4 * QUIET_NS) == 100


def test_balance_has_its_own_bucket_without_burst() -> None:
    budget = TokenBudget(0)
    assert budget.take(CallClass.BALANCE, 10, 0) == 0
    assert budget.take(CallClass.BALANCE, 10, 0) == NS
    assert budget.read.tokens(0) == 200
    budget.set_limits(tier="Expert", read=(600, 600), write=(600, 1200), now_ns=0)
    assert budget.take(CallClass.BALANCE, 10, 0) == NS // 5
