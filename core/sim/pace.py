"""The exchange's own time: as fast as the machine's clock, faster, slower, or standing still and stepped by hand.

A change of speed never makes time jump. Signatures and rate limits stay on the machine's clock; everything that
happens at the exchange is on this one.
"""

from __future__ import annotations

from core.ports import Clock

UNIT = 1_000  # speeds are kept in thousandths
FASTEST = 100_000 * UNIT


class Pace:
    """Venue time as a function of the clock. `speed` 1 is real time, 0 stands still."""

    def __init__(self, clock: Clock, speed: float = 1) -> None:
        self._clock = clock
        self._since_ns = self._base_ns = clock.wall_ns()
        self._thousandths = 0
        self.set_speed(speed)

    @property
    def speed(self) -> float:
        return self._thousandths / UNIT

    def now_ns(self) -> int:
        return self._base_ns + (self._clock.wall_ns() - self._since_ns) * self._thousandths // UNIT

    def set_speed(self, speed: float) -> None:
        """ValueError for a speed time cannot have."""
        thousandths = round(speed * UNIT)
        if not 0 <= thousandths <= FASTEST:
            raise ValueError(f"the speed of the exchange is between 0 and {FASTEST // UNIT}, not {speed}")
        self._base_ns, self._since_ns = self.now_ns(), self._clock.wall_ns()
        self._thousandths = thousandths

    def step(self, by_ns: int) -> None:
        """Move ahead at once; ValueError for the past."""
        if by_ns < 0:
            raise ValueError("time at the exchange does not go back")
        self._base_ns += by_ns
