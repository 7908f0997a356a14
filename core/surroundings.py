"""Surroundings: what a bug report needs to know of the machine and the program, and the readings of client and loop.

Nothing secret: the configuration is told by a hash, the key id is left out of it.
"""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.config import Settings
from core.domain.text import clean_text
from core.exchange.latency import ClientStats
from core.trading.snapshot import GaugesView, LatencyView, ScreenGauges

REVISION_SHOWN = 10


def surroundings(settings: Settings) -> dict[str, str]:
    """Fields of the identity by name."""
    return {
        "revision": revision(),
        "host": clean_text(platform.node(), 40),
        "python": platform.python_version(),
        "screen": _version("textual"),
        "config_hash": config_hash(settings),
    }


def config_hash(settings: Settings) -> str:
    """Eight hex digits that are the same for the same effective settings, wherever they came from."""
    shown = settings.model_dump_json(exclude={"key_id", "private_key_path", "state_dir"}, warnings=False)
    return hashlib.sha256(shown.encode()).hexdigest()[:8]


@cache
def revision() -> str:
    """The git commit this runs from; empty in an installation without a checkout."""
    git = Path(__file__).resolve().parents[1] / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:REVISION_SHOWN]
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text().strip()[:REVISION_SHOWN]
        packed = (git / "packed-refs").read_text().splitlines()
        return next((line.split()[0][:REVISION_SHOWN] for line in packed if line.endswith(f" {name}")), "")
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def memory_kib() -> int | None:
    """What this process holds in memory now; None where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)
    except (OSError, ValueError, IndexError):
        return None


def gauges(stats: ClientStats | None, lag_p50_us: int | None, screen: ScreenGauges | None) -> GaugesView:
    """Client, loop and screen as they stand."""
    if stats is None:
        return GaugesView(loop_lag_p50_us=lag_p50_us, memory_kib=memory_kib(), screen=screen)
    return GaugesView(
        loop_lag_p50_us=lag_p50_us,
        latency=tuple(
            LatencyView(call=row.call.value, replies=row.replies, p50_us=row.p50_us, p99_us=row.p99_us)
            for row in stats.latency
        ),
        limited=stats.limited,
        retries=stats.retries,
        last_error=stats.last_error,
        clock_offset_ms=stats.skew_ms,
        memory_kib=memory_kib(),
        screen=screen,
    )
