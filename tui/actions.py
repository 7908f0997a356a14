"""Every action of the console, declared once: keys, words, what it sends, when it works and why it does not.

Key bindings, footer, help, palette and the table in the documentation are made from `ACTIONS`. An action either builds
a command from what is on the screen or names something the console does itself (`command` is None).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.domain.commands import (
    Arm,
    CancelOrder,
    Command,
    Liquidate,
    Panic,
    Pause,
    Recalibrate,
    ResetBreaker,
    Resume,
    Start,
    Stop,
    WatchMarket,
)
from core.domain.enums import FINAL_ORDER_STATES, ExitReason, Mode, Ownership, PauseKind, TraderState
from core.domain.ids import Ticker
from core.trading.snapshot import OrderView, TraderSnapshot
from tui.view_models.view_state import ViewState

_BEFORE = frozenset({TraderState.STARTUP, TraderState.IDLE})
_LIQUIDATES = frozenset(
    {TraderState.READY, TraderState.ACTING, TraderState.PAUSED, TraderState.LOW_CASH, TraderState.ERROR}
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What an action can depend on: the picture, the choices, the selected row."""

    snapshot: TraderSnapshot
    view: ViewState
    order: OrderView | None = None
    market: Ticker | None = None
    row: str = ""

    @property
    def state(self) -> TraderState:
        return self.snapshot.state.state

    @property
    def operator_pause(self) -> bool:
        return self.state is TraderState.PAUSED and self.snapshot.state.pause is PauseKind.OPERATOR


def _always(situation: Situation) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Action:
    """`keys` are Textual key names, `shown` the key as people read it; `footer` orders the hints (0: not there).

    `blocked` says in words why it does not work now ("" when it does). `danger` actions are ignored for a moment after
    a screen change; `priority` ones work over dialogs and inputs.
    """

    name: str
    keys: tuple[str, ...]
    shown: str
    label: Callable[[Situation], str]
    words: str
    group: str
    footer: int = 0
    danger: bool = False
    priority: bool = False
    blocked: Callable[[Situation], str] = _always
    command: Callable[[Situation, int], Command] | None = None
    small: bool = True


def _says(text: str) -> Callable[[Situation], str]:
    return lambda situation: text


def _pause_label(situation: Situation) -> str:
    return "Resume" if situation.operator_pause else "Pause (cancels quotes)"


def _pause_blocked(situation: Situation) -> str:
    if situation.state in _BEFORE:
        return "the trader is not started"
    if situation.state is TraderState.SHUTDOWN:
        return "the trader is stopping"
    if situation.state is TraderState.PAUSED and not situation.operator_pause:
        kind = situation.snapshot.state.pause
        return f"paused by the {kind.value if kind else 'trader'}; it resumes by itself through calibration"
    return ""


def _pause_command(situation: Situation, command_id: int) -> Command:
    return Resume(command_id=command_id) if situation.operator_pause else Pause(command_id=command_id)


def _start_blocked(situation: Situation) -> str:
    return "" if situation.state is TraderState.IDLE else "already started"


def _liquidate_blocked(situation: Situation) -> str:
    if situation.snapshot.state.procedure == "liquidation":
        return "a liquidation is running"
    if situation.state not in _LIQUIDATES:
        return f"not possible in {situation.state.value}"
    if not situation.snapshot.feed.rest_up:
        return "the trading connection is down"
    return "" if any(position.count for position in situation.snapshot.positions) else "no open position"


def _cancel_blocked(situation: Situation) -> str:
    if situation.order is None:
        return "select an open order first (press 3)"
    if situation.order.state in FINAL_ORDER_STATES:
        return f"the order is {situation.order.state.value}"
    if situation.order.ownership is Ownership.FOREIGN:
        return "not our order: foreign orders are left alone"
    return ""


def _cancel_command(situation: Situation, command_id: int) -> Command:
    assert situation.order is not None
    return CancelOrder(client_order_id=situation.order.client_order_id, command_id=command_id)


def _arm_blocked(situation: Situation) -> str:
    mode = situation.snapshot.identity.mode
    if mode in (Mode.PAPER, Mode.REPLAY):
        return f"{mode.value} mode needs no arming"
    if situation.state is TraderState.SHUTDOWN:
        return "the trader is stopping"
    return "already armed" if situation.snapshot.state.armed else ""


def _recalibrate_blocked(situation: Situation) -> str:
    if situation.state is TraderState.CALIBRATING:
        return "calibration is running"
    unable = (*_BEFORE, TraderState.INITIALIZING, TraderState.SHUTDOWN)
    return f"not possible in {situation.state.value}" if situation.state in unable else ""


def _watch_blocked(situation: Situation) -> str:
    return "" if situation.market else "select a position or an order first"


def _watch_command(situation: Situation, command_id: int) -> Command:
    assert situation.market is not None
    return WatchMarket(ticker=situation.market, command_id=command_id)


def _market_blocked(situation: Situation) -> str:
    return "" if len(situation.snapshot.books) > 1 else "no other market is watched"


def _row_blocked(situation: Situation) -> str:
    return "" if situation.row else "no row is selected"


ACTIONS: tuple[Action, ...] = (
    Action("panic", ("ctrl+k", "f9"), "^k", _says("PANIC"), "Cancel every own order and pause, at once, from anywhere",
           "Trading", footer=1, priority=True, command=lambda s, i: Panic(command_id=i)),
    Action("pause", ("p",), "p", _pause_label, "No new orders, own resting quotes are canceled; again: resume",
           "Trading", footer=2, blocked=_pause_blocked, command=_pause_command),
    Action("start", ("s",), "s", _says("Start"), "Start a trader that is idle", "Trading", blocked=_start_blocked,
           command=lambda s, i: Start(command_id=i)),
    Action("liquidate", ("L",), "L", _says("Liquidate…"), "Close every position, reduce-only; shows the plan and asks",
           "Trading", footer=3, danger=True, blocked=_liquidate_blocked),
    Action("cancel", ("x",), "x", _says("Cancel order"), "Cancel the selected order", "Trading", footer=6, danger=True,
           blocked=_cancel_blocked, command=_cancel_command),
    Action("breaker", ("b",), "b", _says("Breaker…"), "Why the circuit breaker tripped, value, limit; reset it",
           "Trading", footer=4),
    Action("arm", ("A",), "A", _says("Arm…"), "Allow orders that take risk (demo and live); asks", "Trading",
           footer=6, danger=True, blocked=_arm_blocked),
    Action("recalibrate", ("c",), "c", _says("Recalibrate"), "Read orders, positions, balance, fills again and compare",
           "Trading", footer=9, blocked=_recalibrate_blocked, command=lambda s, i: Recalibrate(command_id=i)),
    Action("quit", ("q", "ctrl+q", "ctrl+c"), "q", _says("Quit…"), "Stop and cancel, or stay; ^c twice stops at once",
           "Trading", footer=5),
    Action("copy_status", ("y",), "y", _says("Copy status"), "Send the status panel to the clipboard and to a file",
           "Look", footer=8),
    Action("copy_summary", ("ctrl+y",), "^y", _says("Copy summary"),
           "Send the status in a dozen lines to the clipboard", "Look"),
    Action("copy_row", ("Y",), "Y", _says("Copy row"), "Send the selected row to the clipboard", "Look",
           blocked=_row_blocked),
    Action("panel_1", ("1",), "1", _says("Book"), "Go to the depth ladder", "Look"),
    Action("panel_2", ("2",), "2", _says("Positions"), "Go to the positions", "Look"),
    Action("panel_3", ("3",), "3", _says("Orders"), "Go to the orders", "Look"),
    Action("panel_4", ("4",), "4", _says("P&L"), "Go to profit and loss", "Look"),
    Action("panel_5", ("5",), "5", _says("Log"), "Go to activity and errors", "Look"),
    Action("next_panel", ("tab",), "tab", _says("Next panel"), "Go to the next panel", "Look"),
    Action("previous_panel", ("shift+tab",), "shift+tab", _says("Previous panel"), "Go to the panel before", "Look"),
    Action("zoom", ("z",), "z", _says("Zoom"), "This panel on the whole screen; again: restore", "Look", footer=11),
    Action("previous_market", ("left_square_bracket", "left"), "[", _says("Market"), "The ladder of the market before",
           "Look", blocked=_market_blocked),
    Action("next_market", ("right_square_bracket", "right"), "]", _says("Market"), "Show the ladder of the next market",
           "Look", footer=10, blocked=_market_blocked),
    Action("watch", ("w",), "w", _says("Watch market"), "Show the ladder of the selected row's market", "Look",
           blocked=_watch_blocked, command=_watch_command),
    Action("recentre", ("r",), "r", _says("Re-centre"), "Put the market in the middle of the ladder", "Look",
           footer=13),
    Action("log_level", ("f",), "f", _says("Log filter"), "Show all of the log, warnings, or errors only", "Look"),
    Action("theme", ("t",), "t", _says("Theme"), "Next theme: dark, light, high contrast", "Look"),
    Action("repaint", ("ctrl+l",), "^l", _says("Repaint"), "Draw the whole screen again", "Look"),
    Action("palette", ("ctrl+p",), "^p", _says("Commands"), "List every action by name", "Look", footer=14),
    Action("help", ("question_mark", "f1"), "?", _says("Help"), "Keys and what they do", "Look", footer=7),
    Action("back", ("escape",), "esc", _says("Back"), "One level back: dismiss the last result, leave zoom", "Look"),
)  # fmt: skip

BY_NAME = {action.name: action for action in ACTIONS}


def liquidate_command(command_id: int) -> Command:
    """Sent by the liquidation dialog."""
    return Liquidate(command_id=command_id)


def reset_command(command_id: int, reason: str) -> Command:
    """Sent by the breaker dialog."""
    return ResetBreaker(reason=reason, command_id=command_id)


def arm_command(command_id: int) -> Command:
    """Sent by the arming dialog."""
    return Arm(command_id=command_id)


def stop_command(command_id: int, *, now: bool = False) -> Command:
    """Sent by the quit dialog and by a second ctrl+c."""
    return Stop(reason=ExitReason.QUIT, now=now, command_id=command_id)


def lost_terminal_command(command_id: int) -> Command:
    """Sent when the terminal has gone away: the same orderly stop as a quit."""
    return Stop(reason=ExitReason.SIGNAL, detail="terminal lost", command_id=command_id)


def key_text(key: str) -> str:
    """A Textual key name as people write it."""
    words = {"question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "escape": "esc"}
    if key.startswith("f") and key[1:].isdigit():
        return key.upper()
    return words.get(key, key)


def action_table_markdown() -> str:
    """The table of keys for the documentation."""
    lines = ["| Key | Action | What it does |", "|---|---|---|"]
    for action in ACTIONS:
        keys = ", ".join(f"`{key_text(key)}`" for key in action.keys)
        lines.append(f"| {keys} | {action.name.replace('_', ' ')} | {action.words} |")
    return "\n".join(lines) + "\n"
