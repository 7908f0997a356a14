"""LiveObservationAdapter: a market view as a vector of float32, the same for live trading, replay and training.

The vector is a window of the last HISTORY rows, newest last, one row a second; the newest row is always of this moment.
A row is FEATURES in their order. Only +, -, * and / are used, on whole numbers, so that every machine gets the same
bits. A feature outside its range, or a book too old, is told by name: a policy that sees one holds.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.domain.amounts import PRICE_SCALE
from core.domain.enums import BookSide
from core.strategy.base import Levels, MarketView

BID = BookSide.BID
VERSION = 1
HISTORY = 4
ROW_MS = 1_000
DEPTHS = (1, 3, 5)
FLOW_MS = (10_000, 60_000)
STALE_S = 120
DEEP = 10_000.0  # contracts (in hundredths) at which a depth counts half
INVENTORY = 4_000.0  # a position of this many hundredths is 1
DAY_S = 86_400.0
CENT = 100.0
FASTEST_CENTS = 10.0
SMOOTH = 0.125


class Feature(msgspec.Struct, frozen=True):
    """A number of the vector: its name, the range it must lie in, what it is."""

    name: str
    low: float
    high: float
    text: str


FEATURES: tuple[Feature, ...] = (
    Feature("middle", 0, 1, "middle of best bid and ask, in dollars"),
    Feature("odds", 0, 1, "4 p (1 - p): how open the question is"),
    Feature("spread", 0, 1, "ask less bid, in dimes"),
    Feature("microprice", -1, 1, "microprice less middle, in cents"),
    *(Feature(f"bids_{k}", 0, 1, f"contracts on the best {k} bid levels, n / (n + 100)") for k in DEPTHS),
    *(Feature(f"asks_{k}", 0, 1, f"contracts on the best {k} ask levels, n / (n + 100)") for k in DEPTHS),
    *(Feature(f"imbalance_{k}", -1, 1, f"(bids - asks) / (bids + asks) on {k} levels") for k in DEPTHS),
    *(Feature(f"flow_{ms // 1000}s", -1, 1, f"bought less sold over all traded in {ms // 1000} s") for ms in FLOW_MS),
    Feature("traded_60s", 0, 1, "contracts traded in 60 s, n / (n + 100)"),
    Feature("last", -10, 10, "last trade less middle, in cents"),
    Feature("moved", -10, 10, "middle less the middle of the row before, in cents"),
    Feature("volatility", 0, 10, "slow mean of the absolute movement between rows, in cents"),
    Feature("to_close", 0, 1, "time to the close, t / (t + 1 day); 1 where none is known"),
    Feature("position", -25, 25, "position in lots of 40 contracts, YES above zero"),
    Feature(
        "against_mark", -100, 100, "what the position would bring at the middle less its cost, in cents a contract"
    ),
    Feature("own_bid", 0, 1, "own resting bid, n / (n + 100)"),
    Feature("own_bid_off", -10, 10, "best bid less own bid, in cents; 0 without one"),
    Feature("own_ask", 0, 1, "own resting ask, n / (n + 100)"),
    Feature("own_ask_off", -10, 10, "own ask less best ask, in cents; 0 without one"),
    Feature("cash", -1, 1, "free cash over portfolio"),
)
NAMES = tuple(feature.name for feature in FEATURES)
WIDTH = len(FEATURES)
SIZE = HISTORY * WIDTH
ROW_BYTES = 4 * WIDTH
LOWEST = np.array([feature.low for feature in FEATURES], dtype=np.float32)
HIGHEST = np.array([feature.high for feature in FEATURES], dtype=np.float32)
# What can leave its range: amounts of the account, and what comes out of a remembered window. Every other feature is
# made so that it cannot, whatever the book says (a property test holds it to that).
_UNBOUND = [
    (index, feature.low, feature.high)
    for index, feature in enumerate(FEATURES)
    if feature.name in ("middle", "spread", "moved", "volatility", "position", "against_mark", "cash")
]
# Where bytes of a window begin, and how a number of it is read.
_MIDDLE, _VOLATILITY = 4 * NAMES.index("middle"), 4 * NAMES.index("volatility")
_NEWEST = ROW_BYTES * (HISTORY - 1)
_FLOAT32 = np.dtype(np.float32)
_NUMBER = Struct("=f").unpack_from
Vector = NDArray[np.float32]


def spec_digest() -> str:
    """16 hexadecimal digits of everything a vector's meaning hangs on; a model is made for one of them."""
    spec = (VERSION, HISTORY, ROW_MS, STALE_S, [msgspec.structs.astuple(feature) for feature in FEATURES])
    return blake2b(msgspec.json.encode(spec), digest_size=8).hexdigest()


class Window(msgspec.Struct, frozen=True):
    """What the adapter remembers of a market: the rows so far as bytes, newest last, and when the newest was begun."""

    rows: bytes = b""
    begun_ms: int = 0


class Observation(NamedTuple):
    """`vector` has SIZE numbers. `wrong` names what must make a policy hold; "" where all is as it should be."""

    vector: Vector
    wrong: str


class LiveObservationAdapter:
    """Views in, vectors out. It keeps nothing: the window goes in and comes out."""

    def observe(self, view: MarketView, window: Window) -> tuple[Observation, Window]:
        """The vector of one market now."""
        row = _row(view, window)
        vector, after = _slide(array("f", row).tobytes(), window, view.at_ms)
        return Observation(vector, _stale(view) or _out_of_range(row)), after


def _stale(view: MarketView) -> str:
    if view.best_bid is None or view.best_ask is None:
        return "one side of the book is empty"
    return f"the book is {view.book_age_s} s old" if view.book_age_s > STALE_S else ""


def _out_of_range(row: list[float]) -> str:
    """The features outside their range, in words; what is no number is outside every one."""
    for index, low, high in _UNBOUND:
        if not low <= row[index] <= high:
            break
    else:
        return ""
    bad = [NAMES[index] for index, low, high in _UNBOUND if not low <= row[index] <= high]
    return "out of range: " + ", ".join(bad)


def _slide(row: bytes, window: Window, at_ms: int) -> tuple[Vector, Window]:
    """The window with `row` as its newest: in place of the newest within a second, else behind it. The vector may only
    be read.
    """
    if not window.rows:
        after = Window(row * HISTORY, at_ms)
    elif at_ms - window.begun_ms >= ROW_MS:
        after = Window(window.rows[ROW_BYTES:] + row, at_ms)
    else:
        after = Window(window.rows[:-ROW_BYTES] + row, window.begun_ms)
    return np.frombuffer(after.rows, _FLOAT32), after


def _part(count: float) -> float:
    return count / (count + DEEP)


def _row(view: MarketView, window: Window) -> list[float]:
    """One row in the order of FEATURES. Written out, not looped: fifty markets are observed in a millisecond."""
    bid, ask = view.best_bid or 0, view.best_ask or PRICE_SCALE
    middle = (bid + ask) / (2.0 * PRICE_SCALE)
    b1, b3, b5 = _depths(view.bids)
    a1, a3, a5 = _depths(view.asks)
    at = middle * PRICE_SCALE
    micro = (bid * a1 + ask * b1) / (b1 + a1) if b1 + a1 else at
    moved, volatility = _movement(middle, window, view.at_ms)
    last = view.last_price
    return [
        middle,
        4.0 * middle * (1.0 - middle),
        (ask - bid) / 1_000.0 if ask - bid < 1_000 else 1.0,
        _within((micro - at) / CENT, 1.0),
        b1 / (b1 + DEEP),
        b3 / (b3 + DEEP),
        b5 / (b5 + DEEP),
        a1 / (a1 + DEEP),
        a3 / (a3 + DEEP),
        a5 / (a5 + DEEP),
        (b1 - a1) / (b1 + a1) if b1 + a1 else 0.0,
        (b3 - a3) / (b3 + a3) if b3 + a3 else 0.0,
        (b5 - a5) / (b5 + a5) if b5 + a5 else 0.0,
        *_flow(view),
        0.0 if last is None else _within((last - at) / CENT, FASTEST_CENTS),
        moved,
        volatility,
        1.0 if view.closes_in_s < 0 else view.closes_in_s / (view.closes_in_s + DAY_S),
        view.position / INVENTORY,
        _against_mark(view, at),
        *_own(view, bid, ask),
        view.cash / view.portfolio if view.portfolio > 0 else 0.0,
    ]


def _depths(levels: Levels) -> tuple[float, float, float]:
    """Contracts on the best levels, for each of DEPTHS."""
    first = third = total = 0
    for place, (_price, count) in enumerate(levels):
        total += count
        if place == 0:
            first = third = total
        elif place < DEPTHS[1]:
            third = total
        elif place == DEPTHS[2] - 1:
            break
    return float(first), float(third), float(total)


def _flow(view: MarketView) -> tuple[float, float, float]:
    """Bought less sold over traded in each of FLOW_MS, and how much was traded in the longest."""
    bought = sold = lately_bought = lately_sold = 0
    since_ms, lately_ms = view.at_ms - FLOW_MS[1], view.at_ms - FLOW_MS[0]
    for done in reversed(view.prints):
        at_ms, count = done.exchange_ms, done.count
        if at_ms < since_ms:
            break
        if done.taker_side is BID:
            bought += count
            if at_ms >= lately_ms:
                lately_bought += count
        else:
            sold += count
            if at_ms >= lately_ms:
                lately_sold += count
    traded, lately = bought + sold, lately_bought + lately_sold
    return (
        (lately_bought - lately_sold) / lately if lately else 0.0,
        (bought - sold) / traded if traded else 0.0,
        _part(traded),
    )


def _movement(middle: float, window: Window, at_ms: int) -> tuple[float, float]:
    """Movement since the row before this one, and its slow mean, which only a new row moves."""
    if not window.rows:
        return 0.0, 0.0
    new = at_ms - window.begun_ms >= ROW_MS
    last = _NEWEST if new else _NEWEST - ROW_BYTES
    (before,) = _NUMBER(window.rows, last + _MIDDLE)
    (slow,) = _NUMBER(window.rows, last + _VOLATILITY)
    moved = _within((middle - before) * CENT, FASTEST_CENTS)
    return moved, slow + (abs(moved) - slow) * SMOOTH


def _against_mark(view: MarketView, at: float) -> float:
    if not view.position:
        return 0.0
    held = abs(view.position)
    worth = at if view.position > 0 else PRICE_SCALE - at
    return (worth - view.cost / held) / CENT


def _own(view: MarketView, bid: int, ask: int) -> tuple[float, float, float, float]:
    bids = asks = 0
    bid_off = ask_off = 0.0
    for quote in view.resting:
        if quote.side is BID:
            bids += quote.count
            bid_off = _within((bid - quote.price) / CENT, FASTEST_CENTS)
        else:
            asks += quote.count
            ask_off = _within((quote.price - ask) / CENT, FASTEST_CENTS)
    return _part(bids), bid_off, _part(asks), ask_off


def _within(value: float, most: float) -> float:
    return -most if value < -most else (most if value > most else value)
