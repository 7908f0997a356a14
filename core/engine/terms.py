"""Terms of markets: when the exchange says that fees or price steps changed, they are read anew, and own orders that do
not fit the new steps are canceled.
"""

from __future__ import annotations

from core.domain.effects import ReadKind
from core.domain.events import MarketsRead
from core.trading.desk import NS, Desk

BETWEEN_NS = 5 * NS


class Terms:
    """Looked at once a beat; at most one reading at a time, and not too many."""

    def __init__(self) -> None:
        self.readings = 0
        self._request = 0
        self._not_before_ns = 0

    def beat(self, desk: Desk) -> None:
        if self._request:
            answer = desk.answer(self._request)
            if answer is not None:
                self._request = 0
                self._learn(desk, answer)
        elif desk.terms_stale and desk.links.client_up and desk.now_ns >= self._not_before_ns:
            desk.terms_stale = False
            self._not_before_ns = desk.now_ns + BETWEEN_NS
            self._request = desk.out.read(ReadKind.MARKETS)

    def _learn(self, desk: Desk, answer: object) -> None:
        if not isinstance(answer, MarketsRead):
            desk.terms_stale = True
            return
        self.readings += 1
        desk.markets.learn(answer.markets, desk.wall_ns)
        desk.status.log_action_result(desk.wall_ns, "market", f"terms of {len(answer.markets)} markets read anew")
        for order in desk.orders.get_open_orders():
            market = desk.markets.get(order.ticker)
            if market is not None and not market.grid.is_valid(order.price):
                desk.cancel(order)
