"""The trader's state for people: the road, the time there, what it waits for, the calibration checklist.

READY and ACTING alternate many times a second while quoting. Here they are one state, READY, with a mark while
something is in flight; its time counts from the last move that was not between those two. A liquidation is shown as
ACTING.
"""

from __future__ import annotations

from core.domain.amounts import count_text
from core.domain.enums import PauseKind, Permission, TraderState
from core.trading.snapshot import StepView, TraderSnapshot, TransitionView
from tui.view_models.ages import SECOND_NS, age_text, clock_text, span_text, wall_now
from tui.view_models.cells import Block, Cell, Line, first_fitting, joined, packed, width_of
from tui.view_models.money import signed
from tui.view_models.symbols import Symbols
from tui.view_models.tables import signed_role
from tui.view_models.view_state import Frame

_FLIP = frozenset({TraderState.READY, TraderState.ACTING})
MARK_NS = 2 * SECOND_NS
CHECKLIST_NS = 8 * SECOND_NS

ROAD = (
    (TraderState.STARTUP, "startup"),
    (TraderState.IDLE, "idle"),
    (TraderState.INITIALIZING, "initializing"),
    (TraderState.ORDERBOOK_CONNECT, "orderbook"),
    (TraderState.TRADING_CLIENT_CONNECT, "trading client"),
    (TraderState.CALIBRATING, "calibrating"),
    (TraderState.READY, "ready"),
)

PERMISSION_WORDS = {
    Permission.TRADE: ("may trade", "ok"),
    Permission.REDUCE_ONLY: ("reduce only", "warn"),
    Permission.CANCEL_ONLY: ("cancel only", "warn"),
    Permission.NOTHING: ("nothing permitted", "warn"),
}

_TROUBLE = frozenset({TraderState.ERROR, TraderState.LOW_CASH, TraderState.RECOVER_CASH, TraderState.PAUSED})


def flips(snapshot: TraderSnapshot) -> bool:
    """READY, or ACTING for the sake of ordinary orders."""
    state = snapshot.state
    return state.state is TraderState.READY or (state.state is TraderState.ACTING and not state.procedure)


def _is_flip(move: TransitionView) -> bool:
    return move.source in _FLIP and move.target in _FLIP


def last_move(snapshot: TraderSnapshot) -> TransitionView | None:
    """The newest transition that is not between READY and ACTING."""
    moves = [move for move in snapshot.transitions if not _is_flip(move)]
    return max(moves, key=lambda move: move.at, default=None)


def time_in_state(snapshot: TraderSnapshot, now_ns: int) -> int:
    """Nanoseconds in the shown state."""
    move = last_move(snapshot)
    if flips(snapshot) and move is not None:
        return max(wall_now(snapshot, now_ns) - move.at, 0)
    return max(now_ns - snapshot.state.entered_ns, 0)


def is_acting(snapshot: TraderSnapshot, now_ns: int) -> bool:
    """Something is or was in flight within the last two seconds; long enough for the mark not to flicker."""
    if not flips(snapshot):
        return False
    if snapshot.state.state is TraderState.ACTING:
        return True
    newest = max(snapshot.transitions, key=lambda move: move.at, default=None)
    recent = now_ns - snapshot.state.entered_ns < MARK_NS
    return recent and newest is not None and newest.source is TraderState.ACTING and _is_flip(newest)


def shown_label(snapshot: TraderSnapshot) -> str:
    state = snapshot.state
    if flips(snapshot) and state.state is TraderState.ACTING:
        return "READY" + state.label.removeprefix(TraderState.ACTING.value)
    return state.label or state.state.value


def state_role(snapshot: TraderSnapshot) -> str:
    state = snapshot.state.state
    if state in (TraderState.ERROR, TraderState.SHUTDOWN):
        return "alarm"
    if state in _TROUBLE or snapshot.state.permission is not Permission.TRADE:
        return "warn"
    return "state"


def _place(frame: Frame) -> Line:
    """`[ READY 0:41 / 15:00 ] acting`."""
    snapshot = frame.snapshot
    spent = span_text(time_in_state(snapshot, frame.now_ns))
    # READY and its short actions are one state to the eye: an action's limit is not the limit of that time.
    limit = None if flips(snapshot) else snapshot.state.limit_ns
    allowed = f" / {span_text(limit)}" if limit else ""
    cells: list[Cell] = [(f"[ {shown_label(snapshot)} ", state_role(snapshot)), (f"{spent}{allowed}", "strong")]
    over = overrun(snapshot, frame.now_ns)
    cells += [(f" {over}", "alarm")] if over else []
    cells.append((" ]", "strong"))
    if is_acting(snapshot, frame.now_ns):
        cells.append((f" {frame.symbols.dot} acting", "own"))
    return tuple(cells)


def overrun(snapshot: TraderSnapshot, now_ns: int) -> str:
    """`OVER by 0:15` when the state has lasted longer than it may: a liquidation goes on all the same."""
    limit = None if flips(snapshot) else snapshot.state.limit_ns
    late = 0 if not limit else time_in_state(snapshot, now_ns) - limit
    return f"OVER by {span_text(late)}" if late > 0 else ""


def progress(snapshot: TraderSnapshot, width: int = 999) -> Line:
    """How far the liquidation is; where that is too long, without its phase."""
    told = snapshot.progress
    if told is None:
        return ()
    done = f"{count_text(told.contracts_done)} of {count_text(told.contracts)} contracts done"
    orders = f"{told.orders_left} order{'' if told.orders_left == 1 else 's'}"
    left = f"{told.positions_left} of {told.positions} positions, {orders} left"
    numbers: Line = ((f"{done}, {left}", "strong"),)
    return first_fitting([((f"{told.phase}: ", "own"), *numbers), numbers], width)


def road(frame: Frame) -> Line:
    """Where the trader is on its road; away from the road, where it came from and why."""
    snapshot, symbols = frame.snapshot, frame.symbols
    order = [state for state, _ in ROAD]
    here = TraderState.READY if flips(snapshot) else snapshot.state.state
    if here not in order:
        why = snapshot.state.reason
        return (*_place(frame), *(((f"  {why}", "dim"),) if why else ()))
    index = order.index(here)
    parts: list[Line] = []
    for position, (state, word) in enumerate(ROAD):
        if state is TraderState.IDLE and here is not TraderState.IDLE:
            continue
        if position < index:
            parts.append(((f"{word} {symbols.done}", "dim"),))
        elif position == index:
            parts.append(_place(frame))
        else:
            parts.append(((word, "dim"),))
    return joined(parts, (f" {symbols.then} ", "dim"))


def waits(snapshot: TraderSnapshot) -> Line:
    """What the next move waits for."""
    return (("next ", "dim"), (snapshot.state.waiting_for, "")) if snapshot.state.waiting_for else ()


def permission(snapshot: TraderSnapshot, *, reason: bool = True) -> Line:
    word, role = PERMISSION_WORDS[snapshot.state.permission]
    why = f": {snapshot.state.permission_reason}" if reason and snapshot.state.permission_reason else ""
    return ((word + why, role),)


def breaker(snapshot: TraderSnapshot, width: int) -> Line:
    """`breaker closed 0/5`, or as much of `BREAKER TRIPPED reason (value against limit)` as fits: never nothing."""
    view = snapshot.breaker
    if view.tripped:
        bound = f" ({view.value} against {view.limit})" if view.value or view.limit else ""
        texts = (f"BREAKER TRIPPED {view.reason}{bound}", f"BREAKER TRIPPED{bound}", "BREAKER TRIPPED")
        return first_fitting([((text.rstrip(), "alarm"),) for text in texts], width)
    return (("breaker ", "dim"), ("closed", "ok"), (f" {view.errors}/{view.errors_limit} errors", "dim"))


def standing(frame: Frame, width: int) -> list[Line]:
    """What is permitted and how the breaker stands; a tripped breaker comes first and leaves room for the other."""
    snapshot = frame.snapshot
    if not snapshot.breaker.tripped:
        return [permission(snapshot), breaker(snapshot, width)]
    allowed = permission(snapshot, reason=False)
    return [breaker(snapshot, width - width_of(allowed) - 3), allowed]


def _step(step: StepView, symbols: Symbols) -> Line:
    sign, role = {
        "complete": (symbols.done, "ok"),
        "failed": (symbols.failed, "alarm"),
        "running": (symbols.running, "own"),
    }.get(step.status, (symbols.waiting, "dim"))
    spent = f" {age_text(step.elapsed_ns)}" if step.elapsed_ns is not None else ""
    return ((f"{sign} {step.step}", role), (spent, "dim"))


def checklist(frame: Frame) -> Line:
    """Every calibration step with its sign and time; a failed one says why."""
    steps = frame.snapshot.calibration
    if not steps:
        return ()
    return first_fitting([_steps(frame, times=True), _steps(frame, times=False)], frame.width - 1)


def _steps(frame: Frame, *, times: bool) -> Line:
    parts: list[Line] = []
    for step in frame.snapshot.calibration:
        line = _step(step, frame.symbols)
        line = line if times else line[:1]
        if step.status == "failed" and step.detail:
            line = (*line, (f" {step.detail}", "alarm"))
        parts.append(line)
    return joined(parts)


def calibrating(snapshot: TraderSnapshot) -> bool:
    """The checklist is news: calibration runs, or its last run failed."""
    failed = any(step.status == "failed" for step in snapshot.calibration)
    return snapshot.state.state is TraderState.CALIBRATING or (failed and not flips(snapshot))


def just_calibrated(frame: Frame) -> bool:
    """A calibration ended a moment ago: its list stays long enough to be read."""
    moves = [move.at for move in frame.snapshot.transitions if move.source is TraderState.CALIBRATING]
    return bool(moves) and wall_now(frame.snapshot, frame.now_ns) - max(moves) < CHECKLIST_NS


def past(frame: Frame) -> Line:
    """The newest moves, folded flips with their count."""
    moves = sorted(frame.snapshot.transitions, key=lambda move: move.at, reverse=True)
    parts: list[Line] = []
    for move in moves:
        arrow = f"{move.source.value}{frame.symbols.arrow}{move.target.value}"
        count = f" {frame.symbols.times}{move.folded}" if move.folded > 1 else ""
        reason = f" ({move.reason})" if move.reason and not move.folded else ""
        parts.append(((clock_text(move.at) + " ", "dim"), (arrow + count, ""), (reason, "dim")))
    return (("last ", "dim"), *packed(parts, frame.width - 5, frame.dash)) if moves else ()


def pause_words(snapshot: TraderSnapshot) -> str:
    """How a pause ends."""
    return {
        PauseKind.OPERATOR: "resume with p",
        PauseKind.EXCHANGE: "exchange pause: resumes by itself through calibration",
        PauseKind.FEED: "feed lost: resumes by itself through calibration",
        None: "",
    }[snapshot.state.pause]


def state_block(frame: Frame) -> Block:
    """The boxed state panel: three lines."""
    snapshot = frame.snapshot
    last: Line = checklist(frame) if calibrating(snapshot) or just_calibrated(frame) else past(frame)
    state = snapshot.state
    procedure = progress(snapshot, frame.width) or (
        (("doing ", "dim"), (state.procedure, "own")) if state.procedure else ()
    )
    pause: Line = ((pause_words(snapshot), "warn"),) if state.state is TraderState.PAUSED else ()
    permitted = standing(frame, frame.width)
    parts = (procedure, *permitted) if snapshot.progress is not None else (*permitted, procedure)
    middle = packed((*parts, pause, waits(snapshot)), frame.width, frame.dash)
    way = road(frame)
    if sum(len(text) for text, _ in way) > frame.width:
        way = _place(frame)
    return Block(title=(("state", ""),), head=(way, middle, last))


def state_lines(frame: Frame) -> list[Line]:
    """Two lines without a box, for small screens."""
    snapshot = frame.snapshot
    money = snapshot.money
    day: Line = (("day ", "dim"), (signed(frame, money.day), signed_role(money.day)))
    place = _place(frame)
    room = frame.width - 1 - width_of(place) - 2
    if snapshot.breaker.tripped:
        first = packed((place, breaker(snapshot, room), permission(snapshot, reason=False), day), frame.width - 1)
    else:
        first = packed((place, permission(snapshot, reason=False), breaker(snapshot, room), day), frame.width - 1)
    if snapshot.progress is not None:
        second = progress(snapshot, frame.width - 1)
    elif calibrating(snapshot) or just_calibrated(frame):
        second = checklist(frame)
    else:
        reason = snapshot.state.permission_reason
        why: Line = ((reason, "warn"),) if reason else ()
        cause: Line = ((snapshot.state.reason, "dim"),) if not flips(snapshot) and snapshot.state.reason else ()
        pause: Line = ((pause_words(snapshot), "warn"),) if snapshot.state.state is TraderState.PAUSED else ()
        second = packed((why, cause, pause, waits(snapshot), past(frame)), frame.width - 1, frame.dash)
    return [((" ", ""), *first), ((" ", ""), *second)]
