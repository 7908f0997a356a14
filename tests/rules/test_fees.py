"""Fees of both sides against decimals, and an order's rounding account over all its fills."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.domain.market import FeeSchedule
from core.sim.fees import CENT_PRECISION, DIRECT_PRECISION, FeeRule, settle, trade_fee
from core.trading import liquidation_plan
from tests.rules.lanes import LANES, play

RATES = {"quadratic": ("0.07", "0"), "quadratic_with_maker_fees": ("0.07", "0.0175"),
         "quadratic_with_combo_maker_fees": ("0.07", "0.035"), "flat": ("0", "0")}  # fmt: skip
MILLION = 1_000_000


def exact_fee(kind: str, thousandths: int, taker: bool, price: int, count: int) -> Decimal:
    """Dollars, up to the next hundredth of a cent."""
    p, contracts = Decimal(price) / 10_000, Decimal(count) / 100
    rate = Decimal(RATES[kind][0 if taker else 1]) * Decimal(thousandths) / 1_000
    return (rate * contracts * p * (1 - p)).quantize(Decimal("0.0001"), ROUND_CEILING)


class Fees(RuleBasedStateMachine):
    """One order after the other; the exchange's rule is that of the model, and so is the client's estimate."""

    def __init__(self) -> None:
        super().__init__()
        self.begin("quadratic", 1_000, DIRECT_PRECISION)

    @rule(kind=st.sampled_from(sorted(RATES)), thousandths=st.sampled_from((0, 500, 1_000, 2_000)),
          precision=st.sampled_from((DIRECT_PRECISION, CENT_PRECISION)))  # fmt: skip
    def begin(self, kind: str, thousandths: int, precision: int) -> None:
        self.kind, self.thousandths, self.precision = kind, thousandths, precision
        self.paid_rounding = self.net = 0
        self.rounded, self.fees, self.rebates = Decimal(0), Decimal(0), Decimal(0)

    @rule(taker=st.booleans(), price=st.integers(1, 9_999), count=st.integers(1, 1_000_000), buys=st.booleans())
    def fill(self, taker: bool, price: int, count: int, buys: bool) -> None:
        rule_ = FeeRule(self.kind, self.thousandths)
        fee = trade_fee(rule_, is_taker=taker, price=price, count=count)
        exact = exact_fee(self.kind, self.thousandths, taker, price, count)
        assert Decimal(fee) / MILLION == exact
        self.estimate(taker, price, count, fee)
        revenue = -price * count if buys else price * count
        told = settle(revenue, fee, self.paid_rounding, self.precision)
        step = Decimal(self.precision) / MILLION
        change = (Decimal(revenue) / MILLION - exact) / step
        down = change.to_integral_value(ROUND_FLOOR) * step
        rounding = change * step - down
        assert Decimal(told.rounding) / MILLION == rounding
        assert 0 <= told.rounding < self.precision
        self.rounded += rounding
        assert (revenue - told.trade_fee - told.rounding) % self.precision == 0
        assert told.net >= 0
        self.rebates += Decimal(told.rebate) / MILLION
        self.fees += exact
        self.net += told.net
        self.paid_rounding = told.paid_rounding

    def estimate(self, taker: bool, price: int, count: int, fee: int) -> None:
        """What the client expects of a schedule it was told, in the same steps."""
        if self.thousandths != 1_000:
            return
        taker_rate, maker_rate = (int(Decimal(rate) * 10_000) for rate in RATES[self.kind])
        schedule = FeeSchedule(taker_rate=taker_rate, maker_rate=maker_rate)
        assert liquidation_plan.trade_fee(schedule, price, count, maker=not taker) == fee

    @invariant()
    def an_order_never_pays_more_than_a_cent_of_rounding_for_long(self) -> None:
        """What was paid beyond a cent came back, as far as the fees allow; nothing else is lost."""
        assert Decimal(self.paid_rounding) / MILLION == self.rounded - self.rebates
        assert Decimal(self.net) / MILLION == self.fees + self.rounded - self.rebates


@pytest.mark.parametrize("lane", LANES)
def test_fees_and_rounding_are_those_of_decimals(lane: settings) -> None:
    play(Fees, lane)
