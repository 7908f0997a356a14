"""Values on the wire: fixed-point text, ids, times, error bodies. Everything is checked before it is converted.

An amount is accepted by its bounded text form alone (sign, digits, point, digits), so exponents, NaN, Infinity and
endless digits never reach a number. Floats are not used. A refusal names the field and never repeats the input.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from core.domain.amounts import COUNT_SCALE, PRICE_SCALE, Count, Money, Price
from core.domain.enums import BookSide
from core.domain.errors import RefusedInput
from core.domain.text import clean_text

_FIXED = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,6}))?")
_IDENTIFIER = re.compile(r"[!-~]{1,128}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_TENS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MS_MAX = 253_402_300_799_999

PRICE_PLACES = 4
COUNT_PLACES = 2
MONEY_PLACES = 6

# Every price the exchange can spell with its four decimals; the hot path is one look-up.
_PRICES: dict[str, Price] = {f"0.{value:04d}": Price(value) for value in range(PRICE_SCALE)}
_PRICES["1.0000"] = Price(PRICE_SCALE)
# The same for the two ladders of a book, each to the YES price it stands for; the ends are no order prices.
YES_PRICES = {text: value for text, value in _PRICES.items() if 0 < value < PRICE_SCALE}
NO_PRICES = {text: Price(PRICE_SCALE - value) for text, value in YES_PRICES.items()}

COUNTS: dict[str, int] = {}
_COUNTS_MAX = 8_192

_T = TypeVar("_T")


def fixed(text: str, places: int, field: str, *, signed: bool = False) -> int:
    """`text` times 10**places, exactly; digits beyond `places` must be zeros. Raises RefusedInput naming `field`."""
    match = _FIXED.fullmatch(text) if len(text) <= 20 else None
    if match is None or (match[1] and not signed):
        raise RefusedInput(f"{field}: not a fixed-point number")
    fraction = match[3] or ""
    if fraction[places:].strip("0"):
        raise RefusedInput(f"{field}: more than {places} decimals")
    value = int(match[2]) * _TENS[places] + int(fraction[:places].ljust(places, "0") or "0")
    return -value if match[1] else value


def price(text: str, field: str) -> Price:
    """A price from 0 to 1 dollar, both included: the exchange uses the ends for an empty side."""
    known = _PRICES.get(text)
    if known is not None:
        return known
    value = fixed(text, PRICE_PLACES, field)
    if value > PRICE_SCALE:
        raise RefusedInput(f"{field}: price above one dollar")
    return Price(value)


def order_price(text: str, field: str) -> Price:
    """A price strictly between 0 and 1 dollar: "$0 and $1 are never valid order prices"."""
    value = price(text, field)
    if not 0 < value < PRICE_SCALE:
        raise RefusedInput(f"{field}: price at or beyond its bounds")
    return value


def signed_count(text: str, field: str) -> int:
    """A signed number of contracts in hundredths, memoised."""
    known = COUNTS.get(text)
    if known is not None:
        return known
    value = fixed(text, COUNT_PLACES, field, signed=True)
    if len(COUNTS) >= _COUNTS_MAX:
        COUNTS.clear()
    COUNTS[text] = value
    return value


def count(text: str, field: str) -> Count:
    """A number of contracts, not negative."""
    value = signed_count(text, field)
    if value < 0:
        raise RefusedInput(f"{field}: negative count")
    return Count(value)


def money(text: str, field: str, *, signed: bool = False) -> Money:
    """Dollars with up to six decimals."""
    return Money(fixed(text, MONEY_PLACES, field, signed=signed))


def price_spelling(value: Price) -> str:
    """A price as orders carry it: "0.5600"."""
    if not 0 < value < PRICE_SCALE:
        raise RefusedInput("price: outside of what can be ordered")
    return f"0.{value:04d}"


def count_spelling(value: Count) -> str:
    """A count as orders carry it: "12.50"."""
    if value <= 0:
        raise RefusedInput("count: not positive")
    return f"{value // COUNT_SCALE}.{value % COUNT_SCALE:02d}"


def identifier(text: str, field: str) -> str:
    """An opaque id: printable ASCII without spaces, at most 128 characters."""
    if not _IDENTIFIER.fullmatch(text):
        raise RefusedInput(f"{field}: not an id")
    return text


def book_side(side: str, outcome: str | None, field: str) -> BookSide:
    """Direction from `book_side`, checked against `outcome_side`; the legacy side and action pair is never read."""
    if side == "bid":
        if outcome is not None and outcome != "yes":
            raise RefusedInput(f"{field}: contradicts outcome_side")
        return BookSide.BID
    if side == "ask":
        if outcome is not None and outcome != "no":
            raise RefusedInput(f"{field}: contradicts outcome_side")
        return BookSide.ASK
    raise RefusedInput(f"{field}: unknown side")


def time_ms(text: str, field: str) -> int:
    """Unix milliseconds of an RFC 3339 time."""
    if len(text) > 40 or not _TIME.fullmatch(text):
        raise RefusedInput(f"{field}: not a time")
    try:
        return max(0, (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND)
    except (ValueError, OverflowError):
        raise RefusedInput(f"{field}: not a time") from None


def seconds_ms(seconds: int, field: str) -> int:
    """Unix milliseconds of Unix seconds."""
    return milliseconds(seconds * 1_000, field)


def milliseconds(value: int, field: str) -> int:
    """Unix milliseconds within the years that exist."""
    if not 0 <= value <= _MS_MAX:
        raise RefusedInput(f"{field}: not a time")
    return value


def decode(decoder: msgspec.json.Decoder[_T], body: bytes | str, what: str) -> _T:
    """`body` as the decoder's type; every way it can fail becomes a RefusedInput naming `what` and the field."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RefusedInput(f"{what}: {clean_text(str(error), 160)}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, OverflowError):
        raise RefusedInput(f"{what}: not JSON") from None


def refuse_twins(body: bytes | str, what: str) -> None:
    """Refuse a body that names a field twice: which of the two is meant nobody can know."""
    try:
        json.loads(body, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError):
        raise RefusedInput(f"{what}: a field is named twice") from None


def _no_twins(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("twin")


_ANY = msgspec.json.Decoder()


def error_body(status: int, body: bytes) -> tuple[str, str]:
    """(code, detail) of an error reply in any of the exchange's four shapes; never raises."""
    try:
        value: Any = decode(_ANY, body, "error body")
    except RefusedInput:
        return f"http_{status}", "no usable error body"
    if not isinstance(value, dict):
        return f"http_{status}", "no usable error body"
    inner = value.get("error")
    if isinstance(inner, str):
        return _code(inner, f"http_{status}"), ""
    source = inner if isinstance(inner, dict) else value
    code, message, details = source.get("code"), source.get("message"), source.get("details")
    if isinstance(code, str):
        words = [text for text in (details, message) if isinstance(text, str) and text]
        return _code(code, f"http_{status}"), clean_text(words[0]) if words else ""
    if isinstance(value.get("msg"), str):
        return "bad_parameter", clean_text(value["msg"])
    return f"http_{status}", "no usable error body"


def _code(text: str, default: str) -> str:
    # "code may carry a dynamic tail after a colon, so prefix-match".
    return clean_text(text.partition(":")[0], 64).lower().replace(" ", "_") or default
