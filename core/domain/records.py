"""What the journal keeps: intents, replies, fills, transitions, breaker, session bounds. Small, versioned by tag.

An intent is on disk before its order leaves; everything else follows as it happens.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from core.domain.amounts import Count, Money, Price
from core.domain.enums import BookSide, OrderState, Origin, TimeInForce, TraderState
from core.domain.ids import ClientOrderId, OrderId, Ticker, TradeId

JOURNAL_VERSION = 1


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all records; `at` is wall time in Unix ns."""

    at: int


class SessionStarted(Entry, frozen=True, kw_only=True):
    """A journal belongs to one mode, one key and one exchange."""

    version: int
    mode: str
    key_digest: str
    exchange: str
    session: str


class OrderIntended(Entry, frozen=True, kw_only=True):
    """An order about to leave, and who wished for it."""

    client_order_id: ClientOrderId
    ticker: Ticker
    side: BookSide
    price: Price
    count: Count
    time_in_force: TimeInForce
    expiration_s: int | None
    origin: Origin = Origin.STRATEGY


class AmendIntended(Entry, frozen=True, kw_only=True):
    """A change of an order about to leave; `count` is total fillable, `expiration_s` None keeps the expiry. An
    `origin` makes the order that one's from here on.
    """

    client_order_id: ClientOrderId
    price: Price
    count: Count
    expiration_s: int | None = None
    origin: Origin | None = None


class OrderMoved(Entry, frozen=True, kw_only=True):
    """An order changed its state."""

    client_order_id: ClientOrderId
    order_id: OrderId | None
    state: OrderState
    filled: Count
    reason: str


class FillBooked(Entry, frozen=True, kw_only=True):
    """A fill applied to the books: what it realized, and the position and its cost afterwards. `traded_ms` is the
    exchange's time, 0 when it told none.
    """

    trade_id: TradeId
    order_id: OrderId
    ticker: Ticker
    side: BookSide
    price: Price
    count: Count
    fee: Money
    realized: Money = Money(0)
    position: Count = Count(0)
    cost: Money = Money(0)
    traded_ms: int = 0


class PositionTaken(Entry, frozen=True, kw_only=True):
    """A position changed by something other than a fill: a settlement, a correction, the first reading. `happened_ms`
    is the exchange's time of it, 0 when it told none.
    """

    ticker: Ticker
    position: Count
    cost: Money
    realized: Money
    reason: str
    fee: Money = Money(0)
    happened_ms: int = 0


class StateMoved(Entry, frozen=True, kw_only=True):
    """The trader went from one state to another."""

    source: TraderState
    target: TraderState
    reason: str


class BreakerMoved(Entry, frozen=True, kw_only=True):
    """The circuit breaker tripped or was reset by hand."""

    tripped: bool
    reason: str
    value: str
    limit: str


class Corrected(Entry, frozen=True, kw_only=True):
    """Our books followed the exchange's word."""

    what: str
    ours: str
    theirs: str


class DayOpened(Entry, frozen=True, kw_only=True):
    """The first portfolio known on a UTC day: the base of that day's result."""

    portfolio: Money


class PeakReached(Entry, frozen=True, kw_only=True):
    """The highest portfolio so far: drawdown is counted from it, over restarts. Kept when it rose by a dollar."""

    portfolio: Money


class ProcedureMoved(Entry, frozen=True, kw_only=True):
    """A procedure started or ended."""

    name: str
    phase: str
    outcome: str


class CommandTaken(Entry, frozen=True, kw_only=True):
    """A wish of a person or a signal, with its origin."""

    name: str
    origin: str
    detail: str


class SessionEnded(Entry, frozen=True, kw_only=True):
    """The certificate of a stop."""

    reason: str
    code: int
    resting: int | None


Record: TypeAlias = (
    SessionStarted | OrderIntended | AmendIntended | OrderMoved | FillBooked | StateMoved | BreakerMoved | Corrected
    | DayOpened | PeakReached | PositionTaken | ProcedureMoved | CommandTaken | SessionEnded
)  # fmt: skip
