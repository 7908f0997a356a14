"""Reads that lag the truth: copies of an account as it was, and an order that fills just before its cancel."""

from __future__ import annotations

import copy
from collections import deque

import msgspec

from core.domain.amounts import Count
from core.domain.enums import OrderStatus, TimeInForce
from core.sim.accounts import Account
from core.sim.errors import Refused
from core.sim.model import NewOrder
from core.sim.text import NS_PER_MS
from core.sim.venue import Venue

KEPT = 50
LEAST_EVERY_NS = 20 * NS_PER_MS


def frozen(account: Account) -> Account:
    """The account as it is now; what happens to it later does not show."""
    made = copy.copy(account)
    made.positions = {ticker: copy.copy(held) for ticker, held in account.positions.items()}
    made.orders = {order_id: msgspec.structs.replace(order) for order_id, order in account.orders.items()}
    made.fills, made.settlements = list(account.fills), list(account.settlements)
    made.transfers, made.groups = list(account.transfers), dict(account.groups)
    made.keep_resting(made.orders)
    return made


class PastViews:
    """Copies of accounts, taken while reads are stale."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[tuple[int, Account]]] = {}

    def take(self, accounts: list[Account], now_ns: int, lag_ns: int) -> None:
        """Keep how the accounts are now, often enough for the lag."""
        every_ns = max(LEAST_EVERY_NS, lag_ns // 10)
        for account in accounts:
            kept = self._kept.setdefault(account.user_id, deque(maxlen=KEPT))
            if not kept or now_ns - kept[-1][0] >= every_ns:
                kept.append((now_ns, frozen(account)))

    def forget(self) -> None:
        self._kept.clear()

    def view(self, account: Account, now_ns: int, lag_ns: int) -> Account:
        """The account as it was before the lag, or as early as is known."""
        kept = self._kept.get(account.user_id)
        if not kept:
            return account
        older = [seen for at, seen in kept if at <= now_ns - lag_ns]
        return older[-1] if older else kept[0][1]


def fill_before_cancel(venue: Venue, house: Account, account: Account, order_id: str, part: int, now_ns: int) -> None:
    """Somebody trades against a resting order, `part` percent of it, and against all that is in front of it."""
    order = account.orders.get(order_id)
    if order is None or order.status is not OrderStatus.RESTING:
        return
    ahead = order.market.book.side(order.side).ahead(order)
    wish = NewOrder(
        ticker=order.market.ticker,
        side=order.side.opposite,
        price=order.price,
        count=Count(ahead + max(1, order.remaining * part // 100)),
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
    )
    try:
        venue.place(house, wish, now_ns)
    except Refused:
        return  # nobody can trade now
