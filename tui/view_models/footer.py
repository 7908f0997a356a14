"""The keys that work now, most important first. One that does not work now is left out, but for a screen's own keys:
they wait, dim, for a row to be selected. Pressing one that does not work says why.
"""

from __future__ import annotations

from tui.action import DESK, Action, Situation
from tui.actions import ACTIONS
from tui.view_models.cells import Cell, Line, inert

ENTRY_KEYS = ("ticket", "buy", "sell", "size_up", "move_order", "cancel", "order_entry")
TABLE_KEYS = {"orders": ("cancel", "find", "sort_rows"), "positions": ("find", "sort_rows"), "log": ("find",)}


def footer_spans(situation: Situation, width: int, *, ascii_only: bool = False) -> list[tuple[Action, str, str, bool]]:
    """(action, key, label, enabled) that fit in `width`."""
    hints = _hints(situation)
    if situation.state.value == "IDLE" and not situation.view.going:
        hints.insert(1, next(action for action in ACTIONS if action.name == "start"))
    shown: list[tuple[Action, str, str, bool]] = []
    used = 1
    for action in hints:
        enabled = not action.why_not(situation)
        if not enabled and (situation.screen == DESK or not action.where):
            continue
        label = inert(action.label(situation))
        if width < 110:
            label = label.replace(" (cancels ", "+cancel ").replace(" orders)", "").replace(" order)", "")
            label = label.replace("…", "").replace(" status", "").replace("Order entry", "Entry")
        if ascii_only:
            label = label.replace("…", "")
        key = action.shown.removeprefix("g ") if situation.view.going else action.shown
        size = len(key) + 1 + len(label) + 2
        if used + size > width:
            continue
        shown.append((action, key, label, enabled))
        used += size
    return shown


def _hints(situation: Situation) -> list[Action]:
    """What to show, most important first: after g the letters; else panic, pause and then the screen's own keys."""
    if situation.view.going:
        return [action for action in ACTIONS if any(key.startswith("g ") for key in action.keys)]
    here = [action for action in ACTIONS if action.footer and (not action.where or situation.screen in action.where)]

    mine = _panel_keys(situation)

    def rank(action: Action) -> tuple[int, int]:
        if action.name in mine:
            return (1, mine.index(action.name))
        if action.priority or action.name in ("pause", "leave"):
            return (0, action.footer)
        beside = situation.screen != DESK
        if beside and action.name == "help":
            return (1, 3)
        return (1 if beside and action.where else 2, action.footer)

    return sorted(here, key=rank)


def _panel_keys(situation: Situation) -> tuple[str, ...]:
    """What the focused panel of the desk is for comes before the rest; an open order entry most of all."""
    if situation.screen != DESK:
        return ()
    panel = situation.view.panel
    if panel == "ladder":
        return ENTRY_KEYS if situation.view.ticket.unlocked else ()
    return TABLE_KEYS.get(panel, ())


def footer_line(situation: Situation, width: int, *, ascii_only: bool) -> Line:
    cells: list[Cell] = [(" ", "")]
    for _, key, label, enabled in footer_spans(situation, width, ascii_only=ascii_only):
        cells += [(key, "key" if enabled else "off"), (f" {label}  ", "" if enabled else "off")]
    return tuple(cells)


def action_at(situation: Situation, width: int, x: int, *, ascii_only: bool = False) -> Action | None:
    """The action whose hint lies at column `x`, for the mouse."""
    start = 1
    for action, key, label, _ in footer_spans(situation, width, ascii_only=ascii_only):
        end = start + len(key) + 1 + len(label) + 2
        if start <= x < end - 1:
            return action
        start = end
    return None
