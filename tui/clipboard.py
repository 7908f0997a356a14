"""Getting text to the operator's clipboard: through tmux inside tmux, else by OSC 52; and always into a file.

No terminal confirms a copy, so the words are "sent by". Nothing here blocks the loop: tmux is a subprocess with one
second to answer, the file is written in a thread.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

LIMIT = 20_000
TMUX_SECONDS = 1.0


async def _by_tmux(text: str) -> bool:
    """Hand `text` to tmux, which passes it on to the outer terminal."""
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux", "load-buffer", "-w", "-",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return False
    try:
        async with asyncio.timeout(TMUX_SECONDS):
            await process.communicate(text.encode("utf-8", "replace"))
    except (TimeoutError, OSError):
        with suppress(ProcessLookupError):
            process.kill()
        return False
    return process.returncode == 0


async def send(text: str, osc52: Callable[[str], None], environment: Mapping[str, str] | None = None) -> str:
    """Send `text` to the clipboard and name the route taken."""
    environment = os.environ if environment is None else environment
    if len(text.encode("utf-8", "replace")) > LIMIT:
        return "no route: too long for a clipboard"
    if environment.get("TMUX") and await _by_tmux(text):
        return "tmux"
    osc52(text)
    return "OSC 52"


def _write(folder: Path, text: str, now: datetime) -> Path:
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    for number in range(1000):
        path = folder / (f"status-{stamp}.txt" if not number else f"status-{stamp}-{number}.txt")
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        return path
    raise FileExistsError(f"no free name for {stamp}")


async def keep(text: str, folder: Path) -> Path:
    """Write `text` to a new owner-only file in `folder` and return its path; OSError when that is not possible."""
    return await asyncio.to_thread(_write, folder, text, datetime.now(tz=UTC))
