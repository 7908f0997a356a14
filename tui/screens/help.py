"""The help, made from the list of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.action import Situation
from tui.screens.overlay import PANIC, Overlay
from tui.view_models.cells import Line
from tui.view_models.help import help_block
from tui.view_models.symbols import Symbols
from tui.widgets.lines import LinesView
from tui.widgets.panel import Panel

KEYS: Line = (
    *PANIC, ("up down pgup pgdn home end", "key"), (" scroll  ", ""),
    ("esc", "key"), (" close", ""),
)  # fmt: skip


class HelpScreen(Overlay[None]):
    """Keys, what they do, and why one does not work now."""

    KEYS = KEYS

    AUTO_FOCUS = "#help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "app.pop_screen", show=False),
    ]

    def __init__(self, situation: Situation, symbols: Symbols, *, ascii_only: bool) -> None:
        super().__init__(id="help-screen")
        self._situation = situation
        self._symbols = symbols
        self._ascii = ascii_only

    def compose(self) -> ComposeResult:
        panel = Panel(id="help", selectable=False)
        panel.symbols, panel.ascii_only = self._symbols, self._ascii
        yield panel
        keys = LinesView(id="keys")
        keys.ascii_only = self._ascii
        yield keys

    def on_mount(self) -> None:
        if self.gone:
            return
        self.show_keys()
        self._fill()

    def on_resize(self) -> None:
        if not self.gone:
            self._fill()

    def _fill(self) -> None:
        if not self.query("#help"):
            return
        self.query_one("#help", Panel).show(
            help_block(self._situation, min(self.app.size.width, 78) - 4, self._symbols)
        )
