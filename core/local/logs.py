"""The log on disk: rotated by size, for the owner only, each of its files, whatever the umask.

A line of the log begins with its time, and nothing that is said in a line can begin another one."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

FILE_LIMIT = 5_000_000
FILES_KEPT = 5


class OneLine(logging.Formatter):
    """What cannot be printed is shown by its code; the lines of a traceback are set in."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the library's name
        return _printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  the library's name
        return "\n".join(f"  | {_printable(line)}" for line in super().formatException(ei).splitlines())


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text)


class PrivateLog(logging.handlers.RotatingFileHandler):
    """A rotating file in a private folder. OSError when it cannot be opened; a link in its place is not followed."""

    def __init__(self, path: Path, limit: int = FILE_LIMIT, kept: int = FILES_KEPT) -> None:
        super().__init__(path, maxBytes=limit, backupCount=kept, encoding="utf-8", errors="replace")
        self.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's name
        """A disk that takes nothing costs its lines. Told on standard error, as the library does, each would draw over
        the console, or stop the trading loop at a pipe that nobody reads.
        """
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(self.baseFilename, flags, 0o600)
        return open(handle, "a", encoding=self.encoding, errors=self.errors)  # noqa: PTH123  a handle, no path
