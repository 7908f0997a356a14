"""What the shell must provide: time, chance and the record, as small Protocols. Nothing here decides.

Time is I/O: only implementations of `Clock` read a clock. Everything else takes integers.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Two clocks and a sleep. Durations come from `monotonic_ns`; signing, expiry and shown times from `wall_ns`."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC; may step."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on this clock; other tasks run."""
        ...


class IdSource(Protocol):
    """Where unique ids come from, so that a seeded world repeats itself."""

    def new_id(self) -> str:
        """A UUID text nobody has seen before."""
        ...
