"""Wishes, in the imperative: what operator, strategy, signal or local socket want of the trader.

All of them enter by the one inbox. `command_id` names the wish in the snapshot's `actions`, where its result stays
visible; 0 means that nobody waits for a result.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from core.domain.amounts import NO_PRICE, Count, Price
from core.domain.enums import BookSide, ExitReason, Origin, PriceRule, TimeInForce
from core.domain.ids import ClientOrderId, Ticker


class Wish(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all wishes."""

    origin: Origin = Origin.OPERATOR
    command_id: int = 0


class Start(Wish, frozen=True, kw_only=True):
    """Leave IDLE and come up."""


class Pause(Wish, frozen=True, kw_only=True):
    """Stop new orders and cancel own resting quotes."""

    reason: str = "operator"


class Resume(Wish, frozen=True, kw_only=True):
    """Take an operator pause back."""


class Panic(Wish, frozen=True, kw_only=True):
    """Cancel every own order and pause; asks nobody."""


class CancelOrder(Wish, frozen=True, kw_only=True):
    client_order_id: ClientOrderId


class CancelAll(Wish, frozen=True, kw_only=True):
    """Cancel every own order and trade on: a running strategy quotes anew."""


class PlaceOrder(Wish, frozen=True, kw_only=True):
    """A new order in YES terms; passes permission and risk before anything is sent.

    `price` 0 means: by `rule`, from the book as it stands when the order is checked.
    """

    ticker: Ticker
    side: BookSide
    count: Count
    price: Price = NO_PRICE
    rule: PriceRule | None = None
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELED
    post_only: bool = False
    reduce_only: bool = False


class AmendOrder(Wish, frozen=True, kw_only=True):
    """Move a resting order to `price` with `count` contracts still to fill; a smaller count keeps its queue place."""

    client_order_id: ClientOrderId
    price: Price
    count: Count


class Liquidate(Wish, frozen=True, kw_only=True):
    """Close every position by reduce-only orders; ends in PAUSED."""


class RecoverCash(Wish, frozen=True, kw_only=True):
    """Free cash now, as low cash does by itself: cancel own orders, then reduce positions by ranked orders until enough
    is free. After a recovery that failed it is tried again. Refused while there is enough.
    """


class ResetBreaker(Wish, frozen=True, kw_only=True):
    """Close the circuit breaker by hand; refused while its cause lasts."""

    reason: str


class Arm(Wish, frozen=True, kw_only=True):
    """Allow orders that take risk in demo and live."""


class Recalibrate(Wish, frozen=True, kw_only=True):
    """Read orders, positions, balance and fills again and compare."""


class WatchMarket(Wish, frozen=True, kw_only=True):
    """Show this market's ladder; it joins the watched set, it is not traded for that."""

    ticker: Ticker


class UnwatchMarket(Wish, frozen=True, kw_only=True):
    """Take a market out of the watched set; refused while it is quoted or a position in it is open."""

    ticker: Ticker


class ReadMarkets(Wish, frozen=True, kw_only=True):
    """Read the exchange's list of markets again: terms, status, volumes and best prices as listed."""


class SwitchStrategy(Wish, frozen=True, kw_only=True):
    """Switch the strategy off, which ends its orders, or on again after it was switched off."""

    on: bool


class SetParameter(Wish, frozen=True, kw_only=True):
    """Another value, as people write it, for a parameter of the running strategy; refused outside its bounds."""

    name: str
    value: str


class Stop(Wish, frozen=True, kw_only=True):
    """Block new orders, cancel own orders, confirm that none rests, leave. `now` shortens the waits."""

    reason: ExitReason = ExitReason.QUIT
    detail: str = ""
    now: bool = False


Command: TypeAlias = (
    Start | Pause | Resume | Panic | CancelOrder | CancelAll | PlaceOrder | AmendOrder | Liquidate | RecoverCash
    | ResetBreaker | Arm | Recalibrate | WatchMarket | UnwatchMarket | ReadMarkets | SwitchStrategy | SetParameter
    | Stop
)  # fmt: skip
