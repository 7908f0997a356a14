"""A key whose meaning has just turned by itself does nothing for a moment: the finger meant what was there before.

The one rule for every key whose label follows the picture (`p` is Pause, then Resume). What the operator turns by
choosing (another row, another panel) is not held back: both labels are asked of the same choices, once over the picture
before and once over the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import is_

from core.trading.snapshot import TraderSnapshot
from tui.action import Action, Situation
from tui.actions import ACTIONS
from tui.screens.main import ALL_PARTS
from tui.view_models.ages import age_text

HOLD_MS = 1_000


class Turning:
    """Looks at every drawn picture. `clock_ns` is the screen's own clock."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._seen: TraderSnapshot | None = None
        self._turned: dict[str, tuple[int, str]] = {}

    def look(self, shown: TraderSnapshot, ask: Callable[[], Situation]) -> None:
        """Take what is shown now; `ask` gives what the keys depend on, and is asked only where anything moved."""
        seen, self._seen = self._seen, shown
        if seen is None or all(map(is_, ALL_PARTS(seen), ALL_PARTS(shown))):
            return
        situation = ask()
        before = replace(situation, snapshot=seen)
        for action in ACTIONS:
            was = action.meaning(before)
            if was != action.meaning(situation):
                self._turned[action.name] = (self._clock_ns(), was)

    def why_not(self, action: Action, situation: Situation) -> str:
        """Why the key is not taken at its new meaning yet; "" when it is."""
        at_ns, was = self._turned.get(action.name, (0, ""))
        age_ns = self._clock_ns() - at_ns
        if not was or action.priority or age_ns >= HOLD_MS * 1_000_000:
            return ""
        turned = f"was {was} {age_text(age_ns)} ago and is {action.meaning(situation)} now"
        return f"{action.shown} {turned}: nothing is done, press again"
