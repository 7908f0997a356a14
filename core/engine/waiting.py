"""What the trader waits for, in words an operator can act on."""

from __future__ import annotations

from core.domain.amounts import money_text
from core.domain.enums import PauseKind, TraderState
from core.engine.lifecycle import Lifecycle
from core.trading.desk import NS
from core.trading.procedures.cash_recovery import CashRecovery, deficit

S = TraderState


def waiting_for(life: Lifecycle) -> str:
    """The condition of the next move; "" where nothing in particular is waited for."""
    desk = life.desk
    if desk.state is S.ERROR and life.cash.blocked:
        return f"{money_text(deficit(desk))} more cash, a better price to sell at, or the operator"
    if isinstance(life.procedure, CashRecovery):
        return life.procedure.waiting_for(desk)
    if desk.state is S.ERROR:
        left = max(0, life.retry_ns - desk.now_ns) // NS
        return f"try {life.failures} in {left} s"
    if desk.state is S.ORDERBOOK_CONNECT:
        return "whole books" if desk.links.stream_up else "the stream"
    if desk.state is S.PAUSED and desk.machine.pause is PauseKind.OPERATOR:
        return "the operator to resume"
    if desk.state is S.PAUSED:
        return f"the {desk.machine.pause} to come back"
    return ""
