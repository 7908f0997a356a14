"""DayLedger: what this account did today: orders placed, fills, realized P&L and fees of one UTC day.

Counted from what is journaled, so that a restart goes on where the day stood.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.domain.amounts import Count, Money
from core.trading.snapshot import DayView
from core.trading.timetext import DAY_S, NS

DAY_NS = DAY_S * NS
PAST_KEPT = 60


@dataclass(slots=True)
class DayLedger:
    """One day's figures; `turn` begins a new day, never an earlier one."""

    number: int = -1
    placed: int = 0
    fills: int = 0
    contracts: int = 0
    realized: int = 0
    fees: int = 0
    past: list[DayView] = field(default_factory=list)

    def days(self) -> tuple[DayView, ...]:
        """Past days with anything booked, oldest first, and today."""
        return (*self.past, self._view()) if self.number >= 0 else ()

    def _view(self) -> DayView:
        return DayView(
            at=self.number * DAY_NS,
            placed=self.placed,
            fills=self.fills,
            contracts=Count(self.contracts),
            realized=Money(self.realized),
            fees=Money(self.fees),
        )

    def turn(self, wall_ns: int) -> None:
        """Begin the day of `wall_ns` if it is a later one."""
        today = wall_ns // DAY_NS
        if today > self.number:
            if self.placed or self.fills or self.realized or self.fees:
                self.past = [*self.past[-PAST_KEPT + 1 :], self._view()]
            self.number = today
            self.placed = self.fills = self.contracts = self.realized = self.fees = 0

    def order_placed(self, wall_ns: int) -> None:
        self.turn(wall_ns)
        self.placed += 1

    def fill_booked(self, wall_ns: int, count: int, realized: int, fee: int) -> None:
        """A fill of the day of `wall_ns`; one of an earlier day is not today's."""
        self.turn(wall_ns)
        if wall_ns // DAY_NS == self.number:
            self.fills += 1
            self.contracts += count
            self.realized += realized
            self.fees += fee

    def gained(self, wall_ns: int, realized: int, fee: int = 0) -> None:
        """Realized without a fill: a market paid, a position was corrected."""
        self.turn(wall_ns)
        if wall_ns // DAY_NS == self.number:
            self.realized += realized
            self.fees += fee
