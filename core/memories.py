"""The strategy's own state on disk: what it remembers of its markets survives a restart, in one owner-only file.

Written with the status file when something was decided, at most once a second. What is another strategy's, another
version's, too old or not readable is told and not taken: the strategy then begins as new.
"""

from __future__ import annotations

import logging
from pathlib import Path

from core.domain.text import clean_text
from core.engine.engine import Engine
from core.strategy.decisions import NOT_PLAIN

log = logging.getLogger(__name__)
NAME = "strategy.state"
MOST_BYTES = 4_000_000


class StrategyMemory:
    """Takes back what an earlier session kept, at wall time `at` in ns; then `contents` gives what is to be written."""

    def __init__(self, folder: Path, engine: Engine, at: int) -> None:
        self.contents = {NAME: self._news}
        self._path = folder / NAME
        self._engine = engine
        self._made = 0
        self._told = False
        self._read(at)

    def _read(self, at: int) -> None:
        actor, status = self._engine.actor, self._engine.desk.status
        try:
            if self._path.stat().st_size > MOST_BYTES:
                raise ValueError(f"larger than {MOST_BYTES} bytes")
            actor.load(self._path.read_bytes(), at)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            why = clean_text(error.strerror or str(error) if isinstance(error, OSError) else str(error))
            told = f"the memory of strategy {actor.strategy.name} is not taken back: {why}"
            status.log_error(at, told, "it begins as new", severity="warning")

    def _news(self) -> bytes | None:
        """The file's content, where something was decided since; None where there is nothing to write."""
        actor = self._engine.actor
        if actor.decisions.made == self._made:
            return None
        self._made = actor.decisions.made
        try:
            packed = actor.save(self._engine.desk.wall_ns)
            if len(packed) <= MOST_BYTES:
                return packed
            why = f"larger than {MOST_BYTES} bytes"
        except NOT_PLAIN as error:
            why = str(error)
        if not self._told:
            self._told = True
            log.warning("the memory of strategy %s is not kept: %s", actor.strategy.name, clean_text(why))
        return None
