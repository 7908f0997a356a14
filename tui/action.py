"""What an action of the console is, and what it may depend on. The list itself is `tui.actions.ACTIONS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.domain.commands import Command
from core.domain.enums import PauseKind, TraderState
from core.domain.ids import Ticker
from core.trading.snapshot import OrderView, TraderSnapshot
from tui.view_models.view_state import ViewState

DESK = "desk"
ON_DESK = frozenset({DESK})


@dataclass(frozen=True, slots=True)
class Situation:
    """What an action can depend on: the picture, the choices, the shown screen and its selected row.

    `pick` is the key of the selected row of a screen other than the desk ("" without one).
    """

    snapshot: TraderSnapshot
    view: ViewState
    order: OrderView | None = None
    market: Ticker | None = None
    row: str = ""
    screen: str = DESK
    pick: str = ""

    @property
    def state(self) -> TraderState:
        return self.snapshot.state.state

    @property
    def operator_pause(self) -> bool:
        return self.state is TraderState.PAUSED and self.snapshot.state.pause is PauseKind.OPERATOR

    @property
    def takes_back(self) -> bool:
        """The pause key ends a pause: one that is there, or one that is wished and still to come."""
        return self.operator_pause or self.snapshot.state.label.endswith("pausing")

    @property
    def watched(self) -> bool:
        """The selected market's book is in the picture."""
        return any(book.ticker == self.market for book in self.snapshot.books)


def always(situation: Situation) -> str:
    """Nothing stands against it."""
    return ""


def says(text: str) -> Callable[[Situation], str]:
    """A label that is the same everywhere."""
    return lambda situation: text


@dataclass(frozen=True, slots=True)
class Action:
    """`keys` are Textual key names, one with a space is typed after the other; `shown` is the key as people read it;
    `footer` orders the hints (0: not there).

    `blocked` says in words why it does not work now ("" when it does). `danger` actions are ignored for a moment after
    a screen change; `priority` ones work over dialogs and inputs. `where` names the screens it is for (empty: all).
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
    blocked: Callable[[Situation], str] = always
    command: Callable[[Situation, int], Command] | None = None
    small: bool = True
    where: frozenset[str] = frozenset()

    def meaning(self, situation: Situation) -> str:
        """What the key means now: its label without the numbers that may be in it."""
        return self.label(situation).partition(" (")[0].rstrip("…")

    def why_not(self, situation: Situation) -> str:
        """Why it does not work here and now; "" when it does."""
        if self.where and situation.screen not in self.where:
            return f"a key of {', '.join(sorted(self.where))}; g shows the way"
        return self.blocked(situation)
