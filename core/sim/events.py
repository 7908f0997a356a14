"""What happened at the venue, as facts in the past tense: the one way out of it besides the reply.

A command's facts come in a fixed order: book changes, trades, ticker, fills, orders, positions. `clock` numbers the
actions of the whole exchange; several book changes of one action share it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from core.domain.amounts import Count, Money, Price
from core.domain.enums import BookSide
from core.sim.accounts import Account
from core.sim.model import Event, Fill, Market, Order, Trade


class BookMoved(msgspec.Struct, frozen=True, eq=False):
    """One level changed by `delta`; `owner` is whose order caused it, and only the owner is told so."""

    market: Market
    side: BookSide
    price: Price
    delta: Count
    clock: int
    at_ns: int
    owner: Account | None
    client_order_id: str


class Traded(msgspec.Struct, frozen=True, eq=False):
    trade: Trade


class TickerMoved(msgspec.Struct, frozen=True, eq=False):
    market: Market
    at_ns: int


class Filled(msgspec.Struct, frozen=True, eq=False):
    account: Account
    fill: Fill


class OrderMoved(msgspec.Struct, frozen=True, eq=False):
    """`order` is a copy: it says how the order was then."""

    account: Account
    order: Order


class PositionMoved(msgspec.Struct, frozen=True, eq=False):
    account: Account
    market: Market
    quantity: Count
    cost: Money
    realized: Money
    fees: Money
    open_fees: Money
    volume: Count


class MarketMoved(msgspec.Struct, frozen=True, eq=False):
    """A step in a market's life; `fields` are the extra ones its kind carries."""

    market: Market
    event_type: str
    fields: dict[str, bool | int | str]


class GroupMoved(msgspec.Struct, frozen=True, eq=False):
    """What happened to an order group; `limit` where it was set."""

    account: Account
    event_type: str
    group_id: str
    limit: Count | None
    at_ns: int


class EventListed(msgspec.Struct, frozen=True, eq=False):
    event: Event


class EventFeeMoved(msgspec.Struct, frozen=True, eq=False):
    event: Event


VenueEvent = (
    BookMoved
    | Traded
    | TickerMoved
    | Filled
    | OrderMoved
    | PositionMoved
    | GroupMoved
    | EventListed
    | EventFeeMoved
    | MarketMoved
)


class Batch:
    """The facts of one command, gathered while it runs and handed out in the fixed order."""

    __slots__ = (
        "_markets", "_orders", "_positions", "books", "clock", "events", "fills", "groups", "lives", "now_ns", "trades",
    )  # fmt: skip

    def __init__(self, clock: int, now_ns: int) -> None:
        self.clock = clock
        self.now_ns = now_ns
        self.books: list[BookMoved] = []
        self.trades: list[Traded] = []
        self.fills: list[Filled] = []
        self.groups: list[GroupMoved] = []
        self.events: list[EventListed | EventFeeMoved] = []
        self.lives: list[MarketMoved] = []
        self._markets: dict[str, Market] = {}
        self._orders: dict[str, Order] = {}
        self._positions: dict[tuple[str, str], tuple[Account, Market]] = {}

    def level(self, order: Order, delta: int) -> None:
        """A level changed because of `order`."""
        market, owner = order.market, order.account
        market.clock = self.clock
        self._markets[market.ticker] = market
        told = None if owner.house else owner
        moved = BookMoved(
            market, order.side, order.price, Count(delta), self.clock, self.now_ns, told, order.client_order_id
        )
        self.books.append(moved)

    def order(self, order: Order) -> None:
        if not order.account.house:
            self._orders[order.order_id] = order

    def filled(self, fill: Fill) -> None:
        """A member's fill; a house account is told nothing."""
        account, market = fill.order.account, fill.order.market
        self.fills.append(Filled(account, fill))
        self._positions[account.user_id, market.ticker] = (account, market)

    def position(self, account: Account, market: Market) -> None:
        """What the account holds in a market has changed."""
        if not account.house:
            self._positions[account.user_id, market.ticker] = (account, market)

    def touched(self, market: Market) -> None:
        self._markets[market.ticker] = market

    @property
    def markets(self) -> Iterable[Market]:
        """The markets whose quotes may have moved."""
        return self._markets.values()

    def hand_out(self, out: list[VenueEvent]) -> None:
        """Append everything, in the order clients see it; orders and positions as they are now."""
        out += self.books
        out += self.trades
        for market in self._markets.values():
            out.append(TickerMoved(market, self.now_ns))
        out += self.fills
        for order in self._orders.values():
            out.append(OrderMoved(order.account, msgspec.structs.replace(order)))
        for account, market in self._positions.values():
            out.append(_position(account, market))
        if self.groups or self.events or self.lives:
            out += self.groups
            out += self.events
            out += self.lives


def _position(account: Account, market: Market) -> PositionMoved:
    held = account.position(market)
    return PositionMoved(
        account, market, held.quantity, held.cost, held.realized, held.fees, held.open_fees, held.volume
    )
