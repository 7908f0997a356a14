"""The actions of the screens beside the desk: the ways between them (`g` and a letter) and what works on each.

They are part of `tui.actions.ACTIONS`, from which keys, footer, help, palette and documents are made.
"""

from __future__ import annotations

from core.domain.commands import Command, ReadMarkets, SwitchStrategy, UnwatchMarket, WatchMarket
from tui.action import DESK, Action, Situation, says
from tui.view_models.strategy import parameter_of

# Name, letter after g, title, what is on it; in the order of the menu.
SCREENS: tuple[tuple[str, str, str, str], ...] = (
    (DESK, "d", "Desk", "The desk: book, positions, orders, P&L, log"),
    ("markets", "m", "Markets", "Every market of the exchange: search, watch, unwatch"),
    ("orders", "o", "Orders", "Orders open and finished with every column, in doubt first"),
    ("positions", "p", "Positions", "Positions with average, mark and its basis, value if flat, fees"),
    ("pnl", "l", "P&L", "Profit and loss: equity at mark and if flat, drawdown, by market, by day"),
    ("activity", "a", "Activity", "All that happened: by kind, search, follow, the full record"),
    ("risk", "r", "Risk", "Each limit with its value, the breaker and its history"),
    ("strategy", "s", "Strategy", "The strategy: switch, parameters to edit within bounds, memory, last decisions"),
    ("health", "h", "Health", "Components, latencies, gaps, rate budget, memory, the screen itself"),
    ("lab", "f", "Fault lab", "Paper: switch on faults of the simulated exchange, watch the trader react"),
)
TITLES = {name: title for name, _, title, _ in SCREENS}
OTHERS = frozenset(TITLES) - {DESK}
_MARKETS, _ORDERS, _ACTIVITY, _LAB, _STRATEGY = (
    frozenset({name}) for name in ("markets", "orders", "activity", "lab", "strategy")
)


def _there(name: str) -> Action:
    _, letter, title, words = next(row for row in SCREENS if row[0] == name)
    return Action(f"go_{name}", (f"g {letter}",), f"g {letter}", says(title), words, "Screens")


def _picked(situation: Situation) -> str:
    return "" if situation.pick else "no row is selected: up or down selects one"


def _watch_blocked(situation: Situation) -> str:
    return "" if situation.market else "select a market first, by up or down"


def _watch_label(situation: Situation) -> str:
    return "Unwatch" if situation.watched else "Watch"


def _watch_command(situation: Situation, command_id: int) -> Command:
    assert situation.market is not None
    kind = UnwatchMarket if situation.watched else WatchMarket
    return kind(ticker=situation.market, command_id=command_id)


def _switch_blocked(situation: Situation) -> str:
    return "" if situation.pick else "no fault is listed here to be switched; the screen says why"


def _strategy_label(situation: Situation) -> str:
    return "Switch on" if situation.snapshot.strategy.off else "Switch off"


def _row_label(situation: Situation) -> str:
    return "Edit…" if parameter_of(situation.pick) else "Record"


SCREEN_ACTIONS: tuple[Action, ...] = (
    Action("go", ("g",), "g", says("Go to…"), "Then a letter: another screen; g g is the first row", "Screens",
           footer=7),
    *(_there(name) for name, *_ in SCREENS),
    Action("leave", ("escape",), "esc", says("Desk"), "Clear search, selection and results, then back to the desk",
           "Screens", footer=1, where=OTHERS),
    Action("search", ("slash",), "/", says("Search"), "Show only rows with these words; esc clears", "Screens",
           footer=2, where=frozenset({"markets", "orders", "positions", "activity"})),
    Action("filter", ("f",), "f", says("Filter"), "Next filter: markets, orders by state, activity by kind", "Screens",
           footer=3, where=_MARKETS | _ORDERS | _ACTIVITY),
    Action("sort", ("s",), "s", says("Sort"), "Sort by the next column", "Screens", footer=4,
           where=frozenset({"markets", "orders", "positions"})),
    Action("toggle_watch", ("w",), "w", _watch_label, "Watch the selected market's book, or stop watching it",
           "Screens", footer=1, where=_MARKETS, blocked=_watch_blocked, command=_watch_command),
    Action("read_markets", ("R",), "R", says("Read again"), "Read the exchange's list of markets again", "Screens",
           footer=5, where=_MARKETS, command=lambda s, i: ReadMarkets(command_id=i)),
    Action("record", ("enter",), "enter", says("Record"), "Open the full record of the selected row", "Screens",
           footer=5, where=frozenset({"markets", "orders", "positions", "activity", "lab"}), blocked=_picked),
    Action("strategy_row", ("enter",), "enter", _row_label, "Edit the selected parameter, or open a decision",
           "Screens", footer=1, where=_STRATEGY, blocked=_picked),
    Action("strategy_switch", ("space",), "space", _strategy_label,
           "Switch the strategy off and cancel its orders, or on again", "Screens", footer=2, where=_STRATEGY,
           command=lambda s, i: SwitchStrategy(on=bool(s.snapshot.strategy.off), command_id=i)),
    Action("fault_switch", ("space",), "space", says("On/off"), "Switch the selected fault on, or off again",
           "Screens", footer=1, where=_LAB, blocked=_switch_blocked),
    Action("fault_once", ("o",), "o", says("Strike once"), "Let the selected fault strike one time", "Screens",
           footer=2, where=_LAB, blocked=_switch_blocked),
    Action("faults_off", ("O",), "O", says("All off"), "Switch every fault off", "Screens", footer=3, where=_LAB,
           blocked=_switch_blocked),
)  # fmt: skip
