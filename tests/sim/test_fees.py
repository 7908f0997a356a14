"""Fees against recorded values, and the rounding rule by its own words."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.amounts import Money
from core.sim.fees import CENT_PRECISION, DIRECT_PRECISION, REBATE, FeeRule, settle, trade_fee

TAKER = FeeRule("quadratic", 1000)
WITH_MAKER = FeeRule("quadratic_with_maker_fees", 1000)


@pytest.mark.parametrize(("price", "fee"), [(5_200, 17_500), (9_900, 700)])
def test_recorded_direct_member_fees(price: int, fee: int) -> None:
    exact = trade_fee(TAKER, is_taker=True, price=price, count=100)
    assert settle(Money(-price * 100), exact, Money(0)).net == fee


def test_a_hundred_at_even_odds() -> None:
    assert trade_fee(TAKER, is_taker=True, price=5_000, count=10_000) == 1_750_000
    assert trade_fee(WITH_MAKER, is_taker=False, price=5_000, count=10_000) == 437_500


def test_makers_pay_nothing_unless_the_series_says_so() -> None:
    assert trade_fee(TAKER, is_taker=False, price=5_000, count=10_000) == 0


def test_the_multiplier_scales_and_zero_is_free() -> None:
    assert trade_fee(FeeRule("quadratic", 500), is_taker=True, price=5_000, count=10_000) == 875_000
    assert trade_fee(FeeRule("quadratic", 0), is_taker=True, price=5_000, count=10_000) == 0


@given(st.integers(1, 9_999), st.integers(1, 10**7), st.sampled_from([0, 500, 1000]), st.booleans())
def test_trade_fees_are_the_formula_rounded_up_to_a_hundredth_of_a_cent(
    price: int, count: int, multiplier: int, taker: bool
) -> None:
    fee = trade_fee(FeeRule("quadratic_with_maker_fees", multiplier), is_taker=taker, price=price, count=count)
    rate = Fraction(7, 100) if taker else Fraction(175, 10_000)
    p = Fraction(price, 10_000)
    exact = Fraction(multiplier, 1000) * rate * Fraction(count, 100) * p * (1 - p) * 1_000_000
    assert exact <= fee < exact + 100
    assert fee % 100 == 0


def test_cent_members_pay_the_recorded_net_fees_over_three_fills() -> None:
    paid, nets = Money(0), []
    for _ in range(3):
        done = settle(Money(-55_000), Money(9_000), paid, CENT_PRECISION)
        paid = done.paid_rounding
        nets.append(done.net)
    assert nets == [15_000, 5_000, 15_000]


@given(st.lists(st.tuples(st.integers(-(10**7), 10**7), st.integers(0, 10**4)), max_size=60), st.booleans())
def test_rounding_is_rebated_and_net_fees_are_never_negative(fills: list[tuple[int, int]], cents: bool) -> None:
    precision = CENT_PRECISION if cents else DIRECT_PRECISION
    paid = Money(0)
    for revenue, fee in fills:
        done = settle(Money(revenue), Money(fee), paid, precision)
        paid = done.paid_rounding
        assert done.net >= 0
        assert 0 <= done.rounding < precision
        assert (revenue - fee - done.rounding) % precision == 0
        assert paid <= REBATE + precision * len(fills)
