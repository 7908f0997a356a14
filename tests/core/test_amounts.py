import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.amounts import (
    Count,
    Money,
    Price,
    complement,
    cost,
    count_decimal,
    count_text,
    div_half_up,
    money_decimal,
    money_text,
    price_text,
    worst_loss,
)


def test_price_times_count_is_exact_money() -> None:
    assert cost(Price(5_600), Count(1_050)) == Money(5_880_000)


@given(st.integers(1, 9_999), st.integers(1, 10**9))
def test_the_two_sides_of_a_trade_prepay_one_dollar_a_contract(price: int, count: int) -> None:
    buyer = worst_loss(Price(price), Count(count), buys_yes=True)
    seller = worst_loss(Price(price), Count(count), buys_yes=False)
    assert buyer + seller == 10_000 * count
    assert complement(complement(Price(price))) == price


def test_money_is_shown_with_sign_and_grouping() -> None:
    assert money_text(Money(1_234_560_000)) == "$1,234.56"
    assert money_text(Money(-620_000)) == "-$0.62"
    assert money_text(Money(8_400_000), sign=True) == "+$8.40"


@pytest.mark.parametrize("value", [-4_999, -1, 0, 1, 4_999])
def test_what_rounds_to_zero_has_no_sign(value: int) -> None:
    assert money_text(Money(value), sign=True) == money_text(Money(value)) == "$0.00"
    assert money_text(Money(value), sign=True, places=0) == "$0"


def test_the_sign_is_of_the_digits_that_are_shown() -> None:
    assert money_text(Money(-5_000), sign=True) == "-$0.01"
    assert money_text(Money(-1_000), sign=True, places=4) == "-$0.0010"


def test_decimals_for_reports_lose_nothing() -> None:
    assert money_decimal(Money(-12_345_678)) == "-12.345678"
    assert count_decimal(Count(-937)) == "-9.37"


def test_digits_of_fine_prices_are_never_hidden() -> None:
    assert price_text(Price(5_600)) == "0.56"
    assert price_text(Price(560)) == "0.0560"
    assert count_text(Count(1_250)) == "12.50"
    assert count_text(Count(-1_200)) == "-12"


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_half_up_division_is_never_off_by_more_than_a_half(n: int, d: int) -> None:
    assert abs(2 * n - 2 * d * div_half_up(n, d)) <= d
