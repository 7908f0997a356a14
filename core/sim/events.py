"""What happened at the venue, as facts in the past tense: the one way out of it besides the reply.

A command's facts come in a fixed order: book changes, trades, ticker, fills, orders, positions. `clock` numbers the
actions of the whole exchange; several book changes of one action share it.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from core.domain.amounts import Count, Price
from core.domain.enums import BookSide
from core.sim.accounts import Account, Position
from core.sim.model import Event, Fill, Market, Order, Trade


class BookMoved(msgspec.Struct, frozen=True, eq=False):
    """One level changed by `delta`; `owner` is whose order caused it, and only the owner is told so."""

    market: Market
    side: BookSide
    price: Price
    delta: int
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
    quantity: int
    cost: int
    realized: int
    fees: int
    open_fees: int
    volume: int


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


class Batch(msgspec.Struct, eq=False):
    """The facts of one command, gathered while it runs and handed out in the fixed order."""

    clock: int
    now_ns: int
    books: list[BookMoved] = []
    trades: list[Traded] = []
    fills: list[Filled] = []
    steps: list[GroupMoved | EventListed | EventFeeMoved | MarketMoved] = []
    markets: dict[str, Market] = {}  # those whose quotes may have moved
    _orders: dict[Order, None] = {}
    _positions: dict[Position, Account] = {}

    def level(self, order: Order, delta: int) -> None:
        """A level changed because of `order`."""
        market, owner = order.market, order.account
        market.clock = self.clock
        self.markets[market.ticker] = market
        told = None if owner.house else owner
        moved = BookMoved(market, order.side, order.price, delta, self.clock, self.now_ns, told, order.client_order_id)
        self.books.append(moved)

    def order(self, order: Order) -> None:
        if not order.account.house:
            self._orders[order] = None

    def filled(self, account: Account, fill: Fill, held: Position) -> None:
        """A member's fill and what it holds after it; a house account is told nothing."""
        self.fills.append(Filled(account, fill))
        self._positions[held] = account

    def position(self, account: Account, market: Market) -> None:
        """What the account holds in a market has changed."""
        if not account.house:
            self._positions[account.position(market)] = account

    def touched(self, market: Market) -> None:
        self.markets[market.ticker] = market

    def hand_out_public(self, out: list[VenueEvent]) -> None:
        """Append what changed books and markets, and nothing else."""
        out += self.books
        if self.trades:
            out += self.trades
        if self.steps:
            out += self.steps

    def hand_out(self, out: list[VenueEvent]) -> None:
        """Append everything, in the order clients see it; orders and positions as they are now."""
        out += self.books
        if self.trades:
            out += self.trades
        for market in self.markets.values():
            out.append(TickerMoved(market, self.now_ns))
        if self.fills:
            out += self.fills
        for order in self._orders:
            out.append(OrderMoved(order.account, replace(order)))
        for held, account in self._positions.items():
            told = held.quantity, held.cost, held.realized, held.fees, held.open_fees, held.volume
            out.append(PositionMoved(account, held.market, *told))
        if self.steps:
            out += self.steps
