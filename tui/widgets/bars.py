"""The footer that can be clicked. Header, notice and alarm lines are plain `LinesView`s."""

from __future__ import annotations

import time

from textual import events
from textual.message import Message

from tui.action import Action, Situation
from tui.view_models.cells import Line
from tui.view_models.footer import action_at, footer_line
from tui.widgets.lines import LinesView

HOLD_S = 1.0


class FooterBar(LinesView):
    """Shows the keys that work now; a click on one is that key, unless it slid under the mouse by itself just now."""

    class Pressed(Message):
        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.hold_s = HOLD_S
        self._situation: Situation | None = None
        self._before: Situation | None = None
        self._moved_at = 0.0

    def show(self, situation: Situation, over: Line = ()) -> None:
        """`over`: the keys of what lies over the screen now, in place of its own."""
        if over:
            self._situation = None
            self.set_lines([over])
            return
        line = footer_line(situation, self.size.width, ascii_only=self.ascii_only)
        if self._situation is not None and self.lines != [line]:
            by_hand = _choices(self._situation) != _choices(situation)
            self._before, self._moved_at = None if by_hand else self._situation, time.monotonic()
        self._situation = situation
        self.set_lines([line])

    def on_click(self, event: events.Click) -> None:
        if self._situation is None:
            return
        action = self._under(self._situation, event.x)
        just_now = time.monotonic() - self._moved_at < self.hold_s
        if just_now and self._before is not None and self._under(self._before, event.x) is not action:
            self.post_message(self.Idle("the keys have just moved: click again"))
        elif action is not None:
            self.post_message(self.Pressed(action.name))

    def _under(self, situation: Situation, x: int) -> Action | None:
        return action_at(situation, self.size.width, x, ascii_only=self.ascii_only)


def _choices(situation: Situation) -> tuple[object, ...]:
    """What the operator turned the keys by."""
    view = situation.view
    return situation.screen, situation.pick, view.panel, view.going, view.ticket
