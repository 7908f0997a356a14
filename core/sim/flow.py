"""The schedule of the living markets: whose turn comes when, and how fair values move in between.

A fair value drifts, comes back to its anchor and sometimes jumps. In a mutually exclusive event the fair values add up
to one dollar: what one gains the others lose. The characters themselves are in `people`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from random import Random

from core.domain.amounts import PRICE_SCALE, Price, dollars
from core.domain.enums import MarketStatus
from core.sim.chance import below, between, pick
from core.sim.model import Event, Market
from core.sim.people import CHARACTERS, LIGHT, Crowd, Pulse, Style, light
from core.sim.text import NS_PER_MS
from core.sim.venue import Venue

HOUSE_CASH = dollars(50_000_000)
LOWEST, HIGHEST = 250, 9_750
JUMP_IN = 70  # one step in so many is a jump
REVERT = 200


class Flow:
    """All participants. `advance` does what is due; how much at a time is the caller's choice."""

    def __init__(
        self, venue: Venue, *, seed: int, start_ns: int, style: Style | None = None, few_turns: bool = False
    ) -> None:
        self.venue = venue
        self.style = light(style or Style()) if few_turns else style or Style()
        self._characters = LIGHT if few_turns else CHARACTERS
        self._chance = Random(f"flow:{seed}")
        self.crowd = Crowd(venue, self._chance, self.style, lambda: venue.open_account(HOUSE_CASH, house=True))
        self.pulses: dict[str, Pulse] = {}
        self._due: list[tuple[int, int, str, Pulse]] = []
        self._number = 0
        self._spans: dict[tuple[str, int], tuple[int, int, int]] = {}
        for event in list(venue.events.values()):
            self.join(event.markets, start_ns)

    def join(self, markets: Iterable[Market], now_ns: int) -> None:
        """Begin to trade markets; only those that are alive have participants."""
        for market in markets:
            if not market.alive:
                continue
            pulse = self.pulses[market.ticker] = Pulse(market, self._chance)
            self._schedule(now_ns, "maker", pulse)
            for name in CHARACTERS:
                if name != "maker" and getattr(self.style, name):
                    self._schedule(now_ns + between(self._chance, 1, 600) * NS_PER_MS, name, pulse)

    def advance(self, now_ns: int, may_go_on: Callable[[], bool] = lambda: True) -> bool:
        """Do everything due by `now_ns` at its own time; False where `may_go_on` stopped it before the end."""
        while self._due and self._due[0][0] <= now_ns:
            if not may_go_on():
                return False
            due_ns, _number, name, pulse = heapq.heappop(self._due)
            self.venue.advance(due_ns)
            market = pulse.market
            if market.status is MarketStatus.ACTIVE and self.venue.trading_active:
                if name == "maker":
                    self._drift(pulse)
                self._characters[name].act(self.crowd, pulse)
            elif market.status not in (MarketStatus.INITIALIZED, MarketStatus.ACTIVE, MarketStatus.INACTIVE):
                # Closed for good, or as good as: nobody comes back to it unless it is listed again.
                self.pulses.pop(market.ticker, None)
                continue
            self._schedule(due_ns + self._pause(name, pulse), name, pulse)
        return True

    def behind_ns(self, now_ns: int) -> int:
        """How late the earliest due action is."""
        return max(0, now_ns - self._due[0][0]) if self._due else 0

    def skip(self, by_ns: int) -> None:
        """Shift the whole schedule: time the machine slept is not traded."""
        self._due = [(due + by_ns, number, name, pulse) for due, number, name, pulse in self._due]

    def jump(self, ticker: str, by: int) -> None:
        """News: the fair value is somewhere else from now on."""
        pulse = self.pulses.get(ticker)
        if pulse is not None:
            pulse.market.anchor = Price(_bounded(pulse.market.anchor + by))
            self._move(pulse, by)

    def _schedule(self, due_ns: int, name: str, pulse: Pulse) -> None:
        self._number += 1
        heapq.heappush(self._due, (due_ns, self._number, name, pulse))

    def _pause(self, name: str, pulse: Pulse) -> int:
        span = self._spans.get((name, pulse.rank))
        if span is None:
            span = self._spans[name, pulse.rank] = self._span(name, pulse.rank)
        low, beyond, pace = span
        return (low + below(self._chance, beyond - low)) * NS_PER_MS * 100 // pace

    def _span(self, name: str, rank: int) -> tuple[int, int, int]:
        """The least pause and the first too long one in milliseconds, at a pace in percent."""
        who = self._characters[name]
        pace = self.style.pace * (getattr(self.style, name) if name not in ("maker", "noise") else 1)
        return who.low + who.low_per_rank * rank, who.high + who.high_per_rank * rank + 1, pace

    # fair values

    def _drift(self, pulse: Pulse) -> None:
        chance, style = self._chance, self.style
        step = (22 if 1_000 <= pulse.fair <= 9_000 else 6) * style.volatility // 100
        by = between(chance, -step, step) + (pulse.market.anchor - pulse.fair) // REVERT
        if style.jumps and not below(chance, max(1, JUMP_IN * 100 // style.jumps)):
            by += pick(chance, (-1, 1)) * between(chance, 8, 25) * step
        self._move(pulse, by)

    def _move(self, pulse: Pulse, by: int) -> None:
        before = pulse.fair
        pulse.fair = _bounded(before + by)
        event = pulse.market.event
        if event.mutually_exclusive:
            self._add_up(event, pulse)

    def _add_up(self, event: Event, moved: Pulse) -> None:
        """What one outcome gains the others lose, in proportion: together they are worth one dollar."""
        others = [self.pulses[m.ticker] for m in event.markets if m.ticker in self.pulses and m is not moved.market]
        total = sum(other.fair for other in others)
        if not total or len(others) + 1 != len(event.markets):
            return
        rest = PRICE_SCALE - moved.fair
        for other in others:
            other.fair = _bounded(other.fair * rest // total)


def _bounded(price: int) -> int:
    return min(max(price, LOWEST), HIGHEST)
