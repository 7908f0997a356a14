"""The real clock and the real source of ids: the only place besides the virtual ones that reads them."""

from __future__ import annotations

import asyncio
import time
import uuid


class SystemClock:
    """ports.Clock over the operating system."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SystemIds:
    """ports.IdSource over the operating system's randomness."""

    def new_id(self) -> str:
        return str(uuid.uuid4())


def thread_cpu_ns() -> int:
    """How long this thread has had the processor: what it waited is not in it."""
    return time.thread_time_ns()
