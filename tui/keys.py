"""How a key becomes an action: from the one list, by the screen that is shown."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Event, Key

from tui.action import Situation
from tui.actions import ACTIONS, action_on_key
from tui.driver import SafeApp
from tui.navigator import Navigator

_OVER_ALL = frozenset({"ctrl+k", "f9", "ctrl+c", "ctrl+q"})
# Textual adds a palette key of its own, over everything, unless it finds this one.
_TEXTUALS = {"ctrl+p": "command_palette"}


def bindings() -> list[BindingType]:
    """One binding a key; what it means where is found when it is pressed."""
    keys = dict.fromkeys(key for action in ACTIONS for key in action.keys if " " not in key)
    return [Binding(key, _TEXTUALS.get(key, f"press('{key}')"), show=False, priority=key in _OVER_ALL) for key in keys]


class KeyedApp(SafeApp[None], inherit_bindings=False):
    """The part of the console that listens."""

    BINDINGS: ClassVar[list[BindingType]] = bindings()
    navigator: Navigator

    async def on_event(self, event: Event) -> None:
        if not (isinstance(event, Key) and not event.is_forwarded and self.navigator.takes(event)):
            await super().on_event(event)

    def situation(self) -> Situation:
        """What the actions can depend on, on the screen that is shown."""
        return self.navigator.situation()

    def action_press(self, key: str) -> None:
        action = action_on_key(key, self.situation().screen)
        if action is not None:
            self.action_operate(action.name)

    def action_operate(self, name: str) -> None:
        """The one way of every key, click and palette entry."""
        self.operate(name)
        self.navigator.redraw()

    def operate(self, name: str) -> None:
        raise NotImplementedError
