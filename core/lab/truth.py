"""The exchange's truth and the trader's words as plain values, for an auditor that knows neither's types."""

from __future__ import annotations

from typing import Any

from core.domain.enums import Ownership
from core.lab.audit.auditor import Auditor
from core.lab.audit.claims import Claim
from core.lab.audit.ledger import Order
from core.sim.accounts import Account
from core.sim.events import BookMoved, Filled, OrderMoved, VenueEvent
from core.sim.server import ExchangeServer
from core.trading.snapshot import TraderSnapshot


class Truth:
    """Stands at the venue's way out and tells the auditor what passes, in its order."""

    def __init__(self, server: ExchangeServer, auditor: Auditor) -> None:
        self._venue = server.venue
        self._auditor = auditor
        self._account: Account = server.account
        self._settlements = len(server.account.settlements)
        self._transfers = len(server.account.transfers)
        self._take = server.venue.take_events
        self.book_changes = 0
        auditor.ledger.cash = server.account.cash
        for ticker, market in server.venue.markets.items():
            for name, side in (("bid", market.book.bids), ("ask", market.book.asks)):
                for price, size in side.levels():
                    auditor.ledger.level(ticker, name, price, size)
        setattr(server.venue, "take_events", self.take_events)  # noqa: B010  the one seam between venue and server

    def take_events(self) -> list[VenueEvent]:
        self._auditor.tick()
        events = self._take()
        for event in events:
            if type(event) is BookMoved:
                self.book_changes += 1
                self._auditor.ledger.level(event.market.ticker, event.side.value, event.price, event.delta)
            elif type(event) is Filled:
                self._filled(event)
            elif type(event) is OrderMoved and event.account is self._account:
                self._moved(event)
        self._money()
        return events

    def _filled(self, event: Filled) -> None:
        if event.account is not self._account:
            return
        fill = event.fill
        order, trade = fill.order, fill.trade
        self._auditor.ledger.fill(
            trade.trade_id,
            order.order_id,
            trade.market.ticker,
            order.side.value,
            int(trade.price),
            int(trade.count),
            int(fill.fee),
            self._auditor.now_ns,
        )

    def _moved(self, event: OrderMoved) -> None:
        order = event.order
        self._auditor.order(
            Order(
                order.order_id,
                order.client_order_id,
                order.market.ticker,
                order.side.value,
                int(order.price),
                int(order.count),
                int(order.remaining),
                int(order.filled),
                order.status.value,
                self._auditor.now_ns,
            )
        )

    def _money(self) -> None:
        account, ledger, now = self._account, self._auditor.ledger, self._auditor.now_ns
        while self._settlements < len(account.settlements):
            row = account.settlements[self._settlements]
            self._settlements += 1
            ledger.settled(row.market.ticker, int(row.paid), now)
        while self._transfers < len(account.transfers):
            ledger.moved_cash(int(account.transfers[self._transfers].amount), now)
            self._transfers += 1


def claim_of(picture: TraderSnapshot) -> Claim:
    """What a picture says."""
    money = picture.money
    known = money.synced_at > 0
    orders = {
        o.client_order_id or str(o.order_id): (o.state.value, o.ownership.value, int(o.remaining))
        for o in picture.orders
    }
    return Claim(
        taken_ns=picture.taken_ns,
        state=picture.state.state.value,
        reason=picture.state.reason,
        permission=int(picture.state.permission),
        permission_reason=picture.state.permission_reason,
        tripped=picture.breaker.tripped,
        breaker_reason=picture.breaker.reason,
        cash=money.cash + money.reserved if known else None,
        positions={str(p.ticker): int(p.count) for p in picture.positions if p.count},
        orders=orders,
        books={str(b.ticker): (b.trusted, _top(b.bids), _top(b.asks)) for b in picture.books},
        quoted=tuple(str(b.ticker) for b in picture.books if b.quoted),
        pending=tuple(a.command_id for a in picture.actions if a.status == "pending"),
        foreign=sum(1 for o in picture.orders if o.ownership is Ownership.FOREIGN),
        internal=tuple(e.error for e in picture.errors if e.error.startswith("internal") or " died" in e.error),
        stream_up=picture.feed.stream_up,
        rest_up=picture.feed.rest_up,
    )


def _top(levels: tuple[tuple[Any, Any], ...]) -> int | None:
    return int(levels[0][0]) if levels else None
