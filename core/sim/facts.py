"""A venue fact on its way to the connections: its channel, whose it is, and a payload encoded once for all readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from core.sim.accounts import Account
from core.sim.events import (
    BookMoved,
    EventFeeMoved,
    EventListed,
    Filled,
    GroupMoved,
    MarketMoved,
    OrderMoved,
    PositionMoved,
    TickerMoved,
    Traded,
    VenueEvent,
)
from core.sim.frames import (
    delta_msg,
    event_fee_msg,
    event_msg,
    fill_msg,
    group_msg,
    lifecycle_msg,
    order_msg,
    own_delta,
    position_msg,
    ticker_msg,
    trade_msg,
)
from core.sim.views import Json

_ENCODE = msgspec.json.Encoder().encode
# fact: channel, frame type, market it concerns (None: all), payload
_ROWS: dict[type, tuple[str, str, Callable[[Any], str] | None, Callable[[Any], Json]]] = {
    BookMoved: ("orderbook_delta", "orderbook_delta", lambda e: e.market.ticker, delta_msg),
    TickerMoved: ("ticker", "ticker", lambda e: e.market.ticker, ticker_msg),
    Traded: ("trade", "trade", lambda e: e.trade.market.ticker, trade_msg),
    Filled: ("fill", "fill", lambda e: e.fill.trade.market.ticker, fill_msg),
    OrderMoved: ("user_orders", "user_order", lambda e: e.order.market.ticker, order_msg),
    PositionMoved: ("market_positions", "market_position", lambda e: e.market.ticker, position_msg),
    GroupMoved: ("order_group_updates", "order_group_updates", None, group_msg),
    MarketMoved: ("market_lifecycle_v2", "market_lifecycle_v2", None, lifecycle_msg),
    EventListed: ("market_lifecycle_v2", "event_lifecycle", None, event_msg),
    EventFeeMoved: ("market_lifecycle_v2", "event_fee_update", None, event_fee_msg),
}
# Every channel on which something can happen.
CHANNEL_OF = {row[0] for row in _ROWS.values()}


class Fact:
    """One fact to be shown. `account` limits it to one member; `owner` is told a little more than others."""

    __slots__ = ("_bodies", "_event", "account", "channel", "kind", "owner", "ticker")

    def __init__(self, event: VenueEvent) -> None:
        self.channel, self.kind, ticker_of, _build = _ROWS[type(event)]
        self.ticker = None if ticker_of is None else ticker_of(event)
        self.account: Account | None = getattr(event, "account", None)
        self.owner: Account | None = getattr(event, "owner", None)
        self._event = event
        self._bodies: dict[bool, bytes] = {}

    def body(self, *, yes_price: bool, own: bool) -> bytes:
        """The payload in JSON. Only the own change of a book differs from reader to reader."""
        event = self._event
        if own and isinstance(event, BookMoved):
            return _ENCODE(delta_msg(event, yes_price=yes_price) | own_delta(event))
        made = self._bodies.get(yes_price)
        if made is None:
            book = isinstance(event, BookMoved)
            shown = delta_msg(event, yes_price=yes_price) if book else _ROWS[type(event)][3](event)  # type: ignore[arg-type]
            made = self._bodies[yes_price] = _ENCODE(shown)
        return made
