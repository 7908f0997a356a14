"""Amounts of money, price and contracts as integers with their own types.

Price is 1/10,000 dollar, Count is 1/100 contract, Money is 1/1,000,000 dollar, so `price * count` is an exact Money
with no rounding. Everything inside the trader is in YES terms. Floats never carry an amount.
The text forms here are for people and reports; the wire has its own codec on each side.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NewType

Price = NewType("Price", int)
Count = NewType("Count", int)
Money = NewType("Money", int)

PRICE_SCALE = 10_000
COUNT_SCALE = 100
MONEY_SCALE = 1_000_000

ONE_DOLLAR = Price(PRICE_SCALE)
ONE_CONTRACT = Count(COUNT_SCALE)
NO_MONEY = Money(0)
NO_CONTRACTS = Count(0)
NO_PRICE = Price(0)


def contracts(whole: int) -> Count:
    """Count of `whole` contracts."""
    return Count(whole * COUNT_SCALE)


def dollars(whole: int) -> Money:
    """Money of `whole` dollars."""
    return Money(whole * MONEY_SCALE)


def cost(price: Price, count: Count) -> Money:
    """Exact value of `count` contracts at `price`; both non-negative or signed alike."""
    return Money(price * count)


def complement(price: Price) -> Price:
    """The NO price of a YES price and the other way round."""
    return Price(PRICE_SCALE - price)


def worst_loss(price: Price, count: Count, *, buys_yes: bool) -> Money:
    """What `count` contracts lose if the market settles against them: price paid, or its complement for a sale."""
    return Money((price if buys_yes else PRICE_SCALE - price) * count)


def div_half_up(numerator: int, denominator: int) -> int:
    """Integer division rounded half away from zero; for shown averages, never for booked money."""
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    n, d = abs(numerator), abs(denominator)
    return sign * ((2 * n + d) // (2 * d))


def _fixed(value: int, scale: int, places: int) -> str:
    """Decimal text of `value / scale` with `places` decimals, rounded half away from zero."""
    shown = div_half_up(value * 10**places, scale)
    sign = "-" if shown < 0 else ""
    whole, part = divmod(abs(shown), 10**places)
    return f"{sign}{whole}.{part:0{places}d}" if places else f"{sign}{whole}"


def money_decimal(value: Money) -> str:
    """Exact decimal dollars for reports: `"-12.345678"`."""
    return _fixed(value, MONEY_SCALE, 6)


def price_decimal(value: Price) -> str:
    """Exact decimal dollars of a price for reports: `"0.5600"`."""
    return _fixed(value, PRICE_SCALE, 4)


def count_decimal(value: Count) -> str:
    """Exact decimal contracts for reports: `"12.00"`, signed."""
    return _fixed(value, COUNT_SCALE, 2)


def money_text(value: Money, *, sign: bool = False, places: int = 2) -> str:
    """Dollars for the screen: `$1,234.56`, `-$0.62`; with `sign` also `+$8.40`.

    The sign is that of the digits shown: what rounds to zero is `$0.00`.
    """
    shown = div_half_up(value * 10**places, MONEY_SCALE)
    mark = "-" if shown < 0 else "+" if sign and shown > 0 else ""
    whole, part = divmod(abs(shown), 10**places)
    return f"{mark}${whole:,}.{part:0{places}d}" if places else f"{mark}${whole:,}"


@lru_cache(maxsize=2 * PRICE_SCALE)
def price_text(value: Price, *, fine: bool = False) -> str:
    """Price for the screen: `0.56`, on finer grids `0.0560`; digits are never hidden."""
    if fine or value % 100:
        return _fixed(value, PRICE_SCALE, 4)
    return _fixed(value, PRICE_SCALE, 2)


def count_text(value: Count) -> str:
    """Contracts for the screen: `12`, or `12.50` where there is a fraction."""
    if value % COUNT_SCALE:
        return _fixed(value, COUNT_SCALE, 2)
    return f"{value // COUNT_SCALE:d}" if value >= 0 else f"-{-value // COUNT_SCALE:d}"
