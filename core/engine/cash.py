"""CashWatch: when cash recovery begins, what follows when it ends, and what a failed one waits for.

Low cash is seen after every calibration, fill and sync, at the next beat. After a recovery that could not be done only
a condition helps, not a timer: cash, somebody to trade with, the operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.amounts import NO_MONEY, Money, money_text
from core.domain.effects import ReadKind
from core.domain.enums import TraderState
from core.domain.events import BalanceRead
from core.trading.cash_plan import cash_plan, freed
from core.trading.desk import Desk
from core.trading.procedures.cash_recovery import CashRecovery, is_cash_recovery_required, own_cash

if TYPE_CHECKING:
    from core.engine.lifecycle import Lifecycle

S = TraderState
FROM = frozenset({S.READY, S.ACTING})


class CashWatch:
    """`blocked`: the last recovery failed, and ERROR waits for what would change that."""

    def __init__(self) -> None:
        self.blocked = False
        self._failed_freed = NO_MONEY
        self._request = 0
        self._read_ns = 0

    def look(self, life: Lifecycle) -> bool:
        """Begin a recovery where one is needed and possible; True when it began."""
        desk = life.desk
        if desk.state not in FROM or life.procedure is not None or not is_cash_recovery_required(desk):
            return False
        desk.warn(f"low cash: {money_text(own_cash(desk))}", f"threshold {money_text(desk.settings.minimum_cash)}")
        desk.move(S.LOW_CASH, "low_cash")
        return life.begin(CashRecovery(desk))

    def recovered(self, life: Lifecycle, ok: bool, outcome: str) -> None:
        """A recovery has ended: compare, or say what stands in the way and wait for it."""
        desk = life.desk
        desk.reducing = False
        if desk.state not in (S.LOW_CASH, S.RECOVER_CASH):
            return
        if ok:
            life.calibrate("complete_cash_recovery")
        else:
            life.fail(outcome, counts=False)
            self.blocked = True
            self._failed_freed = _could_free(desk)

    def waits(self, desk: Desk) -> bool:
        """True while a failed recovery would only fail again: no more could be freed than when it did, and no money
        came. In ERROR nothing else reads the balance, so it is read here.
        """
        if not (self.blocked and is_cash_recovery_required(desk) and _could_free(desk) <= self._failed_freed):
            return False
        answer = desk.answer(self._request) if self._request else None
        if answer is not None:
            self._request = 0
        if isinstance(answer, BalanceRead) and answer.balance > desk.positions.cash:
            self.blocked = False
        elif not self._request and desk.now_ns >= self._read_ns and desk.links.client_up:
            self._read_ns = desk.now_ns + desk.settings.sync_ns
            self._request = desk.out.read(ReadKind.BALANCE)
        return self.blocked


def _could_free(desk: Desk) -> Money:
    return Money(sum(freed(line) for line in cash_plan(desk)))
