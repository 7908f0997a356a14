"""TraderStateMachine: where the trader is, and the one declared table of moves between states.

Every move names why it may happen; a move without a row raises before anything changes. Every state has a time limit
and what happens at it, or says what it waits for. Callers give time as an argument.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from core.domain.enums import PauseKind, TraderState
from core.domain.errors import IllegalTransition
from core.trading.snapshot import TransitionView

S = TraderState
NS = 1_000_000_000

# (from, to): what this move is for. SHUTDOWN and ERROR from anywhere are added below.
_ROWS: tuple[tuple[TraderState, TraderState, str], ...] = (
    (S.STARTUP, S.IDLE, "the parts are assembled"),
    (S.IDLE, S.INITIALIZING, "the trader was started"),
    (S.INITIALIZING, S.ORDERBOOK_CONNECT, "the exchange's markets are known"),
    (S.ORDERBOOK_CONNECT, S.TRADING_CLIENT_CONNECT, "every watched book is whole"),
    (S.ORDERBOOK_CONNECT, S.READY, "every watched book is whole and the trading client is switched off"),
    (S.TRADING_CLIENT_CONNECT, S.CALIBRATING, "exchange and account answer"),
    (S.TRADING_CLIENT_CONNECT, S.PAUSED, "the exchange does not trade now"),
    (S.CALIBRATING, S.READY, "our books equal the exchange's"),
    (S.CALIBRATING, S.PAUSED, "a pause was asked for, or the exchange does not trade now"),
    (S.READY, S.ACTING, "an action is in flight"),
    (S.ACTING, S.READY, "no action is in flight any more"),
    (S.READY, S.CALIBRATING, "a new comparison was asked for"),
    (S.ACTING, S.CALIBRATING, "a new comparison was asked for"),
    (S.READY, S.PAUSED, "operator, exchange or feed pause"),
    (S.ACTING, S.PAUSED, "operator, exchange or feed pause, or a liquidation ended"),
    (S.READY, S.ORDERBOOK_CONNECT, "the stream is gone and nothing is traded"),
    (S.CALIBRATING, S.LOW_CASH, "cash is below its threshold"),
    (S.READY, S.LOW_CASH, "cash is below its threshold"),
    (S.ACTING, S.LOW_CASH, "cash is below its threshold"),
    (S.LOW_CASH, S.RECOVER_CASH, "positions are reduced to free cash"),
    (S.LOW_CASH, S.CALIBRATING, "there is enough cash again, or a comparison was asked for"),
    (S.RECOVER_CASH, S.CALIBRATING, "there is enough cash again"),
    (S.LOW_CASH, S.PAUSED, "operator pause"),
    (S.RECOVER_CASH, S.PAUSED, "operator pause"),
    (S.LOW_CASH, S.ACTING, "the operator liquidates"),
    (S.PAUSED, S.READY, "the operator resumed"),
    (S.PAUSED, S.CALIBRATING, "exchange or feed is back, or a comparison was asked for"),
    (S.PAUSED, S.ACTING, "the operator liquidates"),
    (S.ERROR, S.CALIBRATING, "stream and client are up again"),
    (S.ERROR, S.ORDERBOOK_CONNECT, "coming up again from the stream on"),
    (S.ERROR, S.INITIALIZING, "coming up again from the start"),
    (S.ERROR, S.PAUSED, "the operator asked for a pause"),
    (S.ERROR, S.ACTING, "the operator liquidates while connected"),
)

TRANSITIONS: dict[tuple[TraderState, TraderState], str] = {
    **{(a, b): why for a, b, why in _ROWS},
    **{(a, S.SHUTDOWN): "the trader stops" for a in S if a is not S.SHUTDOWN},
    **{(a, S.ERROR): "something needed was lost" for a in S if a not in (S.ERROR, S.SHUTDOWN, S.STARTUP)},
}


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long a state may last; None means it waits for its condition, which `waits_for` names."""

    seconds: int | None
    waits_for: str


LIMITS: dict[TraderState, TimeLimit] = {
    S.STARTUP: TimeLimit(10, "assembly"),
    S.IDLE: TimeLimit(None, "the start command"),
    S.INITIALIZING: TimeLimit(30, "the exchange's list of markets"),
    S.ORDERBOOK_CONNECT: TimeLimit(30, "stream connected and every watched book whole"),
    S.TRADING_CLIENT_CONNECT: TimeLimit(30, "the exchange's status"),
    S.CALIBRATING: TimeLimit(30, "orders, positions, balance and fills read and compared"),
    S.READY: TimeLimit(None, "a reason to act"),
    S.ACTING: TimeLimit(60, "the replies to actions in flight"),
    S.LOW_CASH: TimeLimit(None, "own orders canceled, then arming or enough cash"),
    S.RECOVER_CASH: TimeLimit(300, "enough cash"),
    S.PAUSED: TimeLimit(None, "the pause to end"),
    S.ERROR: TimeLimit(None, "the next try"),
    S.SHUTDOWN: TimeLimit(None, "own orders canceled and verified; 20 s without one ended, and it leaves"),
}

HISTORY = 100


class TraderStateMachine:
    """The present state, since when and why, and the last moves. READY/ACTING pairs are folded into a count."""

    def __init__(self, now_ns: int, wall_ns: int) -> None:
        self.state = S.STARTUP
        self.reason = "assembling"
        self.pause: PauseKind | None = None
        self.entered_ns = now_ns
        self.entered_at = wall_ns
        self.history: deque[TransitionView] = deque(maxlen=HISTORY)
        self.visits: list[tuple[TraderState, int, str]] = [(S.STARTUP, wall_ns, "assembling")]

    def can(self, target: TraderState) -> bool:
        return (self.state, target) in TRANSITIONS

    def move(
        self, target: TraderState, reason: str, now_ns: int, wall_ns: int, pause: PauseKind | None = None
    ) -> TransitionView:
        """Go to `target`; IllegalTransition when the table has no such row. `pause` goes with PAUSED only."""
        if (self.state, target) not in TRANSITIONS:
            raise IllegalTransition(f"no move from {self.state} to {target} ({reason})")
        if (target is S.PAUSED) != (pause is not None):
            raise IllegalTransition(f"{target} with pause kind {pause}")
        step = TransitionView(
            at=wall_ns,
            source=self.state,
            target=target,
            reason=reason,
            seconds_in_source=max(0, now_ns - self.entered_ns) // NS,
        )
        self._remember(step)
        self.state, self.reason, self.pause = target, reason, pause
        self.entered_ns, self.entered_at = now_ns, wall_ns
        return step

    def _remember(self, step: TransitionView) -> None:
        busy = {S.READY, S.ACTING}
        last = self.history[-1] if self.history else None
        if step.source in busy and step.target in busy and last and last.source in busy and last.target in busy:
            folded = last.folded + (1 if step.target is S.READY else 0)
            self.history[-1] = TransitionView(
                at=step.at,
                source=step.source,
                target=step.target,
                reason=step.reason,
                seconds_in_source=step.seconds_in_source,
                folded=folded,
            )
        else:
            self.history.append(step)
        if not (step.source in busy and step.target in busy and self._visited_acting()):
            self.visits.append((step.target, step.at, step.reason))

    def _visited_acting(self) -> bool:
        """True when the report already shows ACTING since the last move other than READY/ACTING."""
        return len(self.visits) >= 2 and {self.visits[-1][0], self.visits[-2][0]} == {S.READY, S.ACTING}

    def overdue(self, now_ns: int) -> bool:
        seconds = LIMITS[self.state].seconds
        return seconds is not None and now_ns - self.entered_ns > seconds * NS

    def limit_ns(self) -> int | None:
        seconds = LIMITS[self.state].seconds
        return None if seconds is None else seconds * NS

    def label(self, armed: bool) -> str:
        if self.state is S.PAUSED and self.pause is not None:
            return f"PAUSED ({self.pause})"
        if self.state in (S.READY, S.ACTING) and not armed:
            return f"{self.state} (not armed)"
        return self.state.value
