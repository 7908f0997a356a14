"""The tape of a session: begun when the engine is assembled, closed when the trader has left."""

from __future__ import annotations

from pathlib import Path

from core.domain.records import SessionStarted
from core.engine.coordinator import TraderCoordinator
from core.engine.tape import Recorder, head_of
from core.environment import Quarters
from core.journal.tape import TapeFile


class Recording:
    """Where a tape goes, and what must be known of the start for it; `path` None records nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        # Monotonic and wall time at which what earlier sessions left was taken over.
        self.restored = (0, 0)
        self.began: SessionStarted | None = None
        self._file: TapeFile | None = None

    def begin(self, coordinator: TraderCoordinator, strategy: str, quarters: Quarters | None) -> None:
        """From here on every step is on the tape. BadInput when it cannot be written."""
        if self.path is None:
            return
        assert self.began is not None
        self._file = TapeFile(self.path)
        head = head_of(coordinator.engine, strategy, coordinator.snapshot.identity, self.began, self.restored)
        if quarters is not None:
            head.journal_position = quarters.contents.position
            head.records, head.history = tuple(quarters.contents.records), quarters.history()
        coordinator.recorder = Recorder(self._file.write, head)

    def end(self, coordinator: TraderCoordinator, now_ns: int) -> None:
        """The trader left in order."""
        if coordinator.recorder is not None:
            coordinator.recorder.ended(now_ns)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
