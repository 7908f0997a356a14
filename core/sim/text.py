"""The exchange's own text forms: fixed-point dollars and contracts, times, cursors, ids.

Reading returns None for anything that is not exactly the form; the caller decides which refusal that is.
Nothing here is shared with the client: each side proves its codec alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from functools import lru_cache
from random import Random

NS = 1_000_000_000
NS_PER_MS = 1_000_000
INT64 = 2**63

_PRICE = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,4}))?\Z", re.ASCII)
_COUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?\Z", re.ASCII)
_CURSOR_MARK = "after:"
# Version and variant of a random UUID.
_UUID_FOUR = (4 << 76) | (2 << 62)
_UUID_FREE = ~((0xF << 76) | (3 << 62))
_PRIME = 2**80 - 65


@lru_cache(16_384)
def price_text(price: int) -> str:
    """`5600` as `"0.5600"`."""
    return f"{price // 10_000}.{price % 10_000:04d}"


@lru_cache(16_384)
def count_text(count: int) -> str:
    """`-313` as `"-3.13"`."""
    sign = "-" if count < 0 else ""
    whole, part = divmod(abs(count), 100)
    return f"{sign}{whole}.{part:02d}"


def money_text(money: int) -> str:
    """Portfolio money with six decimals: `2_500_000` as `"2.500000"`."""
    sign = "-" if money < 0 else ""
    whole, part = divmod(abs(money), 1_000_000)
    return f"{sign}{whole}.{part:06d}"


def balance_text(money: int) -> str:
    """Balance with four decimals, cut off: cash moves in $0.0001, what rests may hold parts of the last place."""
    units = money // 100
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10_000)
    return f"{sign}{whole}.{part:04d}"


def read_price(text: str) -> int | None:
    """Ten-thousandths of a dollar, or None where the text is not fixed-point dollars of at most four decimals."""
    found = _PRICE.match(text)
    return int(found[1]) * 10_000 + int((found[2] or "").ljust(4, "0")) if found else None


def read_count(text: str) -> int | None:
    """Hundredths of a contract, or None where the text has more than two decimals or is no number."""
    found = _COUNT.match(text)
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else None


@lru_cache(1_024)
def time_text(ns: int) -> str:
    """RFC 3339 in UTC, microseconds when non-zero."""
    seconds, rest = divmod(ns, NS)
    micros = rest // 1000
    return f"{_second_text(seconds)}.{micros:06d}Z" if micros else f"{_second_text(seconds)}Z"


@lru_cache(256)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_YEAR = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(ns: int) -> str:
    """A time as HTTP headers have it, in English whatever the machine speaks."""
    return _http_second(ns // NS)


@lru_cache(256)
def _http_second(seconds: int) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{_WEEK[at.weekday()]}, {at.day:02d} {_YEAR[at.month - 1]} {at.year} {at:%H:%M:%S} GMT"


def cursor_text(key: int) -> str:
    """An opaque cursor: the next page starts after `key`."""
    return base64.urlsafe_b64encode(f"{_CURSOR_MARK}{key}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> int | None:
    """The key inside; a garbage cursor is silently ignored, as the exchange does."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        return None
    number = raw.removeprefix(_CURSOR_MARK)
    return int(number) if raw != number and len(number) < 19 and re.fullmatch("[0-9]+", number, re.ASCII) else None


def uuid_text(chance: Random) -> str:
    """A version 4 UUID out of a seeded source."""
    text = f"{chance.getrandbits(128) & _UUID_FREE | _UUID_FOUR:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Ids:
    """Version 4 UUIDs for numbers, made faster than random ones: the same number always has the same.

    The middle is one random text for all. The ends are the number times a random factor modulo a prime, which no two
    numbers below the prime share.
    """

    __slots__ = ("_factor", "_middle")

    def __init__(self, chance: Random) -> None:
        self._factor = chance.randrange(_PRIME >> 1, _PRIME)
        self._middle = uuid_text(chance)[8:24]

    def of(self, number: int) -> str:
        ends = (number * self._factor % _PRIME).to_bytes(10, "big").hex()
        return ends[:8] + self._middle + ends[8:]
