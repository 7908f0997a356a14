"""The status file and what lies beside it: the last picture, the status history, the strategy's memory; owner-only.

The picture is written at most once a second, the others when they have news; each is whole in one file, so that none
grows beyond what memory keeps. A disk that refuses them degrades the files, never the trader.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from core.local.folder import write_private

log = logging.getLogger(__name__)

EVERY_S = 1.0
NAME = "status.json"
HISTORY_NAME = "history.json"


class StatusFile:
    """Writes each file of `contents` whenever that gives something (None: nothing new)."""

    def __init__(self, folder: Path, contents: Mapping[str, Callable[[], bytes | None]]) -> None:
        self._files = [(folder / name, content) for name, content in contents.items()]
        self.failed = ""

    async def run(self) -> None:
        while True:
            self.write()
            await asyncio.sleep(EVERY_S)

    def write(self) -> None:
        try:
            for path, content in self._files:
                data = content()
                if data is not None:
                    write_private(path, data)
            self.failed = ""
        except OSError as error:
            if not self.failed:
                log.warning("status file: %s", error)
            self.failed = str(error)
