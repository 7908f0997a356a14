"""Calibration: read status, orders, positions, balance and fills in parallel, apply orders first, compare, be ready.

The first calibration takes the exchange's state as the base, and believes it once nothing moved while it was read.
Later ones compare: a difference is read again before it is believed, then our books follow the exchange by a recorded
correction; nothing is silently overwritten.
"""

from __future__ import annotations

from core.domain.amounts import NO_MONEY, money_text
from core.domain.effects import ReadKind
from core.domain.enums import OrderState
from core.domain.events import (
    BalanceRead,
    ExchangeStatusRead,
    Fact,
    FillsRead,
    OrdersRead,
    PositionsRead,
    ReadFailed,
    SettlementsRead,
)
from core.trading.booking import take_base, take_fill, take_report, take_settlements
from core.trading.correction import correct
from core.trading.desk import NS, Desk
from core.trading.drift import Drift, find_drift, told_cash
from core.trading.order import order_worst_loss
from core.trading.order_replies import ended_long_ago
from core.trading.procedures.base import Done, Rank
from core.trading.snapshot import StepView

READS: tuple[tuple[str, ReadKind], ...] = (
    ("exchange_status", ReadKind.EXCHANGE_STATUS),
    ("sync_orders", ReadKind.ORDERS),
    ("sync_positions", ReadKind.POSITIONS),
    ("sync_balance", ReadKind.BALANCE),
    ("fills", ReadKind.FILLS),
)
SETTLEMENTS = "settlements"
STEPS = ("exchange_status", "streams", *(name for name, _ in READS[1:]), "ledger", "cash_check")
ROUNDS = 4
LAST_ROUND = 12
AGAIN_NS = NS
PRIVATE_CHANNELS = frozenset({"fill", "user_orders"})


class Calibration:
    """Named steps with status and duration. `first` takes a base, later ones compare."""

    name = "calibration"
    rank = Rank.CALIBRATE

    def __init__(self, desk: Desk, *, first: bool) -> None:
        self._first = first
        self._started_ns = desk.now_ns
        self._requests: dict[str, int] = {}
        self._answers: dict[str, Fact] = {}
        self._fills_at_ask = 0
        self._drift: Drift | None = None
        self._round = 0
        self._not_before_ns = 0
        self.drift_cash = NO_MONEY
        self.paused = ""
        self.unread = False
        self._steps = {name: StepView(step=name, status="waiting", elapsed_ns=None) for name in STEPS}

    def steps(self) -> tuple[StepView, ...]:
        return tuple(self._steps.values())

    def advance(self, desk: Desk) -> Done | None:
        if not desk.links.stream_up or not desk.links.subscribed >= PRIVATE_CHANNELS:
            self._mark(desk, "streams", "running")
            return None
        self._mark(desk, "streams", "complete")
        if not self._requests:
            # What an order in doubt reserves is not known: no reading can be compared before it is looked up. A base
            # need not wait: nothing of ours stands against it yet, and what an earlier session left in doubt closes
            # its own market alone.
            moving = not self._first and (desk.orders.in_doubt() or desk.orders.action_in_flight())
            if desk.now_ns < self._not_before_ns or moving:
                return None
            self._ask(desk)
            return None
        failed = self._collect(desk)
        if failed is not None:
            return failed
        if len(self._answers) < len(self._requests) or not self._settlements_known(desk):
            return None
        self._requests = {}
        return self._compare(desk)

    # ---- steps -------------------------------------------------------------------------------------------------

    def _mark(self, desk: Desk, step: str, status: str, detail: str = "") -> None:
        known = self._steps.get(step)
        if known is not None and known.status == "complete" and status == "complete":
            return
        elapsed = None if status == "waiting" else desk.now_ns - self._started_ns
        self._steps[step] = StepView(step=step, status=status, elapsed_ns=elapsed, detail=detail)

    def _ask(self, desk: Desk) -> None:
        self._round += 1
        self._answers = {}
        self._fills_at_ask = desk.fills.applied
        for step, kind in READS:
            since = desk.fills_since_ms if kind is ReadKind.FILLS else None
            self._requests[step] = desk.out.read(kind, since_ms=since)
            self._mark(desk, step, "running")

    def _collect(self, desk: Desk) -> Done | None:
        for step, request in self._requests.items():
            answer = None if step in self._answers else desk.answer(request)
            if isinstance(answer, ReadFailed):
                self._mark(desk, step, "failed", answer.reason)
                self.unread = True
                return Done(False, f"{step} failed: {answer.reason}")
            if answer is not None:
                self._answers[step] = answer
                self._mark(desk, step, "complete")
        return None

    def _settlements_known(self, desk: Desk) -> bool:
        """A position that is gone from the exchange's list may have been paid while nobody listened: only then are
        settlements read, and what they explain is booked as such.
        """
        positions, found = self._answers["sync_positions"], self._answers.get(SETTLEMENTS)
        assert isinstance(positions, PositionsRead)
        if isinstance(found, SettlementsRead):
            take_settlements(desk, found)
            return True
        told = {report.ticker for report in positions.positions if report.position}
        if all(held.ticker in told for held in desk.positions.open()):
            return True
        self._requests[SETTLEMENTS] = desk.out.read(ReadKind.SETTLEMENTS, since_ms=desk.fills_since_ms)
        self._mark(desk, SETTLEMENTS, "running")
        return False

    # ---- comparing ---------------------------------------------------------------------------------------------

    def _compare(self, desk: Desk) -> Done | None:
        status, orders, positions, balance, fills = (self._answers[step] for step, _ in READS)
        assert isinstance(status, ExchangeStatusRead)
        assert isinstance(orders, OrdersRead)
        assert isinstance(positions, PositionsRead)
        assert isinstance(balance, BalanceRead)
        assert isinstance(fills, FillsRead)
        desk.links.exchange_active = status.exchange_active
        desk.links.trading_active = status.trading_active
        self._mark(desk, "ledger", "running")
        self._apply_orders(desk, orders)
        if self._first:
            settled = self._take_base(desk, orders, positions, balance, fills)
        else:
            settled = self._settle(desk, positions, balance, fills)
        if not settled and self._round >= LAST_ROUND:
            self._mark(desk, "ledger", "failed", "readings keep changing")
            return Done(False, "our books and the exchange's do not come to rest")
        if not settled:
            self._not_before_ns = desk.now_ns + AGAIN_NS
            return None
        desk.compared(self.drift_cash)
        self._mark(desk, "ledger", "complete", f"cash drift {money_text(self.drift_cash, places=6)}")
        self._mark(desk, "cash_check", "complete", f"free {money_text(balance.balance)}")
        if not (status.exchange_active and status.trading_active):
            self.paused = "exchange_not_active" if not status.exchange_active else "trading_not_active"
        open_positions = len(desk.positions.open())
        orders_open = len(desk.orders.get_open_orders())
        drift = money_text(self.drift_cash, places=6)
        return Done(True, f"compared: {open_positions} positions, {orders_open} orders, cash drift {drift}")

    @staticmethod
    def _apply_orders(desk: Desk, read: OrdersRead) -> None:
        """Reports first; then every order on which list and we disagree is looked up by itself: one we hold for
        resting and the list lacks, and one that ended long ago with us and is still listed.
        """
        listed = set()
        for report in read.orders:
            order = take_report(desk, report, is_read=True)
            listed.add(report.order_id)
            if order.ticker in desk.contested:
                order.filled = order.claimed = min(order.filled, report.filled)
                desk.orders.version += 1
            if ended_long_ago(order, desk.wall_ns) and not order.lookup_request:
                desk.orders.look_up(order, desk.out)
        for order in desk.orders.get_open_orders() + desk.orders.foreign_orders():
            if order.state is OrderState.RESTING and order.order_id not in listed and not order.lookup_request:
                desk.orders.look_up(order, desk.out)

    def _take_base(
        self, desk: Desk, orders: OrdersRead, positions: PositionsRead, balance: BalanceRead, fills: FillsRead
    ) -> bool:
        """Believe the reading when no fill came while it was read; the stream of fills was open before it began."""
        doubts = desk.orders.in_doubt()
        if any(order.lookup_request for order in desk.orders.get_open_orders() if order not in doubts):
            # An order that an earlier session left open is being looked up: what it reserves is not known before.
            return False
        if desk.fills.applied != self._fills_at_ask and self._round < ROUNDS:
            return False
        take_base(desk, positions, fills)
        desk.base_taken()
        # An order in doubt that the list does not have reserves nothing in the balance that was read with it. Should
        # it have been there all the same, the difference at the next comparison is its own. One that is listed, and
        # of which only a change is in doubt, reserves what it is listed with.
        told = {report.order_id: (report.price, report.remaining) for report in orders.orders}
        doubts = desk.orders.in_doubt()
        listed = {o.client_order_id: told[o.order_id] for o in doubts if o.order_id is not None and o.order_id in told}
        unseen = {o.client_order_id: order_worst_loss(o) for o in doubts if o.client_order_id not in listed}
        desk.unseen_at_base = unseen
        desk.positions.set_cash(told_cash(balance.balance, desk.risk.reserved_without(unseen, listed)))
        return True

    def _settle(self, desk: Desk, positions: PositionsRead, balance: BalanceRead, fills: FillsRead) -> bool:
        for fill in fills.fills:
            take_fill(desk, fill)
        drift = find_drift(desk, positions, balance)
        self.drift_cash, desk.drift_positions = drift.cash, len(drift.positions)
        if drift.none:
            return True
        # Reads lag writes, and a fill may be on its way: only the same difference, read again, is believed.
        if self._drift is None or drift.amounts != self._drift.amounts or self._round < ROUNDS:
            self._drift = drift
            return False
        correct(desk, drift)
        return True
