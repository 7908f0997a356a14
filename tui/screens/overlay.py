"""What lies over a screen for a while: questions, help, records."""

from __future__ import annotations

from typing import TypeVar

from textual.events import Key
from textual.screen import ModalScreen

from tui.view_models.cells import Line, cut
from tui.widgets.lines import LinesView

Result = TypeVar("Result")
PANIC: Line = ((" ", ""), ("^k", "key"), (" PANIC  ", ""))


class Overlay(ModalScreen[Result]):
    """May be put away before it was ever seen, by a second key or by the end of the trader. Its lowest line, `#keys`,
    names the keys that work in it, or says why the last one did nothing.
    """

    KEYS: Line = PANIC
    _said = ""

    @property
    def gone(self) -> bool:
        """Put away already: its parts are not there (any more), and there is nothing to fill."""
        return self not in self.app.screen_stack or not self.query("#keys")

    @property
    def way_back(self) -> str:
        """What esc does, as the keys call it; "" where there is no way back."""
        return "close"

    def keys_line(self) -> Line:
        """The keys that work while this is shown."""
        return self.KEYS

    def show_keys(self) -> None:
        """Nothing while its parts are not there (yet): a key may come in one packet with the one that opened it."""
        if not self.query("#keys"):
            return
        line = (*PANIC, (self._said, "warn")) if self._said else self.keys_line()
        self.query_one("#keys", LinesView).set_lines([cut(line, self.app.size.width)])

    def refuse(self, why: str) -> None:
        """Say why a key did nothing, until the next key."""
        self._said = why
        self.show_keys()

    def hush(self) -> None:
        """Show the keys again."""
        if self._said:
            self.refuse("")

    def on_key(self, event: Key) -> None:
        self.hush()
