"""EquityTracker: the portfolio over time: the day's result, the high-water mark, the drawdown, the curve.

A day is a UTC day. The first portfolio known on a day is its base. Base and high-water mark are journaled, so that a
restart goes on from them. Portfolio is cash plus positions at mark, so a loss not yet realized counts.
"""

from __future__ import annotations

from core.domain.amounts import NO_MONEY, Money, dollars

NS = 1_000_000_000
DAY_NS = 86_400 * NS
CURVE_EVERY_NS = NS
PEAK_STEP = dollars(1)
CURVE_KEPT = 600  # an even number


class EquityTracker:
    """Fed once a beat with the portfolio."""

    def __init__(self, day_base: Money | None = None, base_at: int = 0, peak: Money | None = None) -> None:
        self._day = base_at // DAY_NS if day_base is not None else -1
        self._base = day_base if day_base is not None else NO_MONEY
        self._known = False
        self._peak: int | None = peak
        self._kept = peak
        self._curve_at = 0
        self._curve_every_ns = CURVE_EVERY_NS
        self.portfolio = NO_MONEY
        self.curve: list[tuple[int, Money]] = []
        self._unexplained: dict[int, int] = {}  # amounts of cash nobody could explain, and their day
        self.max_drawdown = NO_MONEY

    def note(self, portfolio: Money, wall_ns: int) -> bool:
        """Take the present portfolio; True when it opened a new day."""
        self.portfolio = portfolio
        opened = wall_ns // DAY_NS != self._day
        if opened:
            self._day, self._base = wall_ns // DAY_NS, portfolio
        self._known = True
        self._peak = portfolio if self._peak is None else max(self._peak, portfolio)
        self.max_drawdown = Money(max(self.max_drawdown, self.drawdown))
        if wall_ns - self._curve_at >= self._curve_every_ns:
            self._curve_at = wall_ns
            self._draw(wall_ns, portfolio)
        return opened

    def _draw(self, wall_ns: int, portfolio: Money) -> None:
        """A curve that is full keeps every second point and doubles their distance: it always begins at the start."""
        if len(self.curve) == CURVE_KEPT:
            self.curve = self.curve[::2]
            self._curve_every_ns *= 2
        self.curve.append((wall_ns, portfolio))

    def moved_from_outside(self, amount: Money) -> None:
        """Money came or went by a transfer: that is no result, so every base moves with it. But where it goes back the
        way it came unexplained, which was counted as a result then, what was counted is taken back.
        """
        day = self._unexplained.pop(-amount, None)
        if day is None or day != self._day:
            self._base = Money(self._base + amount)
        if day is None and self._peak is not None:
            self._peak += amount
            self._kept = None

    def moved_unexplained(self, amount: Money) -> None:
        """Money came or went and nobody knows why: a result, until it goes back."""
        self._unexplained[amount] = self._day

    def peak_to_keep(self) -> Money | None:
        """The high-water mark where it differs enough from the one on record; that one is then on record."""
        if self._peak is None or (self._kept is not None and self._peak - self._kept < PEAK_STEP):
            return None
        self._kept = Money(self._peak)
        return self._kept

    @property
    def day_result(self) -> Money:
        """The day's result; nothing before the first portfolio is known, also when the day's base is."""
        return Money(self.portfolio - self._base) if self._known else NO_MONEY

    def day_of(self, portfolio: Money) -> Money:
        """The day's result with the portfolio as it is at this moment."""
        return Money(portfolio - self._base) if self._day >= 0 else NO_MONEY

    @property
    def drawdown(self) -> Money:
        """How far the portfolio is below its highest, also of earlier sessions on this journal."""
        return Money(self._peak - self.portfolio) if self._known and self._peak is not None else NO_MONEY
