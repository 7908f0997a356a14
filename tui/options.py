"""How the console looks and which clock it reads; nothing here changes what the trader does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """`clock_ns` must be the clock of the snapshot's `*_ns` times. `guard_ms` is how long after a screen change
    dangerous keys are ignored, `farewell_ms` how long the certificate of the stop stays."""

    ascii: bool = False
    mouse: bool = True
    theme: str = ""
    clock_ns: Callable[[], int] = time.monotonic_ns
    guard_ms: int = 300
    farewell_ms: int = 1200
    pull_hz: int = 4
