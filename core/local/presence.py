"""The status file and the status history: the last picture and the last rows on disk, atomic, owner-only.

The picture is written at most once a second, the history when it has a new row; the history is whole in one file, so
it never grows beyond what memory keeps. A disk that refuses them degrades the files, never the trader.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from core.local.folder import write_private

log = logging.getLogger(__name__)

EVERY_S = 1.0
NAME = "status.json"
HISTORY_NAME = "history.json"


class StatusFile:
    """Writes what `picture` gives, and `history` whenever that gives something (None: nothing new)."""

    def __init__(self, folder: Path, picture: Callable[[], bytes], history: Callable[[], bytes | None]) -> None:
        self.path = folder / NAME
        self.history_path = folder / HISTORY_NAME
        self._picture = picture
        self._history = history
        self.failed = ""

    async def run(self) -> None:
        while True:
            self.write()
            await asyncio.sleep(EVERY_S)

    def write(self) -> None:
        try:
            write_private(self.path, self._picture())
            rows = self._history()
            if rows is not None:
                write_private(self.history_path, rows)
            self.failed = ""
        except OSError as error:
            if not self.failed:
                log.warning("status file: %s", error)
            self.failed = str(error)
