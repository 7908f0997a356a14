"""Fees of the simulated exchange: the quadratic rule and the rounding of balance changes, in exact integers.

trade fee = m * k * C * P * (1 - P), rounded up to $0.0001. The balance change is then floored to the member's
precision, the difference is a rounding fee, and what an order has paid in rounding beyond $0.01 comes back as a rebate.
"""

from __future__ import annotations

import msgspec

from core.domain.amounts import MONEY_SCALE, NO_MONEY, PRICE_SCALE, Money

FEE_STEP = 100  # $0.0001 in millionths
DIRECT_PRECISION = 100  # direct members settle to $0.0001
CENT_PRECISION = 10_000  # others to $0.01
REBATE = 10_000  # $0.01
# multiplier (1/1000) * k (1/10,000) * count (1/100) * price * (1 - price), brought to steps of $0.0001
_STEPS = 10**13

TAKER_RATE = {"quadratic": 700, "quadratic_with_maker_fees": 700, "quadratic_with_combo_maker_fees": 700, "flat": 0}
MAKER_RATE = {"quadratic": 0, "quadratic_with_maker_fees": 175, "quadratic_with_combo_maker_fees": 350, "flat": 0}


class FeeRule(msgspec.Struct, frozen=True):
    """What a series charges; `multiplier` is in thousandths."""

    fee_type: str = "quadratic"
    multiplier: int = 1000

    def rate(self, is_taker: bool) -> int:
        return (TAKER_RATE if is_taker else MAKER_RATE)[self.fee_type] * self.multiplier


class FillFee(msgspec.Struct, frozen=True):
    """What one fill costs and what the order has paid in rounding so far."""

    trade_fee: Money
    rounding: Money
    rebate: Money
    paid_rounding: Money

    @property
    def net(self) -> Money:
        return Money(self.trade_fee + self.rounding - self.rebate)


def trade_fee(rule: FeeRule, *, is_taker: bool, price: int, count: int) -> Money:
    """The fee of a fill before rounding of the balance, up to the next $0.0001."""
    rate = rule.rate(is_taker)
    return Money(-(-rate * count * price * (PRICE_SCALE - price) // _STEPS) * FEE_STEP) if rate else NO_MONEY


def settle(revenue: int, fee: int, paid_rounding: int, precision: int = DIRECT_PRECISION) -> FillFee:
    """Round a fill's balance change down and keep the order's account of rounding; a net fee is never negative."""
    change = revenue - fee
    rounding = change - change // precision * precision
    paid = paid_rounding + rounding
    rebate = min(REBATE, fee + rounding) if paid > REBATE else 0
    return FillFee(Money(fee), Money(rounding), Money(rebate), Money(paid - rebate))


assert MONEY_SCALE // FEE_STEP == PRICE_SCALE
