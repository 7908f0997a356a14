"""The status file: the last picture on disk, atomic, owner-only, at most once a second. `status` reads it.

A disk that refuses it degrades the file, never the trader.
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


class StatusFile:
    """Writes what `picture` gives."""

    def __init__(self, folder: Path, picture: Callable[[], bytes]) -> None:
        self.path = folder / NAME
        self._picture = picture
        self.failed = ""

    async def run(self) -> None:
        while True:
            self.write()
            await asyncio.sleep(EVERY_S)

    def write(self) -> None:
        try:
            write_private(self.path, self._picture())
            self.failed = ""
        except OSError as error:
            if not self.failed:
                log.warning("status file: %s", error)
            self.failed = str(error)
