"""How a key becomes an action: from the one list, by the screen that is shown."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Event, Key
from textual.widgets import Input

from tui.action import Situation
from tui.actions import ACTIONS, action_on_key, key_text
from tui.driver import SafeApp
from tui.navigator import Navigator
from tui.screens.main import MainScreen
from tui.screens.overlay import Overlay
from tui.widgets.lines import LinesView

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
    main: MainScreen
    navigator: Navigator

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key) and not self.screen_stack:
            return  # the console is leaving; Textual would look for a screen to ask
        if not (isinstance(event, Key) and not event.is_forwarded and self.navigator.takes(event)):
            await super().on_event(event)

    def on_key(self, event: Key) -> None:
        """A key that nobody took on its way up, and that is bound to nothing where it was pressed: it says so. While
        the screens come and go there is nobody to say it to.
        """
        if not self.main.query("#header") or event.key in self.screen.active_bindings:
            return
        name = self._name_of(event)
        over = self.screen if isinstance(self.screen, Overlay) else None
        if over is not None:
            first = f"esc ({over.way_back}) first" if over.way_back else "the trader stops"
            self.refuse(f"{name} does nothing here: {first}")
        elif isinstance(self.focused, Input):
            self.refuse(f"{name} does nothing while words are typed: enter keeps them, esc clears")
        else:
            self.refuse(f"{name} does nothing: ? lists the keys")

    def _name_of(self, event: Key) -> str:
        """The key as people write it, and what it would mean on the screen below."""
        situation = self.situation()
        action = action_on_key(event.key, situation.screen)
        if action is not None:
            return f"{action.shown} {action.meaning(situation)}"
        return event.character if event.is_printable and event.character else key_text(event.key)

    def on_lines_view_idle(self, message: LinesView.Idle) -> None:
        self.refuse(message.why)

    def refuse(self, why: str) -> None:
        """Say why a key did nothing, where the eye is: at the foot of what lies over the screen, else in the notice."""
        if isinstance(self.screen, Overlay):
            self.screen.refuse(why)
        elif self.main.query("#header"):
            self.main.say(why)
            self.navigator.redraw()

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
