"""Every action of the console, declared once: keys, words, what it sends, when it works and why it does not.

Key bindings, footer, help, palette and the table in the documentation are made from `ACTIONS`. An action either builds
a command from what is on the screen or names something the console does itself (`command` is None).
"""

from __future__ import annotations

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
from core.domain.enums import FINAL_ORDER_STATES, ExitReason, Mode, Ownership, TraderState
from core.trading.snapshot import OrderView
from tui.action import ON_DESK, Action, Situation, says
from tui.desk_actions import DESK_ACTIONS
from tui.screen_actions import SCREEN_ACTIONS

_BEFORE = frozenset({TraderState.STARTUP, TraderState.IDLE})
_LIQUIDATES = frozenset(
    {TraderState.READY, TraderState.ACTING, TraderState.PAUSED, TraderState.LOW_CASH, TraderState.ERROR}
)


def _pause_label(situation: Situation) -> str:
    if situation.takes_back:
        return "Resume"
    own = sum(1 for order in situation.snapshot.orders if order.ownership is not Ownership.FOREIGN)
    return f"Pause (cancels {own} order{'' if own == 1 else 's'})"


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
    return Resume(command_id=command_id) if situation.takes_back else Pause(command_id=command_id)


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
        if situation.view.panel == "ladder":
            return "point at an own order first (up and down), or press 3"
        return "select an open order first (press 3); one that is gone is never replaced by another"
    if situation.order.state in FINAL_ORDER_STATES:
        return f"the order is {situation.order.state.value}"
    if situation.order.ownership is Ownership.FOREIGN:
        return "not our order: foreign orders are left alone"
    return ""


def cancel_command(order: OrderView, command_id: int) -> Command:
    """Sent by `x`."""
    return CancelOrder(client_order_id=order.client_order_id, command_id=command_id)


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
    Action("panic", ("ctrl+k", "f9"), "^k", says("PANIC"), "Cancel every own order and pause, at once, from anywhere",
           "Trading", footer=1, priority=True, command=lambda s, i: Panic(command_id=i)),
    Action("pause", ("p",), "p", _pause_label, "No new orders; every own resting order is canceled; again: resume",
           "Trading", footer=2, blocked=_pause_blocked, command=_pause_command),
    Action("start", ("S",), "S", says("Start"), "Start a trader that is idle", "Trading", blocked=_start_blocked,
           command=lambda s, i: Start(command_id=i)),
    Action("liquidate", ("L",), "L", says("Liquidate…"), "Close every position, reduce-only; shows the plan and asks",
           "Trading", footer=3, danger=True, blocked=_liquidate_blocked),
    Action("cancel", ("x",), "x", says("Cancel order"), "Cancel the selected order (on the book the one pointed at)",
           "Trading", footer=6, danger=True, blocked=_cancel_blocked, where=ON_DESK | {"orders"}),
    Action("breaker", ("b",), "b", says("Breaker…"), "Why the circuit breaker tripped, value, limit; reset it",
           "Trading", footer=4),
    Action("arm", ("A",), "A", says("Arm…"), "Allow orders that take risk (demo and live); asks", "Trading",
           footer=6, danger=True, blocked=_arm_blocked),
    Action("recalibrate", ("c",), "c", says("Recalibrate"), "Read orders, positions, balance, fills again and compare",
           "Trading", footer=9, blocked=_recalibrate_blocked, command=lambda s, i: Recalibrate(command_id=i)),
    Action("quit", ("q", "ctrl+q", "ctrl+c"), "q", says("Quit…"), "Stop and cancel, or stay; ^c twice stops at once",
           "Trading", footer=5),
    Action("copy_status", ("y",), "y", says("Copy status"), "Send the status panel to the clipboard and to a file",
           "Look", footer=8),
    Action("copy_summary", ("ctrl+y",), "^y", says("Copy summary"),
           "Send the status in a dozen lines to the clipboard", "Look"),
    Action("copy_row", ("Y",), "Y", says("Copy row"), "Send the selected row to the clipboard", "Look",
           blocked=_row_blocked),
    Action("panel_1", ("1",), "1", says("Book"), "Go to the depth ladder", "Look", where=ON_DESK),
    Action("panel_2", ("2",), "2", says("Positions"), "Go to the positions", "Look", where=ON_DESK),
    Action("panel_3", ("3",), "3", says("Orders"), "Go to the orders", "Look", where=ON_DESK),
    Action("panel_4", ("4",), "4", says("P&L"), "Go to profit and loss", "Look", where=ON_DESK),
    Action("panel_5", ("5",), "5", says("Log"), "Go to activity and errors", "Look", where=ON_DESK),
    Action("next_panel", ("tab",), "tab", says("Next panel"), "Go to the next panel", "Look", where=ON_DESK),
    Action("previous_panel", ("shift+tab",), "shift+tab", says("Previous panel"), "Go to the panel before", "Look",
           where=ON_DESK),
    Action("zoom", ("z",), "z", says("Zoom"), "This panel on the whole screen; again: restore", "Look", footer=11,
           where=ON_DESK),
    Action("previous_market", ("left_square_bracket",), "[", says("Market"), "The ladder of the market before",
           "Look", blocked=_market_blocked, where=ON_DESK),
    Action("next_market", ("right_square_bracket",), "]", says("Market"), "Show the ladder of the next market",
           "Look", footer=10, blocked=_market_blocked, where=ON_DESK),
    Action("watch", ("w",), "w", says("Watch market"), "Show the ladder of the selected row's market", "Look",
           blocked=_watch_blocked, command=_watch_command),
    Action("recentre", ("r",), "r", says("Re-centre"), "Put the market in the middle of the ladder", "Look",
           footer=13, where=ON_DESK),
    Action("log_level", ("f",), "f", says("Log filter"), "Show all of the log, warnings, or errors only", "Look",
           where=ON_DESK),
    Action("theme", ("t",), "t", says("Theme"), "Next theme: dark, light, high contrast", "Look"),
    Action("repaint", ("ctrl+l",), "^l", says("Repaint"), "Draw the whole screen again", "Look"),
    Action("palette", ("ctrl+p",), "^p", says("Commands"), "List every action by name", "Look", footer=14),
    Action("help", ("question_mark", "f1"), "?", says("Help"), "Keys and what they do", "Look", footer=5),
    Action("back", ("escape",), "esc", says("Back"), "One level back: dismiss the last result, leave zoom", "Look"),
    *DESK_ACTIONS,
    *SCREEN_ACTIONS,
)  # fmt: skip

BY_NAME = {action.name: action for action in ACTIONS}


def action_on_key(key: str, screen: str) -> Action | None:
    """What a key does on a screen: its own meaning there, else the one it has everywhere, else that of another screen,
    which then says where it works.
    """
    mine = [action for action in ACTIONS if key in action.keys]
    mine.sort(key=lambda action: 0 if screen in action.where else 2 if action.where else 1)
    return mine[0] if mine else None


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
    if " " in key:
        return " ".join(key_text(part) for part in key.split(" "))
    words = {
        "plus": "+", "minus": "-", "left": "←", "right": "→",
        "question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "escape": "esc", "slash": "/",
    }  # fmt: skip
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
