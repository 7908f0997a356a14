"""Effects, in the imperative: what the engine wants done outside. The shell does them and answers with facts.

Every REST effect is answered by exactly one fact, a batch by one that holds an outcome an item. A `SendOrder` without a
journal position cannot be made: the record of an order is on disk before the order leaves.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide, TimeInForce
from core.domain.ids import ClientOrderId, OrderId, Ticker


class Effect(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all effects."""


class SendOrder(Effect, frozen=True, kw_only=True):
    """Create an order; leaves only after the journal is synced up to `journal_position`."""

    client_order_id: ClientOrderId
    ticker: Ticker
    side: BookSide
    price: Price
    count: Count
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    expiration_s: int | None
    journal_position: int
    order_group_id: str | None = None
    cancel_order_on_pause: bool = True


class SendCancel(Effect, frozen=True, kw_only=True):
    """Cancel one order; never waits for the disk."""

    client_order_id: ClientOrderId
    order_id: OrderId
    ticker: Ticker
    # A cancel that failed in company goes out alone.
    alone: bool = False


class SendAmend(Effect, frozen=True, kw_only=True):
    """Change price and total fillable count (already filled + wanted resting) of an order."""

    client_order_id: ClientOrderId
    order_id: OrderId
    ticker: Ticker
    side: BookSide
    price: Price
    count: Count
    expiration_s: int | None
    journal_position: int


class SendDecrease(Effect, frozen=True, kw_only=True):
    """Take `reduce_by` contracts off an order where it stands; `price` and `count` (total fillable) are what it then
    has. "Queue priority is kept for size decrease", and unlike an amend it can never trade.
    """

    client_order_id: ClientOrderId
    order_id: OrderId
    ticker: Ticker
    price: Price
    count: Count
    reduce_by: Count
    journal_position: int


class SendOrders(Effect, frozen=True, kw_only=True):
    """Several orders in one request, sent once; each has an outcome of its own."""

    orders: tuple[SendOrder, ...]

    @property
    def journal_position(self) -> int:
        return max(order.journal_position for order in self.orders)


class SendCancels(Effect, frozen=True, kw_only=True):
    """Several cancels in one request; each has an outcome of its own."""

    cancels: tuple[SendCancel, ...]


class GroupAct(StrEnum):
    """What can be done with the session's order group."""

    CREATE = "create"
    TRIGGER = "trigger"
    RESET = "reset"
    DELETE = "delete"


class SendGroup(Effect, frozen=True, kw_only=True):
    """Act on an order group; `limit` (contracts matched in a rolling 15 s) and no id for CREATE.

    TRIGGER is the one-request kill switch: "every resting member is canceled and new members are rejected until reset".
    """

    act: GroupAct
    group_id: str = ""
    limit: int = 0


class ReadKind(StrEnum):
    EXCHANGE_STATUS = "exchange_status"
    LIMITS = "limits"
    MARKETS = "markets"
    ORDERS = "orders"
    ORDER = "order"
    POSITIONS = "positions"
    BALANCE = "balance"
    FILLS = "fills"
    SETTLEMENTS = "settlements"


class Read(Effect, frozen=True, kw_only=True):
    """Ask the exchange. `since_ms` for fills and settlements; `client_order_id`, `order_id`, `ticker` for ORDER."""

    request_id: int
    kind: ReadKind
    since_ms: int | None = None
    client_order_id: ClientOrderId | None = None
    order_id: OrderId | None = None
    ticker: Ticker | None = None


class WatchMarkets(Effect, frozen=True, kw_only=True):
    """The books, prints and summaries the stream shall carry from now on (the whole set)."""

    tickers: tuple[Ticker, ...]


class RefreshBooks(Effect, frozen=True, kw_only=True):
    """Ask the stream for whole books again; `reconnect` when a snapshot did not help. `check`: nothing is known to be
    wrong with them, so their changes go on being told until the whole ones come.
    """

    tickers: tuple[Ticker, ...]
    reason: str
    reconnect: bool = False
    check: bool = False


class Leave(Effect, frozen=True, kw_only=True):
    """The trader has stopped; the process may end."""

    code: int
    reason: str


JournaledEffect: TypeAlias = SendOrder | SendOrders | SendAmend | SendDecrease
RestEffect: TypeAlias = JournaledEffect | SendCancel | SendCancels | SendGroup | Read
StreamEffect: TypeAlias = WatchMarkets | RefreshBooks
AnyEffect: TypeAlias = RestEffect | StreamEffect | Leave
