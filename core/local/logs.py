"""The log on disk: rotated by size, for the owner only, each of its files, whatever the umask."""

from __future__ import annotations

import logging
import logging.handlers
import os
from io import TextIOWrapper
from pathlib import Path

FILE_LIMIT = 5_000_000
FILES_KEPT = 5


class PrivateLog(logging.handlers.RotatingFileHandler):
    """A rotating file in a private folder. OSError when it cannot be opened; a link in its place is not followed."""

    def __init__(self, path: Path, limit: int = FILE_LIMIT, kept: int = FILES_KEPT) -> None:
        super().__init__(path, maxBytes=limit, backupCount=kept, encoding="utf-8", errors="replace")
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(self.baseFilename, flags, 0o600)
        return open(handle, "a", encoding=self.encoding, errors=self.errors)  # noqa: PTH123  a handle, no path
