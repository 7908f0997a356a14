"""StateSync: compare orders, positions and balance with the exchange at an interval, while trading goes on.

A reading counts only if nothing of ours moved between asking and the last answer (the quiet window), since reads lag
writes. A difference that stays the same over several such readings leads to CALIBRATING, which corrects; nothing is
corrected here. A busy maker may never leave a quiet window: after several readings in vain CALIBRATING makes one.
"""

from __future__ import annotations

from core.domain.effects import ReadKind
from core.domain.enums import OrderState
from core.domain.events import BalanceRead, Fact, OrdersRead, PositionsRead
from core.trading.desk import NS, Desk
from core.trading.drift import Drift, find_drift

KINDS = (ReadKind.ORDERS, ReadKind.POSITIONS, ReadKind.BALANCE)
AGAIN_NS = 2 * NS
SAME_READINGS = 3
VAIN_READINGS = 6
# A change of ours younger than this may not be in a reading yet: "reads lag writes by 0.3-1 s".
SETTLED_NS = 1_500_000_000

Difference = tuple[tuple[str, ...], Drift]


class StateSync:
    """Looks at every beat whether a comparison is due; `lasting` says why a calibration is needed, or is empty."""

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._due_ns = 0
        self._requests: dict[ReadKind, int] = {}
        self._asked_version = (0, 0)
        self._moved_ns = 0
        self._version = (0, 0)
        self._seen: tuple[object, object] = (None, None)
        self._times = [0, 0]
        self._overtaken = 0  # readings in vain, one after the other
        self.lasting = ""

    def reset(self, now_ns: int) -> None:
        """A calibration has just compared everything."""
        self._due_ns = now_ns + self._interval_ns
        self._requests.clear()
        self._seen, self._times, self.lasting = (None, None), [0, 0], ""
        self._overtaken = 0

    def sync_all(self, desk: Desk) -> None:
        """Ask and judge, when due; call it at every beat while trading."""
        version = (desk.orders.version, desk.fills.applied)
        if version != self._version:
            self._version, self._moved_ns = version, desk.now_ns
        if self._requests:
            self._collect(desk)
        elif desk.now_ns >= self._due_ns and self._quiet(desk):
            self._asked_version = version
            self._requests = {kind: desk.out.read(kind) for kind in KINDS}

    def _quiet(self, desk: Desk) -> bool:
        """Wait for a pause in our own changes, but not for long: a busy maker has none, and a suspicion is urgent."""
        waited = desk.now_ns - self._due_ns
        patience = AGAIN_NS if self._overtaken or any(self._times) else self._interval_ns
        return desk.now_ns - self._moved_ns >= SETTLED_NS or waited > patience

    def _collect(self, desk: Desk) -> None:
        if any(request not in desk.answers for request in self._requests.values()):
            return
        answers = {kind: desk.answer(request) for kind, request in self._requests.items()}
        self._requests = {}
        difference = self._difference(desk, answers)
        self._due_ns = desk.now_ns + AGAIN_NS
        if difference is None:
            self._overtaken += self._version != self._asked_version
            if self._overtaken >= (SAME_READINGS if any(self._times) else VAIN_READINGS):
                self.lasting = "never_quiet"
            return
        self._overtaken = 0
        if not difference[0] and difference[1].none:
            desk.drift_positions = 0
            desk.compared(difference[1].cash)
            self.reset(desk.now_ns)
            return
        # Orders come and go while trading; what positions or cash are off by stays the same all the same.
        seen = (difference[0] or None, None if difference[1].none else difference[1].amounts)
        for which, (now, before) in enumerate(zip(seen, self._seen, strict=True)):
            self._times[which] = 0 if now is None else (self._times[which] + 1 if now == before else 1)
        self._seen = seen
        if max(self._times) >= SAME_READINGS:
            self.lasting = "drift_found"

    def _difference(self, desk: Desk, answers: dict[ReadKind, Fact | None]) -> Difference | None:
        """What differs; None when the reading failed or something of ours moved meanwhile."""
        orders, positions, balance = (answers[kind] for kind in KINDS)
        if self._version != self._asked_version:
            return None
        if not (
            isinstance(orders, OrdersRead) and isinstance(positions, PositionsRead) and isinstance(balance, BalanceRead)
        ):
            return None
        return self._orders_off(desk, orders), find_drift(desk, positions, balance)

    @staticmethod
    def _orders_off(desk: Desk, read: OrdersRead) -> tuple[str, ...]:
        """Orders that only one of us holds for resting."""
        listed = {report.order_id for report in read.orders}
        own = {
            o.order_id
            for o in desk.orders.get_open_orders() + desk.orders.foreign_orders()
            if o.state is OrderState.RESTING and o.order_id is not None
        }
        known_open = {
            o.order_id for o in desk.orders.get_open_orders() + desk.orders.foreign_orders() if o.order_id is not None
        }
        return tuple(sorted((own - listed) | (listed - known_open)))
