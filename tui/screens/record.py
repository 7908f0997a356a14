"""All that is known of one row, over the screen it came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.overlay import PANIC, Overlay
from tui.view_models.cells import Block, Line, Row, plain
from tui.view_models.symbols import Symbols
from tui.widgets.lines import LinesView
from tui.widgets.panel import Panel

KEYS: Line = (*PANIC, ("up down pgup pgdn home end", "key"), (" move  ", ""), ("esc enter", "key"), (" close", ""))


class RecordScreen(Overlay[None]):
    """Scrolls; Esc or Enter closes it. It shows the row as it was when it was opened, and says so."""

    KEYS = KEYS

    AUTO_FOCUS = "#record"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "app.pop_screen", show=False),
    ]

    def __init__(self, lines: Sequence[Line], symbols: Symbols, *, ascii_only: bool) -> None:
        super().__init__(id="record-screen")
        self._lines = tuple(lines)
        self._symbols = symbols
        self._ascii = ascii_only

    def compose(self) -> ComposeResult:
        panel = Panel(id="record")
        panel.symbols, panel.ascii_only = self._symbols, self._ascii
        yield panel
        keys = LinesView(id="keys")
        keys.ascii_only = self._ascii
        yield keys

    def on_mount(self) -> None:
        if self.gone:
            return
        self.show_keys()
        panel = self.query_one(Panel)
        panel.styles.height = min(len(self._lines) + 2, max(self.app.size.height - 4, 4))
        rows = tuple(Row(key=str(number), line=line, copy=plain(line)) for number, line in enumerate(self._lines))
        panel.show(Block(title=(("Record", ""),), badge="as it was when opened · esc closes", rows=rows))
