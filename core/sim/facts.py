"""A venue fact on its way to the connections: its channel, whose it is, and a payload encoded once for all readers."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

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
    delta_text,
    event_fee_msg,
    event_msg,
    fill_msg,
    group_msg,
    lifecycle_msg,
    order_msg,
    own_delta_text,
    position_msg,
    ticker_text,
    trade_msg,
)
from core.sim.views import Json

_ENCODE = msgspec.json.Encoder().encode


def _shown(build: Callable[[Any], Json]) -> Callable[[Any], str]:
    return lambda event: _ENCODE(build(event)).decode()


class _Row(NamedTuple):
    """Of one kind of fact: channel, frame type, market it concerns (None: all), payload as JSON, whose it is."""

    channel: str
    kind: str
    ticker: Callable[[Any], str] | None
    text: Callable[[Any], str]
    private: bool = False


_IN_BOOK, _OF_ORDER = attrgetter("market.ticker"), attrgetter("order.market.ticker")
_OF_TRADE, _OF_FILL = attrgetter("trade.market.ticker"), attrgetter("fill.trade.market.ticker")
_ROWS: dict[type, _Row] = {
    BookMoved: _Row("orderbook_delta", "orderbook_delta", _IN_BOOK, delta_text),
    TickerMoved: _Row("ticker", "ticker", _IN_BOOK, ticker_text),
    Traded: _Row("trade", "trade", _OF_TRADE, _shown(trade_msg)),
    Filled: _Row("fill", "fill", _OF_FILL, _shown(fill_msg), True),
    OrderMoved: _Row("user_orders", "user_order", _OF_ORDER, _shown(order_msg), True),
    PositionMoved: _Row("market_positions", "market_position", _IN_BOOK, _shown(position_msg), True),
    GroupMoved: _Row("order_group_updates", "order_group_updates", None, _shown(group_msg), True),
    MarketMoved: _Row("market_lifecycle_v2", "market_lifecycle_v2", None, _shown(lifecycle_msg)),
    EventListed: _Row("market_lifecycle_v2", "event_lifecycle", None, _shown(event_msg)),
    EventFeeMoved: _Row("market_lifecycle_v2", "event_fee_update", None, _shown(event_fee_msg)),
}
# Every channel on which something can happen.
CHANNEL_OF = {row.channel for row in _ROWS.values()}


class Fact:
    """One fact to be shown. `account` limits it to one member; `owner` is told a little more than others."""

    __slots__ = ("_event", "_make", "_text", "account", "channel", "kind", "owner", "ticker")

    def __init__(self, event: VenueEvent) -> None:
        self.channel, self.kind, ticker_of, self._make, private = _ROWS[type(event)]
        self.ticker = None if ticker_of is None else ticker_of(event)
        self.account: Account | None = event.account if private else None  # type: ignore[union-attr]
        self.owner = event.owner if type(event) is BookMoved else None
        self._event = event
        self._text = ""

    def text(self, *, yes_price: bool, own: bool) -> str:
        """The payload in JSON. Only changes of books differ from reader to reader: by the side prices are told on, and
        for who made them.
        """
        event = self._event
        if (own or yes_price) and isinstance(event, BookMoved):
            return (own_delta_text if own else delta_text)(event, yes_price=yes_price)
        if not self._text:
            self._text = self._make(event)
        return self._text
