"""LagMeter: how late the loop runs, as percentiles of the last second, in integers."""

from __future__ import annotations

from collections.abc import Callable

from core.domain.events import LoopMeasured

SAMPLES = 20


class LagMeter:
    """Collects lateness; every `SAMPLES` notes it gives a maker of the fact."""

    def __init__(self) -> None:
        self._late: list[int] = []
        self.p50_us: int | None = None

    def note(self, late_ns: int) -> Callable[[int, int], LoopMeasured] | None:
        self._late.append(max(0, late_ns) // 1000)
        if len(self._late) < SAMPLES:
            return None
        ordered, self._late = sorted(self._late), []
        self.p50_us = ordered[len(ordered) // 2]

        def fact(read_tokens: int, write_tokens: int) -> LoopMeasured:
            return LoopMeasured(
                lag_p50_us=ordered[len(ordered) // 2],
                lag_p99_us=ordered[-1],
                read_tokens=read_tokens,
                write_tokens=write_tokens,
            )

        return fact
