"""CashRecovery: LOW_CASH cancels own orders and looks again; RECOVER_CASH reduces positions by real, ranked orders.

It stops as soon as enough is free; the old full close stays with the operator's liquidation. Unarmed it waits and
shows the plan. Orders are immediate and reduce-only, one at a time, sized for what is still missing; a try that
brings nothing is bounded. What cannot be done is said, with figures, and is never tried in a loop.
"""

from __future__ import annotations

from core.domain.amounts import Money, money_text
from core.domain.enums import TraderState
from core.trading.cash_plan import cash_plan, count_for
from core.trading.desk import Desk
from core.trading.order import Order
from core.trading.procedures.base import NS, Done, Rank
from core.trading.procedures.exits import is_working, send_exit
from core.trading.procedures.verify import CancelAndVerify, Progress

CANCEL_LIMIT_NS = 20 * NS
BETWEEN_TRIES_NS = NS // 2
EMPTY_TRIES = 5


class CashRecovery:
    """Brings cash (free plus reserved) back over the threshold, or says why it cannot."""

    name = "cash_recovery"
    rank = Rank.RECOVER

    def __init__(self, desk: Desk) -> None:
        self._verify = CancelAndVerify(desk, CANCEL_LIMIT_NS)
        self._working: Order | None = None
        self._empty = 0
        self._not_before_ns = 0

    def advance(self, desk: Desk) -> Done | None:
        match self._verify.advance(desk):
            case Progress.OUT_OF_TIME:
                return Done(False, "own orders could not be verified as canceled")
            case Progress.VERIFIED:
                return self._recover(desk)
            case _:
                return None

    def waiting_for(self, desk: Desk) -> str:
        """What stands in the way, in words."""
        if not desk.armed:
            return f"arming: {money_text(deficit(desk))} are missing, the plan is shown"
        return f"{money_text(deficit(desk))} more"

    def _recover(self, desk: Desk) -> Done | None:
        if self._working is not None and is_working(self._working):
            return None
        if self._working is not None:
            self._empty = self._empty + 1 if self._working.done == 0 else 0
            self._working = None
        if deficit(desk) <= 0:
            return Done(True, f"cash is {money_text(own_cash(desk))}")
        plan = cash_plan(desk)
        if not plan or self._empty >= EMPTY_TRIES:
            why = "no position can be closed now" if not plan else "exits found nobody to trade with"
            return Done(False, f"{money_text(deficit(desk))} below the cash threshold: {why}")
        if not desk.armed or desk.now_ns < self._not_before_ns:
            return None
        if desk.state is TraderState.LOW_CASH:
            desk.move(TraderState.RECOVER_CASH, "trigger_cash_recovery")
        desk.reducing = True
        self._not_before_ns = desk.now_ns + BETWEEN_TRIES_NS
        line = plan[0]
        self._working = send_exit(desk, line, count_for(line, deficit(desk)))
        if self._working is None:
            self._empty += 1
        return None


def own_cash(desk: Desk) -> Money:
    """Free cash and what own resting orders reserve, which a cancel frees; what foreign orders hold is theirs."""
    return Money(desk.positions.cash - desk.risk.reserved_by_others())


def deficit(desk: Desk) -> Money:
    """How much cash is missing."""
    return Money(desk.settings.minimum_cash - own_cash(desk))


def is_cash_recovery_required(desk: Desk) -> bool:
    return desk.positions.cash_known and deficit(desk) > 0
