"""The footer that can be clicked. Header, notice and alarm lines are plain `LinesView`s."""

from __future__ import annotations

from textual import events
from textual.message import Message

from tui.action import Situation
from tui.view_models.cells import Line
from tui.view_models.footer import action_at, footer_line
from tui.widgets.lines import LinesView


class FooterBar(LinesView):
    """Shows the keys that work now; a click on one is that key."""

    class Pressed(Message):
        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._situation: Situation | None = None

    def show(self, situation: Situation, over: Line = ()) -> None:
        """`over`: the keys of what lies over the screen now, in place of its own."""
        self._situation = None if over else situation
        if over:
            self.set_lines([over])
            return
        self.set_lines([footer_line(situation, self.size.width, ascii_only=self.ascii_only)])

    def on_click(self, event: events.Click) -> None:
        if self._situation is None:
            return
        action = action_at(self._situation, self.size.width, event.x, ascii_only=self.ascii_only)
        if action is not None:
            self.post_message(self.Pressed(action.name))
