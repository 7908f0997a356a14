"""What lies over a screen for a while: questions, help, records."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import ModalScreen

Result = TypeVar("Result")


class Overlay(ModalScreen[Result]):
    """May be put away before it was ever seen, by a second key or by the end of the trader."""

    @property
    def gone(self) -> bool:
        """Put away already: its parts are not there (any more), and there is nothing to fill."""
        return self not in self.app.screen_stack
