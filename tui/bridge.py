"""All that the console needs of the trader: a picture to draw, a place for wishes, and a knock when to look at once."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from core.domain.commands import Command
from core.trading.snapshot import TraderSnapshot


class TraderBridge(Protocol):
    """Implemented by the assembly; the console calls it from the loop that both live in."""

    def snapshot(self) -> TraderSnapshot:
        """The current picture; cheap, never blocks."""

    def submit(self, command: Command) -> None:
        """Put a wish into the inbox; never blocks, never raises for what the trader thinks of it."""

    def next_command_id(self) -> int:
        """A new id, larger than all before it."""

    def status_text(self, *, ascii_only: bool = False, form: str = "panel") -> str:
        """The status as it is pasted into reports: `panel`, `whole` (every row) or the short `summary`."""

    def state_folder(self) -> Path:
        """Where copies of the status are kept."""

    async def wait_wake(self) -> None:
        """Return when an alarm or the result of an action has arrived."""
