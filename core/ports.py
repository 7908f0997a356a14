"""What the shell must provide: time, chance and the record, as small Protocols. Nothing here decides.

Time is I/O: only implementations of `Clock` read a clock. Everything else takes integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from core.domain.effects import RestEffect
from core.domain.events import Event
from core.domain.ids import Ticker
from core.domain.records import Record

T = TypeVar("T")


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


class Stopwatch(Protocol):
    """Watches over a call that must not hold the loop."""

    def timed(self, call: Callable[[], T]) -> tuple[T, int]:
        """The result and how long it worked in nanoseconds. Raises what the call raises, and TookTooLong where it had
        to be interrupted.
        """
        ...


class Unwatched:
    """For worlds on virtual time, where a call takes none: nothing is measured, nothing interrupted."""

    def timed(self, call: Callable[[], T]) -> tuple[T, int]:
        return call(), 0


class IdSource(Protocol):
    """Where unique ids come from, so that a seeded world repeats itself."""

    def new_id(self) -> str:
        """A UUID text nobody has seen before."""
        ...


class JournalPort(Protocol):
    """The append-only record. Positions count records; `position` is the last one appended."""

    position: int

    def append(self, records: Sequence[Record]) -> None:
        """Queue records for writing, in order; never blocks on the disk."""
        ...

    async def synced(self, position: int) -> bool:
        """Wait until everything up to `position` is on disk; False when it never will be."""
        ...

    async def close(self) -> None:
        """Write and sync what is queued."""
        ...


class ExchangeClient(Protocol):
    """The REST side of an exchange: one effect in, exactly one fact out, never an exception."""

    async def perform(self, effect: RestEffect) -> Event: ...


class ExchangeStream(Protocol):
    """The stream side of an exchange; facts go to the `emit` it was made with."""

    async def run(self) -> None: ...

    def watch(self, tickers: tuple[Ticker, ...]) -> None: ...

    def refresh(
        self, tickers: tuple[Ticker, ...], reason: str, reconnect: bool = False, check: bool = False
    ) -> None: ...
