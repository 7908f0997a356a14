"""QueueBound: the most that can stand before each own resting order at its price, from the books as they are seen.

Who comes later stands behind: "price-time priority". So an order never has more before it than the least that its
level has held, our own contracts there left out, since it rests at its price. A bound from above, never a guess below.
"""

from __future__ import annotations

from core.domain.amounts import Count, Price
from core.domain.enums import OrderState, Ownership
from core.domain.ids import ClientOrderId
from core.trading.desk import Desk
from core.trading.order import Order

_STANDS = frozenset({OrderState.RESTING, OrderState.AMENDING, OrderState.CANCELING})


class QueueBound:
    """Looked at with every picture; only trusted books count."""

    def __init__(self) -> None:
        self._least: dict[ClientOrderId, tuple[Price, Count]] = {}

    def look(self, desk: Desk) -> None:
        """Take the books as they stand now."""
        seen: dict[ClientOrderId, tuple[Price, Count]] = {}
        for order in desk.orders.get_open_orders():
            if order.state not in _STANDS or order.ownership is Ownership.FOREIGN:
                continue
            known = self._least.get(order.client_order_id)
            if known is not None and known[0] != order.price:
                known = None
            market = desk.markets.get(order.ticker)
            if market is not None and market.book.trusted:
                own = sum(
                    o.remaining
                    for o in desk.orders.open_in(order.ticker)
                    if o.side is order.side and o.price == order.price and o.ownership is not Ownership.FOREIGN
                )
                now = Count(max(0, market.book.size(order.side, order.price) - own))
                known = (order.price, now if known is None else min(known[1], now))
            if known is not None:
                seen[order.client_order_id] = known
        self._least = seen

    def ahead(self, order: Order) -> Count | None:
        """Contracts of others before it at most; None while that is not known."""
        known = self._least.get(order.client_order_id)
        return None if known is None or known[0] != order.price else known[1]
