"""ActorService: the decision loop: book change -> view -> strategy -> differ -> wishes through the one road.

Woken only at the beat, conflated; at most `room` orders a call, and a market rests `PACE_NS` between changes of
its quotes.
"""

from __future__ import annotations

from core.domain.amounts import Count, Price
from core.domain.commands import CancelOrder
from core.domain.enums import BookSide, OrderState, Origin
from core.domain.ids import Ticker
from core.market.view import Market
from core.strategy.base import MarketView, Quote, Strategy
from core.strategy.differ import Wish, Working, diff
from core.trading.desk import NS, Desk
from core.trading.order import Order

PACE_NS = NS // 4
RENEW_PART = 3
REFUSED_REST_NS = 2 * NS
# Quotes that are as wished are looked at again when anything moved, and now and then for their age.
LOOK_EVERY_NS = NS


class ActorService:
    """Decides for the quoted markets; the desk checks and sends."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.quoted: tuple[Ticker, ...] = ()
        self._acted_ns: dict[Ticker, int] = {}
        self._content: dict[Ticker, tuple[int, tuple[object, ...]]] = {}

    def decide(self, desk: Desk, room: int) -> list[Wish]:
        """Wishes for the quoted markets that may be changed now: all cancels, and at most `room` orders, new or made
        smaller.
        """
        wishes: list[Wish] = []
        for ticker in self.quoted:
            market = desk.markets.get(ticker)
            if market is None or desk.now_ns - self._acted_ns.get(ticker, -PACE_NS) < PACE_NS:
                continue
            if self._nothing_moved(desk, market):
                continue
            found = self._decide_market(desk, market)
            if not found:
                self._content[ticker] = (desk.now_ns, _stamp(desk, market))
            orders = sum(not isinstance(wish, CancelOrder) for wish in found)
            if found and orders <= room:
                room -= orders
                self._acted_ns[ticker] = desk.now_ns
                wishes += found
        return wishes

    def waits_ns(self, ticker: Ticker, now_ns: int) -> int:
        """How long this market still rests before its quotes may change; 0: not at all."""
        return max(0, self._acted_ns.get(ticker, -PACE_NS) + PACE_NS - now_ns)

    def rest(self, ticker: Ticker, now_ns: int) -> None:
        """Leave a market alone for a while, after a refusal."""
        self._acted_ns[ticker] = now_ns + REFUSED_REST_NS

    def _nothing_moved(self, desk: Desk, market: Market) -> bool:
        """Whether all that a decision depends on is as it was when there was nothing to wish for."""
        looked_ns, stamp = self._content.get(market.info.ticker, (0, ()))
        return desk.now_ns - looked_ns < LOOK_EVERY_NS and stamp == _stamp(desk, market)

    def _decide_market(self, desk: Desk, market: Market) -> list[Wish]:
        orders = [o for o in desk.orders.get_open_orders() if o.ticker == market.info.ticker]
        quotes: tuple[Quote, ...] = ()
        if market.tradable and not any(o.state is OrderState.IN_DOUBT for o in orders):
            quotes = self.strategy.quotes(self.view(desk, market, orders))
        # What a person placed is the person's: the strategy sees it in the book but does not touch it.
        own = [o for o in orders if o.origin is Origin.STRATEGY]
        return diff(quotes, tuple(self._working(desk, o) for o in own))

    @staticmethod
    def _working(desk: Desk, order: Order) -> Working:
        age_ns = desk.now_ns - order.created_ns
        return Working(
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            price=order.price,
            remaining=Count(order.remaining),
            settled=order.state is OrderState.RESTING and not order.cancel_wanted,
            old=age_ns * RENEW_PART > desk.settings.lease_s * NS * (RENEW_PART - 1),
        )

    @staticmethod
    def view(desk: Desk, market: Market, orders: list[Order]) -> MarketView:
        """The market as the strategy sees it: without our own orders."""
        return MarketView(
            ticker=market.info.ticker,
            grid=market.grid,
            best_bid=_best_of_others(market, BookSide.BID, orders),
            best_ask=_best_of_others(market, BookSide.ASK, orders),
            position=Count(desk.positions.net(market.info.ticker)),
        )


def _stamp(desk: Desk, market: Market) -> tuple[object, ...]:
    return (market.version, market.book.version, market.tradable, desk.orders.version, desk.positions.version)


def _best_of_others(market: Market, side: BookSide, orders: list[Order]) -> Price | None:
    """The best price where somebody else's contracts rest."""
    own: dict[Price, int] = {}
    for order in orders:
        if order.side is side:
            own[order.price] = own.get(order.price, 0) + order.remaining
    for price, count in market.book.levels(side, len(own) + 1):
        if count > own.get(price, 0):
            return price
    return None
